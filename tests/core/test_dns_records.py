from pcscf.core.dns_records import Naptr, Question, RecordType


def test_naptr_records_sort_by_order_then_preference() -> None:
    """RFC 3403 4.1."""
    first = Naptr(10, 50, "s", "sip+d2t", "z.example")
    second = Naptr(10, 60, "s", "sip+d2u", "a.example")
    third = Naptr(20, 1, "s", "sip+d2u", "a.example")
    assert sorted([third, second, first]) == [first, second, third]


def test_a_type_prints_as_the_dns_names_it() -> None:
    question = Question("home.example", RecordType.NAPTR)
    assert f"{question.name} {question.type}" == "home.example NAPTR"
