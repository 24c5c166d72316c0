"""What came of a capture, in sentences."""

from collections.abc import Iterator
from typing import Final

from pcscf.decode.model import NO_IP, Fault
from pcscf.decode.output.plain import plain
from pcscf.decode.output.summary import UNREADABLE, Summary

_SECOND: Final = 1_000_000_000


def verdict(summary: Summary) -> Iterator[tuple[str, bool]]:
    """Give sentences, and whether each tells of something that is as it should be."""
    yield _extent(summary), True
    yield _esp(summary), not summary.unread
    yield _messages(summary), True
    losses = [f"{count} {plain(name)}" for name, count in summary.losses.items() if name != NO_IP]
    if losses:
        yield f"Not read for other reasons than ESP: {', '.join(losses)}.", False
    for note in summary.notes:
        yield f"{plain(note)}.", False
    if summary.stopped:
        yield "Stopped before the end.", False


def _extent(summary: Summary) -> str:
    without = f" ({count:,} without IP)" if (count := summary.losses[NO_IP]) else ""
    frames = f"{summary.frames:,} frames{without}, {summary.packets:,} IP packets"
    if summary.first_time is None or summary.last_time is None:
        return f"{frames}."
    return f"{frames} in {(summary.last_time - summary.first_time) / _SECOND:,.3f} s."


def _esp(summary: Summary) -> str:
    if not summary.esp:
        return "No ESP."
    if not summary.unread:
        text = f"{summary.esp:,} ESP packets, all read"
    else:
        faults = _counts(summary, UNREADABLE)
        text = f"{summary.esp:,} ESP packets, {summary.unread:,} of them not read: {faults}"
    if doubtful := _counts(summary, (Fault.SELECTOR, Fault.REPLAYED, Fault.LATE)):
        text += f"; of those read {doubtful}"
    return f"{text}."


def _counts(summary: Summary, faults: tuple[Fault, ...]) -> str:
    return ", ".join(f"{summary.faults[one]:,} {one}" for one in faults if summary.faults[one])


def _messages(summary: Summary) -> str:
    text = f"{summary.messages:,} SIP messages"
    return f"{text}." if summary.shown == summary.messages else f"{text}, {summary.shown:,} shown."
