"""The application: which path is which resource, and what is the same for all of them."""

import socket
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from pcscf.admin.access import Access
from pcscf.admin.actions import Actions
from pcscf.admin.parts import Parts, Subject
from pcscf.admin.refusal import Refusal
from pcscf.admin.replies import reply
from pcscf.admin.resources import Resources
from pcscf.admin.streams import Streams
from pcscf.log import describe

log = structlog.get_logger()

MAX_BODY: Final = 4096  # octets; what is posted is an object of one value
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_app(subject: Subject, parts: Parts, access: Access, streams: Streams) -> web.Application:
    """Make the application for both kinds of sockets; ``access`` concerns TCP alone."""
    app = web.Application(middlewares=[_manners(access)], client_max_size=MAX_BODY)
    app.on_response_prepare.append(_finish)
    see, act = Resources(subject, parts), Actions(subject, parts)
    app.add_routes(
        [
            web.get("/livez", see.livez),
            web.get("/readyz", see.readyz),
            web.get("/leasez", see.leasez),
            web.get("/metrics", see.metrics),
            web.get("/api/status", see.status),
            web.get("/api/ues", see.ues),
            web.get("/api/ues/{who}", see.ue),
            web.get("/api/sas", see.sas),
            web.get("/api/next-hops", see.next_hops),
            web.get("/api/blocked", see.blocked),
            web.get("/api/drops", see.drops),
            web.get("/api/why/{who}", see.why),
            web.get("/api/trace", streams.trace, allow_head=False),
            web.get("/api/trace/{who}", streams.trace, allow_head=False),
            web.post("/api/drain", act.drain),
            web.post("/api/ues/{who}/deregister", act.deregister),
            web.post("/api/reload", act.reload),
            web.post("/api/log-level", act.log_level),
        ]
    )
    if parts.console:
        parts.console(app)
    else:
        app.router.add_get("/", _no_console)
    return app


async def _no_console(_request: web.Request) -> web.Response:
    raise Refusal(501, "this P-CSCF has no console")


def _manners(access: Access) -> Middleware:
    """Look at who asks, and turn what goes wrong into one line of JSON."""

    @web.middleware
    async def answer(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            if not _came_by_file(request):
                access.check(request.method, request.path, request.headers)
            return await handler(request)
        except Refusal as refusal:
            return reply({"error": refusal.reason}, refusal.status, refusal.headers)
        except web.HTTPException as error:  # of aiohttp: no such path or method, too large
            return reply({"error": _words(request, error)}, error.status, _allow(error))
        except ConnectionError:
            raise  # whoever asked has gone
        except Exception as error:  # noqa: BLE001 - a look must not end the service
            # not log.exception: a traceback quotes what it looked at
            log.error("admin_failed", path=request.path[:200], error=describe(error))  # noqa: TRY400
            return reply({"error": "a defect of this P-CSCF; its log says where"}, 500)

    return answer


def _came_by_file(request: web.Request) -> bool:
    """Whether it came over the Unix socket, for which the file's mode has decided."""
    found = request.get_extra_info("socket")
    return found is not None and found.family == socket.AF_UNIX


def _words(request: web.Request, error: web.HTTPException) -> str:
    known = {
        404: "there is no such resource",
        405: f"{request.method} is not for this resource",
        413: f"the content is above {MAX_BODY} octets",
    }
    return known.get(error.status, error.reason)


def _allow(error: web.HTTPException) -> list[tuple[str, str]]:
    return [("Allow", error.headers["Allow"])] if "Allow" in error.headers else []


async def _finish(_request: web.Request, response: web.StreamResponse) -> None:
    """One request a connection: what is slow, or many, is bounded by the connection's time."""
    response.force_close()
    response.headers["Server"] = "pcscf"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
