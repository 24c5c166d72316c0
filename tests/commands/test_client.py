"""What a user reads where no P-CSCF can be asked."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pcscf.admin.visits import Visits
from pcscf.commands.client import Client
from pcscf.commands.errors import CommandError
from tests.commands.spoken import shell
from tests.net.support import looped, until


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "admin.sock")


@contextmanager
def answering(path: str, answer: bytes) -> Iterator[None]:
    """A server that gives one answer, and closes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            one, _ = server.accept()
            with one:
                one.recv(4096)
                one.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def failure(ask: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(CommandError) as caught:
        ask()
    assert "\n" not in str(caught.value)
    return str(caught.value), caught.value.exit_status


def test_no_socket_asks_whether_it_runs(path: str) -> None:
    text, status = failure(lambda: Client(path).get("status"))
    assert text.startswith(f"there is no socket {path}: is pcscf running")
    assert "--socket" in text
    assert status == 3


def test_a_socket_that_was_left_behind_is_told_from_none(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    text, _ = failure(lambda: Client(path).get("status"))
    assert text == f"no P-CSCF listens at {path} any more: start it"


@pytest.mark.parametrize(
    ("mode", "who"), [(0o600, "{user}"), (0o660, "{user}, group {group}"), (0o060, "group {group}")]
)
def test_permission_denied_says_who_may(
    path: str, monkeypatch: pytest.MonkeyPatch, mode: int, who: str
) -> None:
    Path(path).touch()
    Path(path).chmod(mode)
    os.chown(path, 12345, 23456)

    class Refused(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket", Refused)
    text, status = failure(lambda: Client(path).get("status"))
    people = who.format(user="user 12345", group="23456")
    assert text == f"permission denied at {path}: it is open to {people}, root"
    assert status == 3
    os.chown(path, 0, 0)
    text, _ = failure(lambda: Client(path).get("status"))
    assert "root" in text
    Path(path).unlink()
    text, _ = failure(lambda: Client(path).get("status"))
    assert text.endswith("run it as the user of pcscf, or as root")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"HTTP/1.1 200 OK\r\n\r\nhello",
     b"SSH-2.0-x\r\n", b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"],
)  # fmt: skip
def test_something_else_that_answers_is_one_line(path: str, answer: bytes) -> None:
    with answering(path, answer):
        text, status = failure(lambda: Client(path).get("status"))
    assert status == 3
    assert "P-CSCF" in text


def test_one_that_hangs_is_not_waited_for_for_ever(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()
        text, status = failure(lambda: Client(path, 0.05).get("status"))
        assert (text, status) == (
            f"the P-CSCF at {path} does not answer: it hangs, or is overloaded",
            3,
        )


@looped
async def test_one_with_too_many_clients_says_so():
    async with shell(visits=Visits(most=0)) as s:
        line = await s.refuses("ues", status=3)
        assert line.startswith("the P-CSCF closed the connection")


@looped
async def test_names_are_escaped_whatever_is_in_them():
    async with shell() as s:
        for who in ("a/b", "../status", "a?b=c", "a%2Fb", "ä ö", "x" * 255):
            line = await s.refuses("ue", who)
            assert line == f"no phone of {who} is registered here"


@looped
async def test_a_stream_is_its_lines_until_the_p_cscf_ends():
    from pcscf.admin.parts import Parts
    from tests.admin.test_streams import Lines

    mirror = Lines()
    async with shell(Parts(traces=mirror)) as s:
        lines: list[bytes] = []

        def read() -> None:
            with Client(s.desk.options.socket).stream("trace", "sip:a@b") as stream:
                lines.extend(stream)

        reading = asyncio.create_task(asyncio.to_thread(read))
        await until(lambda: mirror.readers)
        assert list(mirror.readers.values()) == ["sip:a@b"]
        mirror.say(b"one\n")
        await until(lambda: lines)
        await s.desk.service.close()
        await reading
        assert lines == [b"one\n"]
