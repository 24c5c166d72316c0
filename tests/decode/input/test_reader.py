from pcscf.decode.input.reader import end_note


def test_the_end_of_a_file_in_words() -> None:
    assert end_note(7, b"", "") == []
    assert end_note(7, b"rest", "") == ["truncated after frame 7"]
    assert end_note(7, b"", "damaged gzip") == ["truncated after frame 7: damaged gzip"]
