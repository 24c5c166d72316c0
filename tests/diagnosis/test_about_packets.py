"""Sentences about packets that meet no SA, and about who is kept out."""

from pathlib import Path

import pytest

from pcscf.core.events import DeadlineReached
from pcscf.diagnosis import about_packets
from pcscf.diagnosis.about_packets import meaning
from pcscf.diagnosis.xfrm_stat import MEANINGS
from tests.core.phone import Phone
from tests.core.stage import GM, IMPI, UE
from tests.diagnosis.scene import Scene
from xfrm.model import SaId, SaSet

AGAIN = "It has to register anew: flight mode on and off does it now."


def esp(scene: Scene, who: str = UE) -> str:
    """The one sentence about ESP that no SA takes."""
    (told,) = [text for text in scene.why(who) if "no SA" in text and "ESP of" in text]
    return told


def first_set(scene: Scene, phone: Phone) -> SaSet:
    phone.registered()
    scene.wait(60)
    return phone.set_in_kernel()


# -- SPIs


def test_a_set_that_was_replaced(scene: Scene, phone: Phone) -> None:
    old = first_set(scene, phone)
    phone.reregistered()
    phone.says(phone.message("OPTIONS", "sip:x"))  # which ends the old set
    scene.wait(60)
    scene.hear(UE, old.ids[0], 3)
    assert esp(scene) == (
        f"bad: ESP of {UE} arrives with SPI 0x{old.spi_ps:08x} (3 packets, the last at 00:02:04),"
        " no SA: the phone is using the set of 00:00:00, replaced at 00:01:00 and removed at"
        f" 00:01:32. It has not taken up the new set (TS 33.203 7.4). {AGAIN}"
    )


def test_a_phone_that_came_to_itself(scene: Scene, phone: Phone) -> None:
    old = first_set(scene, phone)
    phone.reregistered()
    phone.says(phone.message("OPTIONS", "sip:x"))
    scene.wait(60)
    scene.hear(UE, old.ids[0])
    phone.new_numbers(restart=True)
    scene.wait(5)
    phone.registered()
    assert esp(scene).startswith("note: ESP of")


def test_what_was_heard_long_ago_is_a_note(scene: Scene) -> None:
    scene.hear(UE, SaId(GM, 4711))
    assert esp(scene).startswith("bad: ESP of")
    scene.wait(400)
    assert esp(scene).startswith("note: ESP of")


def test_an_spi_of_nobody(scene: Scene) -> None:
    scene.hear(UE, SaId(GM, 4711))
    assert esp(scene).startswith(
        f"bad: ESP of {UE} arrives with SPI 0x00001267 (1 packet, the last at 00:00:04), no SA:"
        " nobody has had that SPI here since 00:00:00."
    )


def test_an_spi_of_another_address(scene: Scene, phone: Phone) -> None:
    old = first_set(scene, phone)
    scene.counters.lost.add(old.ids[0])
    scene.hear("192.0.2.77", old.ids[0])
    told = esp(scene, "192.0.2.77")
    assert f"it is of the set of 00:00:00, which {IMPI} had at {UE}." in told
    assert "The phone's address has changed, or a NAT is between" in told


def test_a_set_that_somebody_deleted(scene: Scene, phone: Phone) -> None:
    old = first_set(scene, phone)
    scene.counters.lost.add(old.ids[0])
    scene.hear(UE, old.ids[0])
    assert "using the set of 00:00:00, which was not removed here" in esp(scene)


def test_a_set_that_ran_out_in_the_kernel(scene: Scene, phone: Phone) -> None:
    old = first_set(scene, phone)
    scene.journal.expired(old.ids[0])
    scene.counters.remove(old)
    scene.hear(UE, old.ids[0])
    assert f"using the set of 00:00:00, which expired in the kernel at 00:01:00. {AGAIN}" in esp(
        scene
    )


