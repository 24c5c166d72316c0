"""The sockets of the admin side: modes, stale files, and one line for what cannot be had."""

import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcscf.admin.sockets import UnixSocket, tcp_socket
from pcscf.core.flow import Endpoint
from pcscf.errors import StartError
from tests.net.support import HOST, free_port


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "admin.sock")


def connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_the_file_has_its_mode_whatever_the_umask_is(path: str, mode: int) -> None:
    before = os.umask(0o077)
    try:
        made = UnixSocket(path, mode)
    finally:
        os.umask(before)
    assert (mode_of(path), connects(path)) == (mode, True)
    made.close()
    assert not Path(path).exists()


def test_nobody_can_connect_before_the_mode_is_set(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def chmod(at: Path, mode: int) -> None:
        seen.append(connects(str(at)))

    monkeypatch.setattr(Path, "chmod", chmod)
    UnixSocket(path, 0o600).close()
    assert seen == [False]


def test_the_group_is_given_by_name_or_number(path: str) -> None:
    own = os.getgid()
    for name in (str(own), grp.getgrgid(own).gr_name):
        made = UnixSocket(path, 0o660, name)
        assert Path(path).stat().st_gid == own
        made.close()


def test_a_group_that_is_none_leaves_no_file(path: str) -> None:
    with pytest.raises(StartError, match="socket_group nobodys: there is no such group"):
        UnixSocket(path, 0o660, "nobodys")
    assert not Path(path).exists()


def test_what_a_dead_process_left_is_replaced(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    made = UnixSocket(path, 0o600)
    assert connects(path)
    made.close()


def test_a_living_one_is_left_alone(path: str) -> None:
    living = UnixSocket(path, 0o600)
    with pytest.raises(StartError, match="another P-CSCF listens there"):
        UnixSocket(path, 0o600)
    assert connects(path)
    living.close()


def test_a_living_one_that_is_busy_is_left_alone(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as busy:
        busy.bind(path)
        busy.listen(0)
        waiting = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(path)
        with pytest.raises(StartError, match="another P-CSCF listens there"):
            UnixSocket(path, 0o600)
        for one in waiting:
            one.close()


def test_a_file_that_is_no_socket_is_left_alone(path: str) -> None:
    Path(path).write_text("precious")
    with pytest.raises(StartError, match="a file that is no socket"):
        UnixSocket(path, 0o600)
    assert Path(path).read_text() == "precious"


def test_a_file_that_another_has_put_there_meanwhile_stays(path: str) -> None:
    made = UnixSocket(path, 0o600)
    Path(path).unlink()
    other = UnixSocket(path, 0o600)
    made.close()
    assert connects(path)
    other.close()


def test_what_is_missing_is_named_with_what_mends_it(tmp_path: Path) -> None:
    with pytest.raises(StartError) as caught:
        UnixSocket(str(tmp_path / "pcscf" / "admin.sock"), 0o600)
    said = str(caught.value)
    assert f"no directory {tmp_path}/pcscf: mkdir it" in said
    assert "RuntimeDirectory=pcscf" in said
    with pytest.raises(StartError, match="longer than 107 octets"):
        UnixSocket(str(tmp_path / ("x" * 108)), 0o600)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "may not write to {}: chown it"),
        (OSError(30, "Read-only file system"), "mount a tmpfs at {}"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    path: str, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    class Refused(socket.socket):
        def bind(self, address: object) -> None:
            raise error

    monkeypatch.setattr("pcscf.admin.sockets.socket.socket", Refused)
    with pytest.raises(StartError) as caught:
        UnixSocket(path, 0o600)
    assert words.format(Path(path).parent) in str(caught.value)


# -- TCP


@pytest.fixture
def listening() -> Iterator[Endpoint]:
    with tcp_socket(Endpoint(HOST, free_port())) as made:
        yield Endpoint(*made.getsockname())


def test_tcp_listens_at_once(listening: Endpoint) -> None:
    socket.create_connection(listening).close()


def test_ipv6_takes_nothing_of_ipv4() -> None:
    port = free_port(host="::1")
    with tcp_socket(Endpoint("::", port)), tcp_socket(Endpoint("0.0.0.0", port)):
        socket.create_connection(("::1", port)).close()


def test_an_address_that_cannot_be_had_is_named(listening: Endpoint) -> None:
    with pytest.raises(StartError, match=f"admin.http {listening}: is in use by another program"):
        tcp_socket(listening)
    with pytest.raises(StartError, match="no interface has this address"):
        tcp_socket(Endpoint("192.0.2.99", 8060))
