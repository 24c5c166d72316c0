"""The admin side as a whole: opened and closed whole, and what hostile clients get of it."""

import asyncio
import resource
import socket
import stat
from pathlib import Path

import pytest

from pcscf.admin.parts import Parts
from pcscf.errors import StartError
from tests.admin.desk import Desk, desk, read
from tests.core.phone import Phone
from tests.net.support import looped, until


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def exists(path: str) -> bool:
    return Path(path).exists()


async def said(d: Desk, data: bytes) -> bytes:
    """Send octets over the Unix socket, and read until the other side has closed."""
    reader, writer = await asyncio.open_unix_connection(d.options.socket)
    try:
        writer.write(data)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


# -- life


@looped
async def test_either_socket_may_be_left_out():
    async with desk(http=None) as d:
        assert (await d.get("/livez")).status == 200
    async with desk(socket="") as d:
        assert (await d.tcp("GET", "/livez")).status == 200
    async with desk(socket="", http=None):
        pass


@pytest.mark.parametrize("mode", ["0600", "660"])
@looped
async def test_the_socket_has_its_mode(mode):
    async with desk(socket_mode=mode) as d:
        assert mode_of(d.options.socket) == int(mode, 8)


@looped
async def test_what_is_taken_ends_the_start_and_leaves_nothing():
    async with desk() as first:
        with pytest.raises(StartError, match="another P-CSCF listens there"):
            async with desk(socket=first.options.socket):
                pass
        with pytest.raises(StartError, match="is in use by another program"):
            async with desk(http=first.options.http):
                pass
        assert (await first.get("/livez")).status == 200
        assert (await first.tcp("GET", "/livez")).status == 200


@looped
async def test_a_token_that_is_none_ends_the_start(tmp_path):
    with pytest.raises(StartError, match="cannot be read"):
        async with desk(token_file=str(tmp_path / "none")):
            pass


@looped
async def test_closing_frees_the_port_and_the_file():
    async with desk() as d:
        pass
    assert not exists(d.options.socket)
    assert d.options.http is not None
    with socket.create_server(d.options.http):
        pass


@looped
async def test_an_answer_that_nobody_takes_does_not_hold_up_the_end():
    class Slow:
        def xfrm_errors(self):
            return {}

        def drops(self):
            return {}

        def sas(self, sa_set):
            return []

        async def why(self, who):
            await asyncio.sleep(100)

    async with desk(Parts(diagnosis=Slow())) as d:
        _, writer = await asyncio.open_unix_connection(d.options.socket)
        writer.write(b"GET /api/why/x HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: d.service._visits._present)
        began = asyncio.get_running_loop().time()
        await d.service.close()
        assert asyncio.get_running_loop().time() - began < 2
        writer.close()


# -- hostile clients


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"REGISTER sip:a SIP/2.0\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/drain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100 + b"\r\n",
        b"\x00" * 100_000,
    ],
)
@looped
async def test_what_is_no_request_of_ours_is_refused_or_closed(data):
    async with desk() as d:
        answer = await said(d, data)
        assert not answer or 400 <= read(answer).status < 500
        assert not d.stage.edge.draining
        assert (await d.get("/livez")).status == 200


@looped
async def test_a_body_that_is_too_large_is_not_read():
    async with desk() as d:
        answer = await d.ask("POST", "/api/drain", b'{"on": true}' + b" " * 5000)
        assert (answer.status, answer.error) == (413, "the content is above 4096 octets")
        chunks = b"".join(b"fff\r\n" + b" " * 0xFFF + b"\r\n" for _ in range(10)) + b"0\r\n\r\n"
        head = b"POST /api/drain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert read(await said(d, head + chunks)).status == 413
        assert not d.stage.edge.draining


@looped
async def test_content_that_comes_late_does_not_cost_the_answer():
    async with desk() as d:
        for path, status in (("/api/ues/x/deregister", 404), ("/api/reload", 501), ("/x", 404)):
            reader, writer = await asyncio.open_unix_connection(d.options.socket)
            head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
            writer.write(head.encode())
            first = await reader.readline()
            writer.write(b"{}")
            rest = await reader.read()
            assert read(first + rest).status == status
            writer.close()


@looped
async def test_a_connection_is_for_one_request():
    async with desk() as d:
        twice = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 1000
        assert (await said(d, twice)).count(b"HTTP/1.1 200 OK") == 1


@looped
async def test_a_crowd_is_served_as_far_as_there_is_room_and_leaves_nothing_open():
    async with desk() as d:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        Phone(d.stage).registered()
        crowd = [asyncio.open_unix_connection(d.options.socket) for _ in range(200)]
        there = await asyncio.gather(*crowd, return_exceptions=True)
        for one in there:
            if not isinstance(one, BaseException):
                one[1].close()
        await until(lambda: not d.service._visits._present)
        assert (await d.get("/api/ues")).json["total"] == 1
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