def test_a_set_whose_challenge_led_to_nothing(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    old = phone.set_in_kernel()
    scene.wait(300)
    scene.hear(UE, old.ids[0])
    assert "whose challenge led to no registration, so that it was removed at 00:04:00" in esp(
        scene
    )


def test_a_set_whose_registration_ended(scene: Scene, phone: Phone) -> None:
    old = first_set(scene, phone)
    scene.wait(1000)
    scene.hear(UE, old.ids[0])
    assert "using the set of 00:00:00, removed at 00:10:30, when its registration ended" in esp(
        scene
    )


# -- blocks


@pytest.mark.parametrize("host", ["192.0.2.66", "2001:db8:66::1"])
def test_a_source_that_is_blocked(scene: Scene, host: str) -> None:
    scene.play(DeadlineReached())
    scene.edge._guard.block(host, 600, "flood")
    scene.wait(60)
    (told,) = scene.why(host)
    named = "2001:db8:66:0::/64" if ":" in host else host
    assert told.startswith(
        f"bad: {named} is blocked until 00:10:00, for 9 min more (flood): what it sends"
    )


# -- who was never heard of


def test_an_address_of_which_nothing_came(scene: Scene) -> None:
    scene.wait(3600)
    (told,) = scene.why("192.0.2.99")
    assert told.startswith(
        "bad: No REGISTER of 192.0.2.99 has reached us since 00:00:00, and no ESP without an SA."
    )
    assert "`tcpdump -ni any host 192.0.2.99`" in told


def test_a_name_of_which_nothing_came(scene: Scene) -> None:
    (told,) = scene.why("sip:nobody@example.net")
    assert told.startswith(
        "bad: Nobody has asked to register as sip:nobody@example.net since 00:00:00. Ask by"
    )


def test_what_may_have_been_forgotten_is_said(tmp_path: Path) -> None:
    scene = Scene(tmp_path, options={"max_phones": 1})
    for name in ("1@x", "2@x"):
        scene.journal.reported("info", "registration_refused", {"impi": name, "ue": UE})
    for who in ("192.0.2.99", "nobody@x"):
        assert "since 00:00:00, or it was long ago and is forgotten" in scene.why(who)[0]


def test_who_cannot_see_spis_says_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path, options={"listen": 0})
    assert "and ESP without an SA cannot be seen" in scene.why("192.0.2.99")[0]


# -- what the kernel drops


def test_a_packet_in_clear(scene: Scene) -> None:
    scene.drop(XfrmInTmplMismatch=1, XfrmInStateMismatch=2)
    scene.wait(3)
    notes = [told for told in scene.why(UE) if told.startswith("note")]
    assert notes == [
        "note: In the last minute, for all phones together: a packet in clear, or under a foreign"
        " SA, came to a protected port (XfrmInTmplMismatch, once); a phone that does so has no"
        " SAs, or its IPsec sends in clear: see what it offered, and whether its policies are in"
        " place.",
        "note: In the last minute, for all phones together: ESP opened, but its ports are not"
        " those of the SA (gm.selectors) (XfrmInStateMismatch, 2 times); a phone that mixes its"
        ' ports needs gm.selectors = "tolerant".',
    ]
    scene.wait(60)
    assert [told for told in scene.why(UE) if told.startswith("note")] == []


@pytest.mark.parametrize("can_listen", [True, False])
def test_spis_that_cannot_be_named(tmp_path: Path, can_listen: bool) -> None:
    scene = Scene(tmp_path, options={} if can_listen else {"listen": 0})
    scene.drop(XfrmInNoStates=1)
    scene.wait(3)
    notes = [told for told in scene.why(UE) if "XfrmInNoStates" in told]
    assert len(notes) == (0 if can_listen else 1)


def test_a_phone_that_is_well_hears_no_more_of_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, options={"listen": 0})
    Phone(scene).registered()
    scene.drop(XfrmInNoStates=1)
    scene.wait(3)
    (ok,) = scene.why(UE)
    assert ok.startswith("ok: Registered")


def test_every_counter_has_a_meaning() -> None:
    assert set(about_packets._MENDS) <= set(MEANINGS)
    assert meaning("XfrmNew") == "a counter of this kernel that is not known here"
