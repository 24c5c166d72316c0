"""Sentences about SAs: counters, and challenges that nothing came for."""

import pytest

from tests.core.phone import Phone
from tests.core.stage import IMPI, UE
from tests.diagnosis.scene import Scene
from xfrm.model import SaId

WRONG_KEY = "phone and P-CSCF have different IK or algorithms"


def about(scene: Scene, word: str) -> str:
    """The one sentence with a word in it."""
    (told,) = [text for text in scene.why(UE) if word in text]
    return told


def names(scene: Scene, phone: Phone) -> tuple[SaId, ...]:
    return phone.set_in_kernel().ids


# -- in the kernel


@pytest.mark.parametrize("count", [1, 4])
def test_sas_that_somebody_deleted(scene: Scene, phone: Phone, count: int) -> None:
    phone.registered()
    ids = names(scene, phone)
    scene.counters.lost |= set(ids[:count])
    told = about(scene, "The kernel no longer has")
    assert told.startswith(f"bad: The kernel no longer has {count} SA")
    assert f"of the set of 00:00:00 (0x{ids[0].spi:08x} to 198.51.100.5:6100" in told
    assert "which nobody here removed" in told


def test_a_kernel_that_does_not_answer_has_lost_nothing(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.refuse_counters()
    (told,) = scene.why(UE)
    assert told.startswith("ok: Registered")


@pytest.mark.parametrize("number", [0, 3])
def test_a_wrong_key(scene: Scene, phone: Phone, number: int) -> None:
    phone.registered()
    name = names(scene, phone)[number]
    scene.counters.counted[name] = {"integrity_failed": 3, "packets": 0}
    told = about(scene, "integrity")
    assert told.startswith(f"bad: 3 packets under SA 0x{name.spi:08x} ({UE}:")
    assert f"failed the integrity check, and none passed it: {WRONG_KEY}" in told


def test_damage(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.counters.counted[names(scene, phone)[0]] = {"integrity_failed": 1, "packets": 40}
    told = about(scene, "integrity")
    assert told.startswith("bad: 1 packet under SA ")
    assert "and 40 passed it: the keys are right" in told


def test_copies(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.counters.counted[names(scene, phone)[0]] = {"replayed": 1}
    told = about(scene, "came twice")
    assert told.startswith("note: 1 packet under SA ")
    assert "came twice and was dropped" in told


def test_what_comes_too_late(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.counters.counted[names(scene, phone)[0]] = {"outside_window": 2, "sequence": 900}
    told = about(scene, "sequence numbers")
    assert told.startswith("bad: 2 packets under SA ")
    assert "more than 64 behind the highest, 900, and were dropped" in told


# -- one way only


def test_packets_that_nothing_comes_back_for(scene: Scene, phone: Phone) -> None:
    phone.registered()
    to_phone = names(scene, phone)[2]
    (ok,) = scene.why(UE)
    scene.counters.packets[to_phone] += 4
    scene.wait(60)
    told = about(scene, "none came back")
    assert told.startswith(
        "bad: Since 00:00:00 4 packets went to the phone under the set of 00:00:00, and none"
    )
    scene.counters.packets[names(scene, phone)[0]] += 1
    (ok,) = scene.why(UE)
    assert ok.startswith("ok: Registered")


@pytest.mark.parametrize(("sent", "seconds"), [(1, 60), (4, 5)])
def test_one_packet_or_a_moment_is_no_standstill(
    scene: Scene, phone: Phone, sent: int, seconds: float
) -> None:
    phone.registered()
    scene.why(UE)
    scene.counters.packets[names(scene, phone)[2]] += sent
    scene.wait(seconds)
    (ok,) = scene.why(UE)
    assert ok.startswith("ok: Registered")


def test_a_set_that_was_never_used(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.counters.packets.clear()
    told = about(scene, "Nothing has come")
    assert told == "note: Nothing has come from the phone under the set of 00:00:00 yet."


def test_a_phone_that_stays_with_its_old_set(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.wait(100)
    phone.reregistered()
    assert scene.why(UE)[0].startswith("ok: Registered")
    scene.wait(20)
    told = about(scene, "goes on with its old SAs")
    assert told.startswith(
        "note: It has sent nothing under the set of 00:01:40 since it registered with it, and is"
        " served under the set of 00:00:00 until that runs out"
    )
    phone.says(phone.message("OPTIONS", "sip:x"))
    assert "ok" in scene.why(UE)[0]


# -- challenges


NOTHING = "no ESP of the phone has arrived under them; it did not take the 401"


def test_a_challenge_that_is_out(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    scene.wait(3)
    (told,) = scene.why(UE)
    assert told.startswith(
        "note: A 401 went to it 3 s ago, and the answer has to come as ESP under the set of"
        f" 00:00:00: {NOTHING}"
    )
    scene.wait(10)
    (told,) = scene.why(UE)
    assert told.startswith("bad: A 401 went to it 13 s ago")


@pytest.mark.parametrize(
    ("counted", "what"),
    [
        ({}, NOTHING),
        ({"integrity_failed": 2}, f"2 packets came and failed the integrity check; {WRONG_KEY}"),
        ({"packets": 1}, "1 packet came and passed the integrity check, but there was no REGISTER"),
    ],
)
def test_what_came_is_told_of_a_challenge_that_is_over(
    scene: Scene, phone: Phone, counted: dict[str, int], what: str
) -> None:
    phone.challenged()
    scene.counters.counted[names(scene, phone)[0]] = counted
    scene.wait(250)
    told = about(scene, "challenge")
    assert told.startswith(
        f"bad: Its challenge of 00:00:00 had no answer until its time was over at 00:04:00: {what}"
    )


def test_a_phone_that_begins_anew(scene: Scene, phone: Phone) -> None:
    for _ in range(3):
        phone.challenged()
        phone.new_numbers()
        scene.wait(20)
    told = about(scene, "began anew")
    assert told.startswith(
        "bad: Its challenge of 00:00:20 had no answer when the phone began anew at 00:00:40"
        f" (2 such challenges since 00:00:20): {NOTHING}"
    )


def test_a_challenge_whose_answer_the_core_left_open(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    scene.wait(250)
    told = about(scene, "Its challenge")
    assert told.endswith("at 00:04:00: its answer came, and the core has not decided on it.")


def test_counters_that_could_not_be_read(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    scene.refuse_counters()
    scene.wait(250)
    assert "what came under its SAs was not counted" in about(scene, "Its challenge")


def test_a_phone_that_answers_under_old_sas(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    scene.hear(UE, SaId(phone.gm, 4711))
    assert "no ESP came under them, but ESP with other SPIs does" in about(scene, "A 401 went")


def test_a_challenge_that_was_answered_is_no_sentence(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    phone.new_numbers()
    phone.registered()
    (ok,) = scene.why(IMPI)
    assert ok.startswith("ok: Registered")
