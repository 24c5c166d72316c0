import socket
from typing import Any

import pytest

from tests.bench.udp import ECHO_SIZE, carrying, echo


@pytest.fixture
def passed(monkeypatch):
    """The sizes of all datagrams sent (+) and received (-), in order."""
    sizes: list[int] = []

    class Watched(socket.socket):
        def sendto(self, data: Any, *to: Any) -> int:
            sizes.append(len(data))
            return super().sendto(data, *to)

        def recvfrom(self, *limits: int) -> tuple[bytes, Any]:
            data, source = super().recvfrom(*limits)
            sizes.append(-len(data))
            return data, source

    monkeypatch.setattr("tests.bench.udp.socket.socket", Watched)
    return sizes


def test_an_echo_goes_there_and_back(passed) -> None:
    assert echo(rounds=2, count=3) > 0
    assert passed == [ECHO_SIZE, -ECHO_SIZE] * 2 * 3 * 2


def test_every_message_is_sent_and_received_once_a_round(passed) -> None:
    assert carrying([b"one", b"longer"], phones=1, rounds=2) > 0
    assert passed == [3, -3, 6, -6] * 2


def test_the_cost_is_shared_among_the_phones(monkeypatch) -> None:
    readings = iter([0.0, 8.0])
    monkeypatch.setattr("tests.bench.timing.clock", lambda: next(readings))
    assert carrying([b"m"] * 4, phones=4, rounds=1) == 2e6
