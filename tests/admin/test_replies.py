from pcscf.admin.replies import reply


def test_an_answer_is_one_line_of_ascii() -> None:
    answer = reply({"error": "a\nb \udcff é"}, 404, (("Allow", "GET"),))
    assert answer.status == 404
    assert answer.body == b'{"error": "a\\nb \\udcff \\u00e9"}\n'
    assert answer.content_type == "application/json"
    assert answer.headers["Allow"] == "GET"
