"""What can be looked at: one method for each resource."""

import asyncio
from typing import Final

from aiohttp import web

from pcscf import log
from pcscf.admin import metrics, shapes
from pcscf.admin.health import notes, reasons
from pcscf.admin.parts import Diagnosis, Json, Parts, Subject
from pcscf.admin.refusal import Refusal
from pcscf.admin.replies import reply
from pcscf.pace import Pace

_PAGE: Final = 100  # phones or SA sets, unless more are asked for
_LARGEST: Final = 500  # some milliseconds of the loop's time
_LONGEST: Final = 255  # characters of a name that is looked for
_SURELY_OURS: Final = (None, "held")  # what is known of the lease; None: nobody else can serve
_OURS: Final = (*_SURELY_OURS, "unsure")


class Resources:
    """Answers to GET."""

    def __init__(self, subject: Subject, parts: Parts) -> None:
        self._subject = subject
        self._core = subject.core
        self._parts = parts
        self._pace = Pace()
        self._exposition = metrics.Exposition(subject, parts)

    @property
    def _now(self) -> float:
        """The core's clock."""
        return asyncio.get_running_loop().time()

    # -- probes -------------------------------------------------------------------------------

    async def livez(self, _request: web.Request) -> web.Response:
        """The loop turns, or there were no answer."""
        return reply({"live": True})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Whether a new phone can be served; 503 if not."""
        found = self._reasons()
        answer = {"ready": not found, "reasons": found, "notes": notes(self._parts)}
        return reply(answer, 503 if found else 200)

    async def leasez(self, request: web.Request) -> web.Response:
        """Whether the phones are ours, and our addresses belong here; 503 if not.

        ``?sure`` leaves out what nobody vouches for: of two, the one that is sure is right.
        """
        hold = self._hold()
        ours = _SURELY_OURS if "sure" in request.query else _OURS
        return reply({"lease": hold}, 200 if hold in ours else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """What Prometheus scrapes."""
        census = await self._pace.take(self._core.views.census())
        errors = self._parts.diagnosis.xfrm_errors() if self._parts.diagnosis else {}
        text = self._exposition.text(census, errors, ready=not self._reasons())
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    def _reasons(self) -> list[str]:
        return reasons(self._subject, self._parts.survival)

    def _hold(self) -> str | None:
        return self._parts.survival.hold if self._parts.survival else None

    # -- state --------------------------------------------------------------------------------

    async def status(self, _request: web.Request) -> web.Response:
        """All at a glance."""
        subject, found = self._subject, self._reasons()
        return reply(
            {
                "version": subject.version,
                "started": shapes.moment(subject.started),
                "ready": not found,
                "reasons": found,
                "notes": notes(self._parts),
                "draining": self._core.draining,
                "held": self._core.held(),
                "counted": self._core.counted(),
                "log_level": log.level(),
                "gm": list(subject.gm),
                "suites": list(subject.suites),
                "store": shapes.store(self._parts.store),
                "lease": self._hold(),
                "hooks": shapes.hooks(self._parts.hooks),
            }
        )

    async def ues(self, request: web.Request) -> web.Response:
        """A page of the phones, or of those with a text in their names."""
        first, most = _page(request)
        text, views = _text(request.query.get("find", "")), self._core.views
        if text:
            total, found = await self._pace.take(views.ues_with(text, self._now, first, most))
        else:
            total, found = views.total, views.ues(self._now, first, most)
        return reply({"total": total, "ues": [shapes.ue(one) for one in found]})

    async def ue(self, request: web.Request) -> web.Response:
        """The phones of an identity or at an address, with the counters of their SAs."""
        who = _text(request.match_info["who"])
        found = await self._pace.take(self._core.views.finding(who, self._now))
        if not found:
            raise Refusal(404, f"no phone of {who} is registered here")
        return reply({"ues": [shapes.ue(one, self._parts.diagnosis) for one in found]})

    async def sas(self, request: web.Request) -> web.Response:
        """A page of the SA sets."""
        first, most = _page(request)
        views = self._core.views
        found = [shapes.sa_set(one) for one in views.sas(self._now, first, most)]
        return reply({"total": views.total_sas, "sas": found})

    async def next_hops(self, _request: web.Request) -> web.Response:
        """The next hops."""
        return reply({"next_hops": [shapes.hop(one) for one in self._core.views.next_hops()]})

    async def blocked(self, _request: web.Request) -> web.Response:
        """The blocked sources."""
        found = [shapes.blocked(one) for one in self._core.views.blocked(self._now)]
        return reply({"blocked": found})

    # -- diagnosis ----------------------------------------------------------------------------

    async def drops(self, _request: web.Request) -> web.Response:
        """What the kernel dropped, and why."""
        return reply(self._diagnosis.drops())

    async def why(self, request: web.Request) -> web.Response:
        """What happened to a phone, in sentences."""
        who = _text(request.match_info["who"])
        found: Json = {"who": who, "sentences": await self._diagnosis.why(who)}
        return reply(found)

    @property
    def _diagnosis(self) -> Diagnosis:
        if self._parts.diagnosis is None:
            raise Refusal(501, "this P-CSCF runs without diagnosis")
        return self._parts.diagnosis


def _page(request: web.Request) -> tuple[int, int]:
    first = _number(request, "first", 0, 2**31)
    return first, _number(request, "most", _PAGE, _LARGEST)


def _number(request: web.Request, name: str, default: int, largest: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= largest):
        raise Refusal(400, f"{name} is a number of 0 to {largest}")
    return int(text)


def _text(text: str) -> str:
    if len(text) > _LONGEST:
        raise Refusal(400, f"a name is {_LONGEST} characters at most")
    return text
