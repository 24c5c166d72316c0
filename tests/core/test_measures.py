"""The numbers: what is counted as what, and how long things took."""

import pytest

from pcscf.core.flow import Side
from pcscf.core.measures import BUCKETS, OTHER, Histogram, Measures
from tests.core.phone import Phone
from tests.core.stage import Stage

OK = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "method", "status"),
    [
        (b"MESSAGE sip:a@b SIP/2.0\r\nCSeq: 1 MESSAGE\r\n\r\n", "MESSAGE", ""),
        (b"MADEUP sip:a@b SIP/2.0\r\n\r\n", OTHER, ""),
        (b"message sip:a@b SIP/2.0\r\n\r\n", OTHER, ""),  # methods are case-sensitive
        (b"x" * 10_000, OTHER, ""),
        (b"", OTHER, ""),
        (OK, "INVITE", "200"),
        (OK.replace(b"CSeq: 7 INVITE", b"cseq :\t7  BYE"), "BYE", "200"),
        (OK.replace(b"INVITE", b"MADEUP"), OTHER, "200"),
        (OK.replace(b"CSeq", b"X-Seq"), OTHER, "200"),
        (OK.replace(b"200", b"999"), "INVITE", OTHER),
        (OK.replace(b"200", b"2\xb200"), "INVITE", OTHER),
    ],
)
def test_what_a_message_counts_as(data: bytes, method: str, status: str) -> None:
    measures = Measures()
    measures.count(Side.CORE, "sent", data)
    assert measures.sip == {(Side.CORE, "sent", method, status): 1}


def test_what_peers_make_up_does_not_fill_the_tables() -> None:
    measures = Measures()
    for n in range(1000):
        measures.count(Side.CLEAR, "received", b"M%d sip:a SIP/2.0\r\n\r\n" % n)
        measures.count(Side.CLEAR, "received", b"SIP/2.0 %03d x\r\nCSeq: 1 M%d\r\n\r\n" % (n, n))
        measures.answered(Side.CLEAR, f"M{n}", 0.1)
    assert len(measures.sip) == 1 + 601
    assert sum(measures.sip.values()) == 2000
    assert list(measures.answers) == [(Side.CLEAR, OTHER)]
    assert sum(measures.answers[Side.CLEAR, OTHER].counts) == 1000


def test_a_histogram() -> None:
    histogram = Histogram()
    for seconds in (0.0, BUCKETS[0], 0.006, 1000.0):
        histogram.observe(seconds)
    assert histogram.counts == [2, 1, *[0] * (len(BUCKETS) - 2), 1]
    assert histogram.total == pytest.approx(1000.011)


def test_a_registration_in_numbers() -> None:
    stage = Stage()
    phone = Phone(stage)
    register = phone.register()
    stage.receive(phone.clear_flow(), register)
    stage.receive(phone.clear_flow(), register)  # a copy counts, and leads to none of ours
    stage.wait(0.3)
    phone.take_server(stage.challenge())
    stage.wait(0.1)
    stage.accept_answer_of(phone)
    measures = stage.edge.measures
    assert {key: n for key, n in measures.sip.items() if key[2] == "REGISTER"} == {
        (Side.CLEAR, "received", "REGISTER", ""): 2,
        (Side.CORE, "sent", "REGISTER", ""): 2,
        (Side.CORE, "received", "REGISTER", "401"): 1,
        (Side.CLEAR, "sent", "REGISTER", "401"): 1,
        (Side.PROTECTED, "received", "REGISTER", ""): 1,
        (Side.CORE, "received", "REGISTER", "200"): 1,
        (Side.PROTECTED, "sent", "REGISTER", "200"): 1,
    }
    assert measures.answers[Side.CLEAR, "REGISTER"].total == pytest.approx(0.3)
    assert measures.first_responses[Side.CORE, "REGISTER"].total == pytest.approx(0.3)
    assert sum(measures.first_responses[Side.CORE, "REGISTER"].counts) == 2
    assert measures.registrations.total == pytest.approx(0.4)


def test_a_provisional_answer_is_the_first_response_and_no_final_one() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("INVITE", "sip:b@home.example"))
    invite = stage.last_to_core()
    stage.wait(0.2)
    stage.core_says(invite, 180)
    stage.wait(5)
    stage.core_says(invite, 486)
    measures = stage.edge.measures
    assert measures.first_responses[Side.CORE, "INVITE"].total == pytest.approx(0.2)
    assert measures.answers[Side.PROTECTED, "INVITE"].total == pytest.approx(5.2)
