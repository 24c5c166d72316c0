"""Connections that nobody has any more: in a table that is made up, and in the kernel's own."""

import socket
from pathlib import Path

import pytest

from pcscf.net.orphans import unacknowledged
from tests.net.support import HOST, PATIENCE

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
ROW = "   0: 0100007F:{port:04X} 0100007F:1538 {state} 00000000:00000000 01:00000014 00000000 0\n"
ROW6 = "   0: 00000000000000000000000001000000:{port:04X} 0:1538 {state} 00000000:00000000 01:0 0\n"


@pytest.mark.parametrize(
    ("state", "sends"),
    [("01", 0), ("02", 0), ("04", 1), ("05", 0), ("06", 0), ("08", 0), ("09", 1), ("0A", 0),
     ("0B", 1)],
)  # fmt: skip
@pytest.mark.parametrize(("table", "row"), [("tcp", ROW), ("tcp6", ROW6)])
def test_who_still_sends_is_known_by_its_state(
    tmp_path: Path, table: str, row: str, state: str, sends: int
) -> None:
    (tmp_path / table).write_text(HEAD + row.format(port=6100, state=state))
    assert unacknowledged({6100}, tmp_path) == sends
    assert unacknowledged({6101}, tmp_path) == 0


def test_the_kernels_own_table_has_who_is_not_acknowledged() -> None:
    """A peer whose window is full acknowledges no FIN."""
    with socket.create_server((HOST, 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), PATIENCE)
        port = ours.getsockname()[1]
        theirs, _ = listener.accept()
        assert unacknowledged({port}) == 0
        ours.setblocking(False)
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            ours.close()
        assert unacknowledged({port}) == 1
        theirs.close()
