"""What can be done: one method for each POST. Each answers in one line what was done."""

import asyncio
import json
from typing import Any, Final

import structlog
from aiohttp import web

from pcscf import log as logging
from pcscf.admin.parts import Json, Parts, Subject
from pcscf.admin.refusal import Refusal
from pcscf.admin.replies import reply
from pcscf.core.events import Deregister, Drain
from pcscf.pace import Pace

log = structlog.get_logger()

_LONGEST: Final = 255  # characters of a name


class Actions:
    """Answers to POST. The log has a line for each thing that was done."""

    def __init__(self, subject: Subject, parts: Parts) -> None:
        self._core = subject.core
        self._server = subject.server
        self._reload = parts.reload
        self._pace = Pace()

    async def drain(self, request: web.Request) -> web.Response:
        """Turn new phones away, or let them in again."""
        on = await _value(request, "on", bool)
        self._server.dispatch(Drain(on=on))
        registered = self._core.held()["registrations"]
        text = (
            f"draining: no new phone is let in, {registered} registered go on"
            if on
            else "serving: new phones are let in"
        )
        return _done(text, draining=on, registrations=registered)

    async def deregister(self, request: web.Request) -> web.Response:
        """End what an identity, or an address, has registered here."""
        who = request.match_info["who"]
        if len(who) > _LONGEST:
            raise Refusal(400, f"a name is {_LONGEST} characters at most")
        now = asyncio.get_running_loop().time()
        found = await self._pace.take(self._core.views.finding(who, now))
        if not found:
            raise Refusal(404, f"no phone of {who} is registered here")
        for one in found:
            self._server.dispatch(Deregister(one.impi, one.ue))
        phones = ", ".join(f"{one.impi} at {one.ue}" for one in found)
        return _done(f"deregistered {phones}", count=len(found))

    async def reload(self, _request: web.Request) -> web.Response:
        """Read the settings anew."""
        if self._reload is None:
            raise Refusal(501, "this P-CSCF cannot reload its settings")
        found = self._reload.reload()
        if found.errors:
            raise Refusal(409, "; ".join(found.errors))
        keys = {"applied": list(found.applied), "needs_restart": list(found.needs_restart)}
        return _done(_of_reload(**keys), **keys)

    async def log_level(self, request: web.Request) -> web.Response:
        """Tell more, or less."""
        wanted = await _value(request, "level", str)
        for level in logging.LEVELS:
            if level == wanted:
                logging.set_level(level)
                return _done(f"the log has what is at least {level}", level=level)
        raise Refusal(400, f"level is one of {', '.join(logging.LEVELS)}")


def _of_reload(applied: list[str], needs_restart: list[str]) -> str:
    changed = f"changed: {', '.join(applied)}" if applied else "nothing has changed"
    return changed + (f"; needs a restart: {', '.join(needs_restart)}" if needs_restart else "")


def _done(text: str, **more: str | int | list[str]) -> web.Response:
    log.info("admin", done=text)
    return reply({"done": text, **more})


async def _value(request: web.Request, name: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of that kind
    """Read one value out of the object that was sent."""
    content = await _content(request)
    if type(content.get(name)) is not kind or len(content) != 1:
        example = json.dumps({name: {bool: True, str: "info"}[kind]})
        raise Refusal(400, f"the content is an object as {example}")
    return content[name]


async def _content(request: web.Request) -> Json:
    try:
        found = json.loads(await request.read())
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}
