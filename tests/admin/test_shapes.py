"""Times are rounded and named; whatever a peer calls itself can be written."""

import json
from types import SimpleNamespace

from pcscf.admin import shapes
from pcscf.core.views import BlockedView, SaSetView
from pcscf.hooks.measures import HookMeasures
from tests.admin.desk import another, failing_store
from tests.core.stage import Stage

SET = SaSetView("a", "b", "c", "d", "current", 1.23456, 1, 2, 3, 4, 5, 6, 7, 8, False)


def test_times_are_milliseconds_from_now() -> None:
    assert shapes.blocked(BlockedView("192.0.2.1", 12.34567, "flood")) == {
        "source": "192.0.2.1",
        "expires_in": 12.346,
        "reason": "flood",
    }
    assert shapes.sa_set(SET)["expires_in"] == 1.235
    assert shapes.sa_set(SET._replace(expires=None))["expires_in"] is None


def test_a_peers_octets_can_be_written() -> None:
    stage = Stage()
    another(stage).registered()
    (view,) = stage.edge.views.ues(stage.now, 0, 1)
    text = json.dumps(shapes.ue(view._replace(identities=("<sip:\udcff\u2028\n@example.net>",))))
    assert text.isascii()
    assert "\n" not in text


def test_a_store_tells_how_it_keeps_up_and_since_when() -> None:
    assert shapes.store(None) is None
    assert shapes.store(failing_store()) == {
        "kind": "sqlite",
        "state": "down",
        "reason": "the disk is full",
        "since": "2026-11-26T00:00:00.000Z",
        "waiting": 12,
    }


def test_hooks_are_told_where_there_is_a_file() -> None:
    hooks = SimpleNamespace(
        measures=HookMeasures(), file="/etc/rules.py", functions=["before_core"]
    )
    assert shapes.hooks(hooks) == {"file": "/etc/rules.py", "functions": ["before_core"]}
    hooks.file = ""
    assert shapes.hooks(hooks) is shapes.hooks(None) is None
