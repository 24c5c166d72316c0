"""Hooks in a server that is up: sockets, the real core, a phone in clear and a core.

The phone may register in clear here; hooks under real ESP are in ``tests/netns/test_hooks.py``.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.hooks.policy import HookPolicy
from pcscf.hooks.service import HookService
from pcscf.net.server import Server
from pcscf.sip.limits import DEFAULT
from pcscf.sip.message import Request, Response, parse
from pcscf.sip.response import make_response
from tests.hooks.support import write
from tests.net.server_bench import FakeMonitor
from tests.net.support import HOST, looped, settings, udp_peer, until
from xfrm.memory import MemoryKernel

USER = "sip:a@ims.example"


class Site:
    """A server, a phone's socket and a core's, and what they say."""

    def __init__(self) -> None:
        (self.core, at), (self.phone, self.at) = udp_peer(), udp_peer()
        for sock in (self.core, self.phone):
            sock.setblocking(False)
        given = settings(
            core={"next_hops": [f"udp:{at}"]},
            security={"policy": "off"},
            reg_event={"enabled": False},
            guard={"overload_lag": 100, "overload_lag_severe": 100},
        )
        self.gm = (HOST, given.gm.port)
        self.edge = Edge(given.policy(given.security.algorithms), Ids(os.urandom))
        self.server = Server(given, self.edge, MemoryKernel(), FakeMonitor())
        self.hooks = HookService(DEFAULT)
        self._number = 0

    async def asks(self, method: str, uri: str, *lines: str) -> None:
        """Let the phone send a request."""
        self._number += 1
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.at};branch=z9hG4bK{self._number}",
            "Max-Forwards: 70",
            f"From: <{USER}>;tag=f",
            f"To: <{USER}>",
            "Call-ID: one",
            f"CSeq: {self._number} {method}",
            f"Contact: <sip:{self.at}>",
            *lines,
            "Content-Length: 0",
        ]
        data = "\r\n".join([*head, "", ""]).encode()
        await asyncio.get_running_loop().sock_sendto(self.phone, data, self.gm)

    async def came(self, sock: socket.socket) -> Request | Response:
        data, self._back = await asyncio.get_running_loop().sock_recvfrom(sock, 65535)
        return parse(data)

    async def asked(self) -> Request:
        """What came to the core."""
        message = await self.came(self.core)
        assert isinstance(message, Request)
        return message

    async def answers(self, request: Request, *headers: tuple[str, str]) -> None:
        """Let the core accept a request."""
        data = make_response(request, 200, to_tag="c", headers=headers).to_bytes()
        await asyncio.get_running_loop().sock_sendto(self.core, data, self._back)

    async def told(self) -> Response:
        """What came back to the phone."""
        message = await self.came(self.phone)
        assert isinstance(message, Response)
        return message

    async def registers(self) -> None:
        await self.asks("REGISTER", "sip:ims.example", "Expires: 600")
        register = await self.asked()
        await self.answers(register, ("contact", f"<sip:{self.at}>;expires=600"))
        assert (await self.told()).status == 200


@asynccontextmanager
async def serving(path: Path, **policy: float) -> AsyncIterator[Site]:
    site = Site()
    given = HookPolicy(str(path), **policy)  # type: ignore[arg-type]
    try:
        async with site.hooks.serving(given):
            await site.server.start()
            site.hooks.attach(site.edge.use_hooks, site.server.dispatch)
            await site.registers()
            yield site
            await site.server.close()
    finally:
        for sock in (site.core, site.phone):
            sock.close()
    assert site.server.failed_events == 0


@looped
async def test_a_message_waits_for_its_function_and_others_do_not(tmp_path: Path) -> None:
    source = """
    async def before_core(request):
        if request.method == "MESSAGE":
            await asyncio.sleep(0.05)
        request.set("Subject", request.method)
    """
    async with serving(write(tmp_path, source)) as site:
        await site.asks("MESSAGE", "sip:b@ims.example")
        await site.asks("OPTIONS", "sip:b@ims.example")
        first, second = await site.asked(), await site.asked()
        assert [first.method, second.method] == ["OPTIONS", "MESSAGE"]
        assert second.get("subject") == "MESSAGE"
        await site.answers(second)
        assert (await site.told()).status == 200


@looped
async def test_responses_wait_too(tmp_path: Path) -> None:
    source = """
    async def on_response(response):
        await asyncio.sleep(0.01)
        response.set("X-Status", str(response.status))
    """
    async with serving(write(tmp_path, source)) as site:
        await site.asks("MESSAGE", "sip:b@ims.example")
        await site.answers(await site.asked())
        assert (await site.told()).get("x-status") == "200"


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("body", ["while True: pass", "time.sleep(30)", "1 / 0", "exit(1)"])
def test_a_function_gone_wrong_costs_others_next_to_nothing(
    tmp_path: Path, kind: str, body: str
) -> None:
    source = f"""
    {kind} before_core(request):
        {body}
    """

    @looped
    async def test() -> None:
        async with serving(write(tmp_path, source), time_limit=0.02) as site:
            for _ in range(3):
                await site.asks("MESSAGE", "sip:b@ims.example")
                await site.answers(await site.asked())
                assert (await site.told()).status == 200
            (measures,) = site.hooks.measures.functions.values()
            assert (measures.calls, sum(measures.failures.values())) == (3, 3)

    test()


@looped
async def test_a_reload_loses_nothing_that_is_under_way(tmp_path: Path) -> None:
    source = """
    async def before_core(request):
        await asyncio.sleep(0.05)
        request.set("Subject", "{}")
    """
    path = write(tmp_path, source.format("old"))
    async with serving(path) as site:
        await site.asks("MESSAGE", "sip:b@ims.example")
        await until(lambda: site.edge.held()["waiting_for_hooks"])
        write(tmp_path, source.format("new"))
        policy = HookPolicy(str(path))
        await site.hooks.put(policy, site.hooks.read(policy))
        await site.asks("MESSAGE", "sip:b@ims.example")
        found = [await site.asked(), await site.asked()]
        assert [request.get("subject") for request in found] == ["old", "new"]


@looped
async def test_the_end_comes_while_messages_wait(tmp_path: Path) -> None:
    source = "async def before_core(request): await asyncio.sleep(30)\n"
    async with serving(write(tmp_path, source), async_time_limit=30) as site:
        await site.asks("MESSAGE", "sip:b@ims.example")
        await until(lambda: site.hooks.measures.waiting)
