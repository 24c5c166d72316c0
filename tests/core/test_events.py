from typing import get_args

from pcscf.core.edge import Edge
from pcscf.core.events import Event
from tests.core.stage import Stage


def test_the_edge_handles_every_event() -> None:
    edge: Edge = Stage().edge
    assert set(edge._handlers) == set(get_args(Event))
