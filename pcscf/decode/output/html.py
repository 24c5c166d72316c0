"""One page with everything in it: a sequence diagram, a filter, each message on a click.

The page gets data, not markup: messages are JSON, a line each, and the script puts them in as
text. It fetches nothing, and its Content-Security-Policy allows no other script than its own.
Messages are written as they come; the script waits for the end of the page.
"""

import hashlib
import html
import json
from base64 import b64encode
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output import glance
from pcscf.decode.output.clock import date
from pcscf.decode.output.hosts import Hosts
from pcscf.decode.output.kinds import kind_of
from pcscf.decode.output.notes import notes, title
from pcscf.decode.output.output import Sink
from pcscf.decode.output.plain import plain, plain_message
from pcscf.decode.output.redact import without_keys
from pcscf.decode.output.sa_listing import suite_of
from pcscf.decode.output.summary import Summary, unread
from pcscf.decode.output.verdict import verdict

MAX_NUMBERS: Final = 65_536  # of SAs; messages of those before are under ESP, and no more is said
_MICROSECOND: Final = 1000  # in nanoseconds; a script's numbers hold no finer times

_DATA: Final = '<script type="application/json" id="{}">\n'


class Html:
    """Writes a page. ``heading`` says what was decoded; keys are in it only if ``show_keys``."""

    def __init__(
        self,
        sink: Sink,
        *,
        heading: str,
        names: Mapping[str, str] | None = None,
        show_keys: bool = False,
    ) -> None:
        self._sink = sink
        self._heading = heading
        self._hosts = Hosts(names)
        self._show_keys = show_keys
        self._start: int | None = None
        self._numbers: dict[Sa, int] = {}  # what messages refer to their SA by
        self._next = 0
        self._sas: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Write the page up to its messages."""
        style, script = _resource("page.css"), _resource("page.js")
        policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
        heading = html.escape(plain(self._heading))
        self._write(
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}; '
            "base-uri 'none'; form-action 'none'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            f"<title>{heading}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        )
        self._write(_resource("page.html").replace("@title@", heading))
        self._write(_DATA.format("messages-data"))

    def message(self, message: SipMessage) -> None:
        """Write one message."""
        if not self._show_keys:
            message = without_keys(message)
        self.hidden(message)
        data = message.data
        method, call_id = glance.method(data), glance.call_id(data)
        self._line(
            {
                "frame": message.number,
                "time": message.time // _MICROSECOND,
                "src": message.src.host,
                "sport": message.src.port,
                "dst": message.dst.host,
                "dport": message.dst.port,
                "transport": message.transport,
                "sa": self._number(message.sa),
                "title": plain(title(message)),
                "kind": kind_of(method, glance.status(data)),
                "method": plain(method),
                "call": None if call_id is None else plain(call_id),
                "notes": plain("; ".join(notes(message))),
                "raw": plain_message(data),
            }
        )

    def hidden(self, message: SipMessage) -> None:
        """Learn who is who, and when it began."""
        if self._start is None:
            self._start = message.time
        self._hosts.learn(message)

    def sa(self, sa: Sa, reason: str) -> None:
        """Keep it for the table."""
        row = {
            "id": self._numbers.get(sa),
            "spi": sa.spi,
            "src": sa.src,
            "dst": sa.dst,
            "ports": sa.ports,
            "suite": suite_of(sa),
            "user": plain(sa.user),
            "origin": plain(sa.origin),
            "packets": sa.packets,
            "bytes": sa.octets,
            "first": sa.first_sequence,
            "last": sa.last_sequence,
            "missing": sa.missing,
            "unread": unread(sa.faults),
            "reason": plain(reason),
        }
        if self._show_keys and sa.keys:
            row["keys"] = f"auth {sa.keys.auth.hex()}, crypt {sa.keys.crypt.hex()}"
        self._sas.append(row)

    def end(self, summary: Summary) -> None:
        """Write SAs, names, sentences, and the script."""
        self._write("</script>\n" + _DATA.format("sas-data"))
        for row in self._sas:
            self._line(row)
        self._write("</script>\n" + _DATA.format("end-data"))
        self._line(
            {
                "hosts": self._hosts.named(),
                "start": (self._start or 0) // _MICROSECOND,
                "date": "" if self._start is None else date(self._start),
                "sentences": list(verdict(summary)),
            }
        )
        self._write(f"</script>\n<script>{_resource('page.js')}</script>\n</body>\n</html>\n")

    def _number(self, sa: Sa | None) -> int | None:
        if sa is None:
            return None
        number = self._numbers.get(sa)
        if number is None:
            number = self._numbers[sa] = self._next
            self._next += 1
            if len(self._numbers) > MAX_NUMBERS:
                del self._numbers[next(iter(self._numbers))]
        return number

    def _line(self, values: dict[str, Any]) -> None:
        # Without "<" no text can end the element that it stands in.
        self._write(json.dumps(values, separators=(",", ":")).replace("<", "\\u003c") + "\n")

    def _write(self, text: str) -> None:
        self._sink.write(text.encode())


def _resource(name: str) -> str:
    return (files("pcscf.decode.output") / "page" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """Give the source expression that allows this text alone (CSP level 3, 2.3.1)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
