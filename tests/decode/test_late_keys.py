"""Keys that come a moment after the packets they open."""

from pathlib import Path

import pytest

from pcscf.decode.engine import Engine
from pcscf.decode.input.capture import open_capture
from pcscf.decode.input.link import ETHERNET
from pcscf.decode.model import Fault, Frame, Packet, SipMessage
from pcscf.decode.output.reasons import reasons
from tests.decode.esp_packets import SECOND
from tests.decode.files import Stored
from tests.decode.registering import Registering
from tests.decode.scenes import in_clear, sealed, text, uplink
from xfrm.keylog import SECRETS_TYPE

DEMO = Path(__file__).parent.parent / "captures/demo"
ALL = 96


def demo(core_is_late: int) -> list[Frame]:
    """Both captures of the demo, that of the core by a clock of its own."""
    frames = []
    for name, late in (("gm", 0), ("core", core_is_late)):
        with open_capture(str(DEMO / f"{name}.pcap")) as capture:
            frames += [frame._replace(time=frame.time + late) for frame in capture]
    frames.sort(key=lambda frame: frame.time)
    return [frame._replace(number=number) for number, frame in enumerate(frames, 1)]


def told(frames: list[Frame]) -> tuple[Engine, list[SipMessage]]:
    engine = Engine()
    messages = [message for frame in frames for message in engine.feed(frame)]
    return engine, messages + engine.finish()


def read(stored: list[Stored]) -> list[Frame]:
    return [Frame(n, time, ETHERNET, data) for n, (time, data, _) in enumerate(stored, 1)]


@pytest.mark.parametrize("seconds", [-1.0, -0.05, 0.05, 0.3, 1.0])
def test_clocks_of_two_captures_may_differ(seconds: float) -> None:
    """Later SAs of the demo are agreed on under earlier ones: all of that waits in a row."""
    engine, messages = told(demo(round(seconds * SECOND)))
    summary = engine.summary()
    assert (summary.unread, summary.messages, len(messages)) == (0, ALL, ALL)
    assert [one.number for one in messages] == sorted(one.number for one in messages)
    carried = [sa for sa in engine.sas if sa.packets]
    assert sum(sa.packets for sa in carried) == summary.esp
    assert all(not sa.faults and sa.first_sequence == 1 and not sa.missing for sa in carried)
    assert all(sa.user for sa in engine.sas)  # no SA is left that was only waited for


def late(seconds: float, *, until: int = 6) -> list[Frame]:
    """Packets each tenth of a second behind the 401 on Gm, and the core's 401 so much later."""
    one = Registering()
    sm1, sm5, sm6 = one.sm1(), one.sm5(), one.sm6()
    sender = uplink(one)
    stored = [in_clear(sm1), in_clear(sm6), in_clear(sm5, sm6.time + round(seconds * SECOND))]
    stored += [
        sealed(sender.send(n, text(f"esp-{n}")), sm6.time + n * SECOND // 10)
        for n in range(1, until)
    ]
    for n in range(1, until):
        other = Registering(call_id=f"clear-{n}").sm2()
        stored.append(in_clear(other, sm6.time + n * SECOND // 10 + 7))
    return read(sorted(stored, key=lambda one: one[0]))


def test_messages_between_are_in_their_places() -> None:
    engine, messages = told(late(0.25))
    assert engine.summary().unread == 0
    assert len(messages) == 13
    assert [one.time for one in messages] == sorted(one.time for one in messages)


def test_packets_without_esp_are_handed_on_in_the_order_of_the_capture() -> None:
    engine, packets = Engine(), list[Packet]()
    engine.on_packet = packets.append
    for frame in late(0.25):
        engine.feed(frame)
    engine.finish()
    assert [packet.number for packet in packets] == list(range(1, 14))
    assert {packet.protocol for packet in packets} == {17}


def test_after_two_seconds_nobody_waits_any_more() -> None:
    """And those of the SA that come then do not even begin to; the 21st waited just long enough."""
    engine, messages = told(late(4.05, until=60))
    unread = 39
    assert engine.summary().faults == {Fault.UNKNOWN_SPI: unread}
    assert len(messages) == 3 + 59 + 59 - unread
    assert [one.time for one in messages] == sorted(one.time for one in messages)
    (reason,) = [reason for sa, reason in reasons(engine.sas) if sa.packets]
    assert reason.startswith("39 packets before their keys: CK and IK of the 401 in frame ")


def test_what_is_held_back_is_given_when_time_is_over() -> None:
    engine = Engine()
    waited = {}
    for frame in late(60, until=45):
        for message in engine.feed(frame):
            waited[message.number] = frame.time - message.time
    assert max(waited.values()) > SECOND  # it was waited for keys
    assert max(waited.values()) < 2.2 * SECOND
    assert list(waited) == sorted(waited)
    assert list(waited.values())[-3:] == [0] * 3  # and then no more


def test_without_any_keys_all_is_counted_and_nothing_lost() -> None:
    frames = [frame for frame in late(1) if b"ck=" not in frame.data]
    engine, messages = told(frames)
    summary = engine.summary()
    assert (summary.esp, summary.unread, len(messages)) == (5, 5, 7)
    assert [one.number for one in messages] == sorted(one.number for one in messages)
    (sa,) = [sa for sa in engine.sas if sa.packets]
    assert (sa.packets, sa.first_sequence, sa.last_sequence, sa.missing) == (5, 1, 5, 0)


def test_secrets_of_the_capture_may_come_late_too() -> None:
    engine = Engine()
    one = Registering()
    sender = uplink(one)
    keys = (key.hex() for key in (sender.keys.auth, sender.keys.crypt))
    line = f"ESP_SA - {' '.join(one.ends)} {sender.suite.name} {sender.spi} - {' '.join(keys)}\n"
    first, second = read([sealed(sender.send(n, text(f"{n}")), n) for n in (1, 2)])
    assert engine.feed(first) == []
    engine.add_secrets(SECRETS_TYPE, line.encode())
    assert [message.number for message in engine.feed(second)] == [1, 2]
    assert engine.summary().unread == 0
