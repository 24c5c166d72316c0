"""Whether next hops answer OPTIONS, from a port of the check's own."""

import asyncio
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.ids import Ids
from pcscf.core.policy import NextHop
from pcscf.core.probes import options
from pcscf.net.checks.finding import Finding, ok, warning
from pcscf.net.sockets import bound, endpoint

_PATIENCE = 2.0  # seconds
_AGAIN = (0.5, 1.0)  # when UDP is sent once more, as by Timer E
_LARGEST = 65535
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) ")


async def answers(hop: NextHop, source: str, ids: Ids) -> Finding:
    """Send OPTIONS from an address of ours, or from any if empty; each answer is a sign of life."""
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(_PATIENCE):
            status = await _ask(hop, source, ids)
    except TimeoutError:
        problem = f"no answer to OPTIONS within {_PATIENCE:g} s"
    except OSError as refusal:
        problem = os.strerror(refusal.errno or 0).lower()
    except ValueError:
        problem = "what it answers is no SIP"
    else:
        taken = round(1000 * (asyncio.get_running_loop().time() - began))
        return ok("next hops", f"{hop} answers {status}, after {taken} ms")
    return warning("next hops", f"{hop}: {problem}", "starting it, or having it accept our address")


async def _ask(hop: NextHop, source: str, ids: Ids) -> int:
    with _socket(hop, source) as sock:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, hop.endpoint)
        data = _request(hop, endpoint(sock.getsockname()), ids)
        await loop.sock_sendall(sock, data)
        again = (
            []
            if hop.transport is Transport.TCP
            else [loop.call_later(delay, sock.send, data) for delay in _AGAIN]
        )
        try:
            return _status(await loop.sock_recv(sock, _LARGEST))
        finally:
            for timer in again:
                timer.cancel()


@contextmanager
def _socket(hop: NextHop, source: str) -> Iterator[socket.socket]:
    anywhere = "::" if ":" in hop.endpoint.host else "0.0.0.0"  # noqa: S104 - of this one socket
    sock = bound(hop.transport, Endpoint(source or anywhere, 0))
    try:
        yield sock
    finally:
        sock.close()


def _request(hop: NextHop, local: Endpoint, ids: Ids) -> bytes:
    request = options(hop, local, ids)
    request.prepend("via", f"SIP/2.0/{hop.transport} {local};branch={ids.branch()};rport")
    return request.to_bytes()


def _status(data: bytes) -> int:
    """Read the status of a response; on a stream the first line is enough. ValueError: none."""
    found = _STATUS_LINE.match(data)
    if not found:
        raise ValueError("no status line")
    return int(found[1])
