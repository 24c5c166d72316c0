import pytest

from pcscf.decode.input import messages as module
from pcscf.decode.input.messages import Messages
from pcscf.decode.model import Endpoint, Packet, Sa, SipMessage
from tests.decode.wires import ACK, PCSCF, SYN, TCP, UDP, UE, tcp, udp

OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
OK = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
BYE = b"BYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
SECOND = 10**9
SA = Sa(1, UE, PCSCF)


class Tap:
    """Packets with numbers of their own; a frame a millisecond."""

    def __init__(self) -> None:
        self.messages = Messages()
        self.number = 0

    def packet(
        self, payload: bytes, protocol: int = TCP, *, back: bool = False, sa: Sa | None = None,
        time: int | None = None, missing: int = 0,
    ) -> list[SipMessage]:  # fmt: skip
        self.number += 1
        time = self.number * 10**6 if time is None else time
        ends = (PCSCF, UE) if back else (UE, PCSCF)
        return self.messages.feed(
            Packet(self.number, time, *ends, protocol, b"", payload, missing), sa
        )


def summary(messages: list[SipMessage]) -> list[tuple[int, bytes]]:
    return [(one.number, one.data) for one in messages]


def test_a_datagram() -> None:
    (message,) = Tap().packet(udp(OPTIONS, 5062, 5063), UDP, sa=SA)
    ends = Endpoint(UE, 5062), Endpoint(PCSCF, 5063)
    assert message == SipMessage(1, 10**6, *ends, "UDP", SA, OPTIONS)


def test_ends_are_remembered_in_bounds_and_not_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._Ends, "_ROOM", 3)
    monkeypatch.setattr(module, "_ends", module._Ends())
    tap = Tap()
    for port in [1, 2, 1, 3, 4, 5, 1]:
        for back in False, True:
            (message,) = tap.packet(udp(OPTIONS, port, 5063), UDP, back=back)
            hosts = (PCSCF, UE) if back else (UE, PCSCF)
            assert (message.src, message.dst) == (
                Endpoint(hosts[0], port),
                Endpoint(hosts[1], 5063),
            )
            assert len(module._ends) <= 3


def test_a_stream() -> None:
    tap = Tap()
    assert tap.packet(tcp(b"", 99, SYN, src=5062)) == []
    assert tap.packet(tcp(OPTIONS[:9], 100, src=5062)) == []
    (message,) = tap.packet(tcp(OPTIONS[9:], 109, src=5062), sa=None)
    ends = Endpoint(UE, 5062), Endpoint(PCSCF, 5060)
    assert message == SipMessage(3, 3 * 10**6, *ends, "TCP", None, OPTIONS)


@pytest.mark.parametrize(
    ("payload", "protocol"),
    [
        (b"", UDP),
        (udp(b""), UDP),
        (udp(b"\r\n\r\n"), UDP),
        (udp(bytes(100)), UDP),
        (udp(OPTIONS), 132),
        (b"short", TCP),
        (tcp(b"GET / HTTP/1.1\r\n\r\n"), TCP),
        (tcp(b""), TCP),
    ],
)
def test_what_is_no_sip_is_left_alone(payload: bytes, protocol: int) -> None:
    assert Tap().packet(payload, protocol) == []


def test_the_length_of_a_datagram_is_heeded() -> None:
    (message,) = Tap().packet(udp(OPTIONS + b"padding", length=8 + len(OPTIONS)), UDP)
    assert message.data == OPTIONS
    (message,) = Tap().packet(udp(OPTIONS)[:4] + bytes(2) + udp(OPTIONS)[6:], UDP)
    assert message.data == OPTIONS


def test_a_datagram_that_was_cut_is_given_and_counted() -> None:
    tap = Tap()
    (message,) = tap.packet(udp(OPTIONS)[:40], UDP, missing=20)
    assert (message.data, tap.messages.cut) == (OPTIONS[:32], 1)
    tap.packet(udp(bytes(9)), UDP, missing=20)
    assert tap.messages.cut == 1


