"""Times are rounded and named; whatever a peer calls itself can be written."""

import json

from pcscf.admin import shapes
from pcscf.core.views import BlockedView, SaSetView
from tests.admin.desk import another
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
