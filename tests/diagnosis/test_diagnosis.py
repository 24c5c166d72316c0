"""What the admin side gets: values for JSON."""

import asyncio
import json

import pytest

from pcscf.admin import parts
from pcscf.core.views import SaSetView
from pcscf.diagnosis import diagnosis as module
from tests.core.phone import Phone
from tests.core.stage import CK, GM, IK, UE
from tests.diagnosis.scene import EPOCH, Scene
from xfrm.model import SaId


def test_it_is_what_the_admin_side_needs(scene: Scene) -> None:
    one: parts.Diagnosis = scene.diagnosis
    assert one.xfrm_errors()["XfrmInNoStates"] == 0


def test_a_sentence_has_time_level_and_text(scene: Scene, phone: Phone) -> None:
    phone.registered()
    (told,) = asyncio.run(scene.diagnosis.why(UE))
    assert told.keys() == {"time", "level", "text"}
    assert told["time"] == "2026-11-26T00:00:00.000Z"
    assert told["level"] == "ok"
    (told,) = asyncio.run(scene.diagnosis.why("192.0.2.99"))
    assert (told["time"], told["level"]) == (None, "bad")


def test_many_phones_are_looked_at_in_turns(scene: Scene) -> None:
    async def ask() -> int:
        turns = 0
        asked = asyncio.ensure_future(scene.diagnosis.why(UE))
        while not asked.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    for number in range(250):
        Phone(
            scene, host=f"192.0.2.{number}", impi=f"{number}@x", impu=f"sip:{number}@x"
        ).registered()
    assert asyncio.run(ask()) > 3


def test_a_simulator_is_cut_short(scene: Scene) -> None:
    for number in range(30):
        scene.journal.reported("info", "expired", {"impi": f"{number}@x", "ue": UE})
    assert len(scene.why(UE)) == module._MOST_PHONES


def test_a_set_whose_time_is_over_is_not_asked_about(scene: Scene, phone: Phone) -> None:
    """Its end was not told: the kernel refused to remove it, say."""
    phone.challenged()
    record = scene.journal.set_with(phone.set_in_kernel().ids[0])
    assert record is not None
    assert "A 401 went to it" in scene.why(UE)[0]
    record.expires = scene.clock()
    assert scene.why(UE) == [f"note: {UE} is not registered, and no REGISTER of it is under way."]


# -- the four SAs


def current(scene: Scene) -> SaSetView:
    (view,) = scene.edge.views.sas(scene.now, 0, 10)
    return view


def test_the_four_sas(scene: Scene, phone: Phone) -> None:
    phone.registered()
    ids = phone.set_in_kernel().ids
    scene.counters.counted[ids[0]] = {
        "packets": 3,
        "octets": 900,
        "outside_window": 4,
        "replayed": 5,
        "integrity_failed": 6,
        "added": int(EPOCH) + 1000,
        "used": int(EPOCH) + 1001,
        "lifetime": 600,
    }
    scene.wait(10)
    first, *others = scene.diagnosis.sas(current(scene))
    assert first == {
        "spi": ids[0].spi,
        "src": UE,
        "src_port": phone.port_uc,
        "dst": GM,
        "dst_port": 6100,
        "direction": "in",
        "packets": 3,
        "bytes": 900,
        "replay_window": 4,
        "replay": 5,
        "integrity_failed": 6,
        "added": "2026-11-26T00:00:00.000Z",
        "used": "2026-11-26T00:00:01.000Z",
        "expires_in": 590.0,
    }
    assert [(one["direction"], one["used"]) for one in others] == [
        ("out", None),
        ("out", None),
        ("in", None),
    ]


@pytest.mark.parametrize("gone", [True, False])
def test_what_the_kernel_does_not_say_is_null(scene: Scene, phone: Phone, *, gone: bool) -> None:
    phone.registered()
    if gone:
        scene.counters.lost |= set(phone.set_in_kernel().ids)
    else:
        scene.refuse_counters()
    for one in scene.diagnosis.sas(current(scene)):
        assert one["spi"]
        assert {one[name] for name in ("packets", "bytes", "replay", "added", "expires_in")} == {
            None
        }


# -- drops


def test_nothing_was_dropped(scene: Scene) -> None:
    assert scene.diagnosis.drops() == {
        "since": "2026-11-26T00:00:00.000Z",
        "counters": [],
        "unknown_spis": [],
        "watching": False,
        "note": "",
    }


def test_what_was_dropped(scene: Scene) -> None:
    scene.hear(UE, SaId(GM, 4711), 2)
    told = scene.diagnosis.drops()
    assert told["watching"] is True
    (counter,) = told["counters"]
    assert (counter["name"], counter["count"], counter["recent"]) == ("XfrmInNoStates", 3, 3)
    assert counter["meaning"].startswith("ESP arrived with an SPI that no SA has")
    (spi,) = told["unknown_spis"]
    assert spi.pop("sentence").startswith(f"ESP of {UE} arrives with SPI 0x00001267 (2 packets")
    assert spi == {
        "time": "2026-11-26T00:00:04.000Z",
        "src": UE,
        "dst": GM,
        "spi": 4711,
        "count": 2,
    }
    scene.wait(100)
    told = scene.diagnosis.drops()
    (counter,) = told["counters"]
    assert (counter["count"], counter["recent"], told["watching"]) == (3, 0, False)


def test_an_sa_that_cannot_be_asked_about_is_not_suspected(scene: Scene) -> None:
    scene.refuse_counters()
    scene.hear(UE, SaId(GM, 4711))
    assert scene.diagnosis.drops()["unknown_spis"] == []


def test_counters_are_those_of_the_file(scene: Scene) -> None:
    scene.drop(XfrmInNoStates=4)
    assert scene.diagnosis.xfrm_errors()["XfrmInNoStates"] == 4
    scene.stat.unlink()
    assert scene.diagnosis.xfrm_errors() == {}


def test_closed_it_listens_no_more(scene: Scene) -> None:
    scene.hear(UE, SaId(GM, 4711))
    scene.diagnosis.close()
    assert not scene.ears.is_open


def test_no_key_is_told(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.wait(10)
    told = [
        asyncio.run(scene.diagnosis.why(UE)),
        scene.diagnosis.drops(),
        scene.diagnosis.sas(current(scene)),
    ]
    assert not {CK, IK} & set(json.dumps(told).split('"'))
    assert CK not in json.dumps(told)
    assert IK not in json.dumps(told)