def test_both_directions_and_several_connections_are_told_apart() -> None:
    tap = Tap()
    tap.packet(tcp(OPTIONS[:9], 100))
    tap.packet(tcp(OK[:9], 100, src=5061))
    tap.packet(tcp(BYE[:9], 100), back=True)
    given = tap.packet(tcp(OPTIONS[9:], 109)) + tap.packet(tcp(OK[9:], 109, src=5061))
    given += tap.packet(tcp(BYE[9:], 109), back=True)
    assert [one.data for one in given] == [OPTIONS, OK, BYE]


def test_segments_in_clear_do_not_disturb_a_protected_stream() -> None:
    tap = Tap()
    tap.packet(tcp(OPTIONS[:9], 100), sa=SA)
    tap.packet(tcp(b"forged", 109))
    tap.packet(tcp(b"", 5, SYN))
    (message,) = tap.packet(tcp(OPTIONS[9:], 109), sa=SA)
    assert (message.data, message.sa) == (OPTIONS, SA)


def test_segments_in_another_order() -> None:
    tap = Tap()
    tap.packet(tcp(OPTIONS[:9], 100))
    assert tap.packet(tcp(OPTIONS[20:] + OK, 120)) == []
    assert summary(tap.packet(tcp(OPTIONS[9:20], 109))) == [(3, OPTIONS), (3, OK)]


def lose_one(tap: Tap) -> None:
    tap.packet(tcp(OPTIONS, 100), sa=SA)
    tap.packet(tcp(BYE, 100 + len(OPTIONS) + 50), sa=SA)


def test_a_lost_segment_is_passed_when_the_other_end_has_had_it() -> None:
    tap = Tap()
    lose_one(tap)
    tap.packet(tcp(b"", 1, ACK, ack=1000), back=True, sa=SA)
    given = tap.packet(udp(OK), UDP, time=SECOND) + tap.packet(tcp(b"x", src=9), time=SECOND)
    assert summary(given) == [(4, OK), (2, BYE)]
    assert [one.sa for one in given] == [None, SA]


def test_a_lost_segment_is_passed_after_a_while() -> None:
    tap = Tap()
    lose_one(tap)
    assert tap.packet(tcp(b"x", src=9), time=29 * SECOND) == []
    assert summary(tap.packet(tcp(b"x", src=9), time=31 * SECOND)) == [(2, BYE)]
    assert tap.messages.finish() == []
    assert (tap.messages.gaps, tap.messages.broken) == (1, 0)


def test_at_the_end_nothing_waits_any_longer() -> None:
    tap = Tap()
    lose_one(tap)
    tap.packet(tcp(OPTIONS[:9], 100), back=True)
    assert summary(tap.messages.finish()) == [(2, BYE)]
    assert tap.messages.finish() == []


def test_what_was_lost_is_counted() -> None:
    tap = Tap()
    tap.packet(tcp(OPTIONS[:30], 100))
    tap.packet(tcp(OPTIONS[35:], 135))
    tap.messages.finish()
    assert tap.messages.broken == 1


def test_the_number_of_streams_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STREAMS", 10)
    tap = Tap()
    tap.packet(tcp(OPTIONS[:9], 100))
    for port in range(1, 10):
        tap.packet(tcp(b"x\n", 100, src=port))
    tap.packet(tcp(OPTIONS[9:12], 109))  # it is in use
    tap.packet(tcp(BYE[:9], 100, src=1000))
    tap.packet(tcp(b"y", 200, src=1000))
    assert summary(tap.packet(tcp(OPTIONS[12:], 112))) == [(14, OPTIONS)]
    tap.messages.finish()
    for port in range(2000, 2020):
        tap.packet(tcp(b"", 100, SYN, src=port))
    assert tap.packet(tcp(BYE[9:], 109, src=1000)) == []
    assert tap.messages.broken == 1
    assert tap.messages.gaps == 1


def test_what_streams_hold_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OCTETS", 100_000)
    tap = Tap()
    for port in range(1, 60):
        head = b"INVITE sip:a SIP/2.0\r\nContent-Length: 50000\r\n\r\n"
        tap.packet(tcp(head + bytes(5000), 100, src=port))
        tap.packet(tcp(bytes(5000), 9000, src=port))
    held = sum(one.held for one in tap.messages._streams.values())
    assert 50_000 < held <= 100_000
    assert held == tap.messages._held
    assert tap.messages.broken > 40
    assert set(tap.messages._gaps) <= set(tap.messages._streams)
