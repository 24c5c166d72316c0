"""What the tests of hooks share: files, cases, and a bench that calls functions of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import structlog

from pcscf.core.hooks import Case, PhoneInfo, Point, Verdict
from pcscf.hooks.alarm import Alarm
from pcscf.hooks.call import Tools
from pcscf.hooks.complaints import Complaints
from pcscf.hooks.in_service import InService
from pcscf.hooks.loading import load
from pcscf.hooks.measures import FunctionMeasures, HookMeasures
from pcscf.hooks.policy import HookPolicy
from pcscf.sip.limits import DEFAULT, Limits
from pcscf.sip.message import Request, Response, parse
from tests.net.support import until

PHONE = PhoneInfo("a@example.net", "192.0.2.10", ("<sip:a@example.net>",), True, False)
IMPORTS = "from pcscf.hooks import *\nimport asyncio, time\n"
HEAD_LINES = IMPORTS.count("\n")


def request(method: str = "INVITE", uri: str = "sip:b@example.net", *lines: str) -> Request:
    head = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1",
        "Route: <sip:orig@203.0.113.9:5060;lr>",
        "Max-Forwards: 69",
        "From: <sip:a@example.net>;tag=f1",
        "To: <sip:b@example.net>",
        "Call-ID: call-1",
        f"CSeq: 1 {method}",
        "Contact: <sip:ue@192.0.2.10:5060>",
        *lines,
        "Content-Length: 0",
    ]
    message = parse("\r\n".join([*head, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def response(status: int = 200, method: str = "INVITE", *lines: str) -> Response:
    copied = [line for name in ("via", "from", "to", "call-id", "cseq")
              for line in request(method).lines(name)]  # fmt: skip
    head = [f"SIP/2.0 {status} Reason", *copied, *lines, "Content-Length: 0", "", ""]
    message = parse("\r\n".join(head).encode())
    assert isinstance(message, Response)
    return message


def case(
    point: Point = Point.CORE,
    message: Request | Response | None = None,
    *,
    in_dialog: bool = False,
    phone: PhoneInfo | None = PHONE,
) -> Case:
    if message is None:
        message = response() if point is Point.RESPONSE else request()
    return Case(1, point, message, phone, in_dialog, towards_phone=point is Point.RESPONSE)


def write(directory: Path, source: str, name: str = "rules.py") -> Path:
    """Write a hook file; what it needs is imported in its first lines."""
    path = directory / name
    path.write_text(IMPORTS + dedent(source))
    return path


class Bench:
    """A file in service, and what came of asking it."""

    def __init__(self, path: Path, limits: Limits = DEFAULT, **policy: Any) -> None:
        self.policy = HookPolicy(str(path), **policy)
        self.measures = HookMeasures()
        self.now = 0.0
        self.tools = Tools(
            self.policy, limits, Alarm(), self.measures, Complaints(lambda: self.now)
        )
        self.service = InService(load(path), self.tools)
        self.late: list[Verdict] = []
        self.log: list[Any] = []

    def ask(self, asked: Case | None = None) -> Verdict | None:
        with structlog.testing.capture_logs() as lines:
            verdict = self.service.ask(asked or case(), self.late.append)
        self.log += lines
        return verdict

    def asked(self, asked: Case | None = None) -> Verdict:
        """Ask what is answered at once."""
        verdict = self.ask(asked)
        assert verdict is not None
        return verdict

    async def answered(self, asked: Case | None = None) -> Verdict:
        """Ask what is answered later, and wait for the verdict."""
        before = len(self.late)
        with structlog.testing.capture_logs() as lines:
            assert self.ask(asked) is None
            await until(lambda: len(self.late) > before)
        self.log += lines
        return self.late[-1]

    def of(self, name: str = "before_core", point: Point = Point.CORE) -> FunctionMeasures:
        return self.measures.of(point, name)

    def failure(self) -> tuple[str, str]:
        """The one failure in the log: its line of the file behind the imports, and the reason."""
        (line,) = [entry for entry in self.log if entry["event"] == "hook_failed"]
        assert "\n" not in line["reason"]
        path, _, number = line["place"].rpartition(":")
        assert path == self.policy.file
        return f"line {int(number) - HEAD_LINES}", f"{line['failure']}: {line['reason']}"


@contextmanager
def ringing(bench: Bench) -> Iterator[Bench]:
    """Have the time limit hold."""
    bench.tools.alarm.install()
    try:
        yield bench
    finally:
        bench.tools.alarm.remove()
