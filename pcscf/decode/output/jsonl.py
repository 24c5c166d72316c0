"""One JSON object a line: messages, SAs, a summary. docs/decode.md describes every field.

A line of a message is put together by hand, as that takes half the time of ``json.dumps``; texts
go through the json module's own escaping.
"""

import json
from binascii import b2a_base64
from collections import Counter
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final

from pcscf.decode.model import Endpoint, Fault, Sa, SipMessage
from pcscf.decode.output.glance import call_id
from pcscf.decode.output.output import Sink
from pcscf.decode.output.redact import hide_keys
from pcscf.decode.output.summary import Summary

SCHEMA: Final = 1  # raised when a field changes its meaning or goes; a new field leaves it

_SECOND: Final = 1_000_000_000
_FAULTS: Final = {fault: fault.name.lower() for fault in Fault}


class _Ways(dict[tuple[Endpoint, Endpoint, str, int | None], str]):
    """What a line says of the way of a message, each made once; a bounded number of them."""

    _ROOM: Final = 16384

    def __missing__(self, key: tuple[Endpoint, Endpoint, str, int | None]) -> str:
        if len(self) >= self._ROOM:
            self.clear()
        src, dst, transport, spi = key
        text = self[key] = (
            f'"src": "{src}", "dst": "{dst}", '
            f'"transport": "{transport}", "spi": {"null" if spi is None else spi}, '
        )
        return text


class Jsonl:
    """Writes lines. ``raw`` and the SAs have keys only if ``show_keys``."""

    def __init__(self, sink: Sink, *, show_keys: bool = False) -> None:
        self._write = sink.write
        self._ways = _Ways()
        self._show_keys = show_keys

    def begin(self) -> None:
        """Nothing stands in front."""

    def message(self, message: SipMessage) -> None:
        """Write a line of type message."""
        data = message.data if self._show_keys else hide_keys(message.data)
        at, sa, name = message.time, message.sa, call_id(data)
        start = data.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
        way = self._ways[message.src, message.dst, message.transport, sa.spi if sa else None]
        head = (
            f'{{"type": "message", "time": {at // _SECOND}.{at % _SECOND:09}, {way}'
            f'"start_line": {quoted(start)}, '
            f'"call_id": {"null" if name is None else quoted(name)}, "raw": "'
        )
        self._write(b'%b%b"}\n' % (head.encode(), b2a_base64(data, newline=False)))

    def hidden(self, message: SipMessage) -> None:
        """Nothing."""

    def sa(self, sa: Sa, reason: str) -> None:
        """Write a line of type sa."""
        suite, keys = sa.suite, sa.keys
        line: dict[str, Any] = {
            "type": "sa",
            "spi": sa.spi,
            "src": sa.src,
            "dst": sa.dst,
            "ports": sa.ports,
            "alg": suite and suite.alg,
            "ealg": suite and suite.ealg,
            "icv_size": suite.icv_size if suite else sa.icv_size,
            "user": sa.user or None,
            "keys_from": sa.origin or None,
            "icv_checked": sa.checked,
            "since": _seconds(sa.since),
            "until": _seconds(sa.until),
            "packets": sa.packets,
            "bytes": sa.octets,
            "first_time": _seconds(sa.first_time) if sa.packets else None,
            "last_time": _seconds(sa.last_time) if sa.packets else None,
            "first_sequence": sa.first_sequence if sa.packets else None,
            "last_sequence": sa.last_sequence if sa.packets else None,
            "missing": sa.missing,
            **_counted(sa.faults),
            "reason": reason or None,
        }
        if self._show_keys and keys is not None:
            line |= {"auth_key": keys.auth.hex(), "crypt_key": keys.crypt.hex()}
        self._line(line)

    def end(self, summary: Summary) -> None:
        """Write the line of type summary, the last one."""
        self._line(
            {
                "type": "summary",
                "schema": SCHEMA,
                "frames": summary.frames,
                "first_time": _seconds(summary.first_time),
                "last_time": _seconds(summary.last_time),
                "packets": summary.packets,
                "esp": summary.esp,
                "read": summary.read,
                "unread": summary.unread,
                **_counted(summary.faults),
                "messages": summary.messages,
                "shown": summary.shown,
                "losses": summary.losses,
                "notes": summary.notes,
                "stopped": summary.stopped,
            }
        )

    def _line(self, values: dict[str, Any]) -> None:
        self._write(json.dumps(values).encode() + b"\n")


def _seconds(time: int | None) -> float | None:
    return None if time is None else round(time / _SECOND, 6)


def _counted(faults: Counter[Fault]) -> dict[str, int]:
    return {name: faults[fault] for fault, name in _FAULTS.items()}
