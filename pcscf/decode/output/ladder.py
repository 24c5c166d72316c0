"""One line a message for people: when, who to whom, how it travelled, and what matters in it."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from rich.color import ColorSystem
from rich.style import Style

from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output import glance
from pcscf.decode.output.clock import date
from pcscf.decode.output.hosts import Hosts
from pcscf.decode.output.kinds import Kind, kind_of
from pcscf.decode.output.notes import notes, title
from pcscf.decode.output.output import Sink
from pcscf.decode.output.plain import plain, plain_message
from pcscf.decode.output.redact import without_keys
from pcscf.decode.output.sa_listing import describe, endpoint, table
from pcscf.decode.output.summary import Summary
from pcscf.decode.output.terminal import BAD, BOLD, DIM, DOUBTFUL, GOOD, PLAIN, Terminal
from pcscf.decode.output.verdict import verdict

_SECOND: Final = 1_000_000_000
_TOLD: Final = 10_000  # Call-IDs and SAs that a heading was written for; no more afterwards
_OPENING: Final = {"REGISTER": "registers", "INVITE": "calls"}  # what gets a heading

_STYLES: Final = {
    Kind.REGISTER: Style(color="blue", bold=True),
    Kind.CALL: Style(color="magenta", bold=True),
    Kind.TEXT: Style(color="cyan", bold=True),
    Kind.EVENT: Style(color="cyan"),
    Kind.OTHER: PLAIN,
    Kind.PROVISIONAL: DIM,
    Kind.SUCCESS: GOOD,
    Kind.CHALLENGE: DOUBTFUL,
    Kind.FAILURE: BAD,
}


class Ladder:
    """Writes lines. ``colours`` is None for none; ``whole`` adds each message as it is.

    ``steps`` are headings in the order of time, each with the time from which on it holds, by
    somebody who knows what happened; without any, registrations and calls get headings.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        colours: ColorSystem | None = None,
        names: Mapping[str, str] | None = None,
        whole: bool = False,
        show_keys: bool = False,
        steps: Iterable[tuple[int, str]] = (),
    ) -> None:
        self._line = Terminal(sink, colours).line
        self._hosts = Hosts(names)
        self._whole = whole
        self._show_keys = show_keys
        self._introduced = set(names or ())
        self._start: int | None = None  # the time of the first message, shown or not
        self._dated = False
        self._steps = deque(steps)
        self._opening = {} if self._steps else _OPENING
        self._told: set[str | Sa] = set()
        self._sas: list[tuple[Sa, str]] = []

    def begin(self) -> None:
        """Nothing stands in front: what the first line says depends on the first message."""

    def message(self, message: SipMessage) -> None:
        """Write a line, and above it what it is the first of."""
        if not self._show_keys:
            message = without_keys(message)
        start = self._learn(message)
        if not self._dated:
            self._dated = True
            self._line((f"Seconds since {date(start)}", DIM))
        self._introduce(message.src.host)
        self._introduce(message.dst.host)
        self._headings(message)
        self._rung(message, message.time - start)
        if self._whole:
            self._text(message)

    def hidden(self, message: SipMessage) -> None:
        """Learn who is who, and when it began."""
        self._learn(message)

    def sa(self, sa: Sa, reason: str) -> None:
        """Keep it for the table at the end."""
        self._sas.append((sa, reason))

    def end(self, summary: Summary) -> None:
        """Write the table of SAs, and what came of the capture."""
        if self._sas:
            self._table()
        self._line()
        for sentence, fine in verdict(summary):
            self._line((sentence, PLAIN if fine else DOUBTFUL))

    def _learn(self, message: SipMessage) -> int:
        if self._start is None:
            self._start = message.time
        self._hosts.learn(message)
        return self._start

    def _introduce(self, host: str) -> None:
        """Say what a host is called, where it first appears with a name that is not the user's."""
        name = self._hosts.name(host)
        if name != host and host not in self._introduced:
            self._introduced.add(host)
            self._line((f"{name} is {host}", DIM))

    def _headings(self, message: SipMessage) -> None:
        while self._steps and self._steps[0][0] <= message.time:
            self._heading(self._steps.popleft()[1])
        method = message.data[:8].partition(b" ")[0].decode("ascii", "replace")
        if method in self._opening:
            call_id = glance.call_id(message.data)
            if call_id and self._is_new(call_id):
                self._heading(f"{_caller(message)} {self._opening[method]}")
        if message.sa is not None and self._is_new(message.sa):
            self._line((f"{'':9}  SA {describe(message.sa, self._hosts.name)}", DIM))

    def _heading(self, text: str) -> None:
        self._line()
        self._line((text, BOLD))

    def _is_new(self, thing: str | Sa) -> bool:
        if thing in self._told or len(self._told) >= _TOLD:
            return False
        self._told.add(thing)
        return True

    def _rung(self, message: SipMessage, time: int) -> None:
        src = endpoint(self._hosts.name, *message.src)
        dst = endpoint(self._hosts.name, *message.dst)
        how, how_style = self._way(message)
        kind = kind_of(glance.method(message.data), glance.status(message.data))
        self._line(
            (f"{time / _SECOND:9.3f}  {src:>11} -> {dst:<11}  {message.transport}  ", PLAIN),
            (f"{how:<14}  ", how_style),
            (f"{plain(title(message)):<30}  ", _STYLES[kind]),
            (plain("; ".join(notes(message))), DIM),
        )

    def _way(self, message: SipMessage) -> tuple[str, Style]:
        if message.sa is not None:
            return f"ESP 0x{message.sa.spi:08x}", GOOD
        return "clear", DOUBTFUL if self._hosts.on_gm(message) else DIM

    def _text(self, message: SipMessage) -> None:
        for line in plain_message(message.data).rstrip("\n").split("\n"):
            self._line((f"{'':11}{line}", DIM))
        self._line()

    def _table(self) -> None:
        self._line()
        self._line(("Security associations", BOLD))
        head, *rows = table([sa for sa, _ in self._sas], self._hosts.name)
        self._line((f"  {head}", DIM))
        for row, (sa, reason) in zip(rows, self._sas, strict=True):
            self._line((f"  {row}", PLAIN))
            if self._show_keys and sa.keys:
                keys = f"auth {sa.keys.auth.hex() or '-'}, crypt {sa.keys.crypt.hex() or '-'}"
                self._line((f"      {keys}", PLAIN))
            if reason:
                self._line((f"      {plain(reason)}", DOUBTFUL))


def _caller(message: SipMessage) -> str:
    """Give whom a request is from, for a heading."""
    value = message.parsed.get("from") if message.parsed else None
    return plain((value or "somebody").partition(";")[0].strip()[:60])
