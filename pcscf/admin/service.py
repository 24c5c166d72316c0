"""The admin side as a whole: opened once the server is ready, closed before it."""

import asyncio
import logging
import socket
from contextlib import ExitStack
from typing import Final, cast

import structlog
from aiohttp import web

from pcscf.admin.access import Access, read_token
from pcscf.admin.app import make_app
from pcscf.admin.parts import Parts, Subject
from pcscf.admin.sockets import UnixSocket, tcp_socket
from pcscf.admin.streams import Streams
from pcscf.admin.visits import Visits
from pcscf.config_sections import Admin

log = structlog.get_logger()

_MAX_LINE: Final = 4096  # octets of a request line or a header: an identity, three times escaped
_MAX_HEADERS: Final = 64
_LINGER: Final = (
    1.0  # seconds for content that nobody asked for: a reset would take the answer along
)
_LAST_WORDS: Final = 0.5  # seconds for answers that are under way at the end


class AdminService:
    """Answers from ``start`` to ``close``."""

    def __init__(
        self, options: Admin, subject: Subject, parts: Parts, visits: Visits | None = None
    ) -> None:
        """Raise StartError for a token that is none."""
        self._options = options
        self._visits = visits or Visits()
        self._streams = Streams(parts.traces, self._visits)
        access = Access(read_token(options.token_file), options.hosts)
        self._runner = web.AppRunner(
            make_app(subject, parts, access, self._streams),
            access_log=None,
            # The middleware tells what goes wrong; this one would quote what was looked at.
            logger=logging.Logger("admin", logging.CRITICAL + 1),  # noqa: LOG001 - for nobody else
            handler_cancellation=True,
            shutdown_timeout=_LAST_WORDS,
            lingering_time=_LINGER,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            max_headers=_MAX_HEADERS,
        )
        self._sockets = ExitStack()
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen. Raises StartError; ``close`` is due then as well."""
        sockets = self._bind()
        await self._runner.setup()
        server, loop = cast("web.Server", self._runner.server), asyncio.get_running_loop()
        for sock in sockets:
            make = self._visits.door(server)
            create = loop.create_unix_server if _is_unix(sock) else loop.create_server
            self._servers.append(await create(make, sock=sock))
        log.info("admin_ready", socket=self._options.socket, http=str(self._options.http or ""))

    def _bind(self) -> list[socket.socket]:
        options, sockets = self._options, []
        if options.socket:
            file = UnixSocket(options.socket, int(options.socket_mode, 8), options.socket_group)
            self._sockets.callback(file.close)
            sockets.append(file.socket)
        if options.http:
            sockets.append(tcp_socket(options.http))
            self._sockets.callback(sockets[-1].close)
        return sockets

    async def close(self) -> None:
        """Answer nobody any more."""
        for server in self._servers:
            server.close()
        self._streams.close()
        await self._runner.cleanup()
        self._sockets.close()


def _is_unix(sock: socket.socket) -> bool:
    return sock.family == socket.AF_UNIX
