from pcscf.decode.model import NO_IP, Fault
from pcscf.decode.output.summary import Summary
from pcscf.decode.output.verdict import verdict


def test_all_was_read() -> None:
    summary = Summary(
        frames=2000, packets=1500, esp=300, messages=7, shown=7, first_time=10**9, last_time=10**10
    )
    summary.losses[NO_IP] = 2  # ARP is no loss
    assert list(verdict(summary)) == [
        ("2,000 frames (2 without IP), 1,500 IP packets in 9.000 s.", True),
        ("300 ESP packets, all read.", True),
        ("7 SIP messages.", True),
    ]


def test_nothing_was_there() -> None:
    assert [text for text, _ in verdict(Summary())] == [
        "0 frames, 0 IP packets.", "No ESP.", "0 SIP messages.",
    ]  # fmt: skip


def test_what_was_not_read_stands_out() -> None:
    summary = Summary(esp=10, messages=5, shown=2, stopped=True, notes=["a \x1b ends"])
    summary.faults.update({Fault.UNKNOWN_SPI: 3, Fault.CUT: 1, Fault.REPLAYED: 2})
    summary.losses["fragments"] = 4
    assert list(verdict(summary))[1:] == [
        ("10 ESP packets, 4 of them not read: 3 unknown SPI, 1 cut by the snap length; "
         "of those read 2 replayed.", False),
        ("5 SIP messages, 2 shown.", True),
        ("Not read for other reasons than ESP: 4 fragments.", False),
        ("a \\x1b ends.", False),
        ("Stopped before the end.", False),
    ]  # fmt: skip
