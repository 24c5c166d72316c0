"""Sentences of several phones, and their order."""

from tests.core.phone import Phone
from tests.core.stage import IMPI, IMPU, UE
from tests.diagnosis.scene import Scene
from xfrm.model import SaId


def beside(scene: Scene) -> Phone:
    """Another user at the same address."""
    numbers = {"port_uc": 41000, "port_us": 41001, "spi_uc": 3001, "spi_us": 3002}
    return Phone(scene, impi="other@x", impu="sip:other@x", **numbers)  # type: ignore[arg-type]


def test_the_worst_comes_first_and_what_is_so_now_before_what_was(
    scene: Scene, phone: Phone
) -> None:
    phone.says_in_clear(b"REGISTER sip:x SIP/2.0\r\nnonsense\r\n\r\n")
    scene.wait(5)
    for status in (403, 404):
        phone.says_in_clear(phone.register())
        scene.core_refuses(status)
        scene.wait(5)
    scene.edge._guard.block(UE, 600, "flood")
    told = [text.removeprefix(f"{IMPI} at ") for text in scene.why(UE)]
    assert [text.split(":")[0] for text in told] == ["bad", "bad", "bad", "note"]
    assert "blocked until" in told[0]
    assert "with 404" in told[1]
    assert "with 403" in told[2]


def test_of_several_phones_each_sentence_says_whose_it_is(scene: Scene, phone: Phone) -> None:
    phone.registered()
    other = beside(scene)
    other.says_in_clear(other.register())
    scene.core_refuses(403)
    bad, ok = scene.why(UE)
    assert bad.startswith(f"bad: other@x at {UE}: The core refused")
    assert ok.startswith(f"ok: {IMPI} at {UE}: Registered")


def test_what_is_of_the_address_is_said_once(scene: Scene, phone: Phone) -> None:
    phone.registered()
    other = beside(scene)
    other.says_in_clear(other.register())
    scene.core_refuses(403)
    scene.hear(UE, SaId(phone.gm, 4711))
    assert len([text for text in scene.why(UE) if "no SA" in text]) == 1


def test_each_name_finds_the_phone(scene: Scene, phone: Phone) -> None:
    phone.registered()
    told = scene.why(UE)
    for who in (IMPI, IMPU, "tel:+491701234567"):
        assert scene.why(who) == told


def test_each_spi_finds_the_phone(scene: Scene, phone: Phone) -> None:
    phone.registered()
    told = scene.why(UE)
    for sa in phone.set_in_kernel().ids:
        assert scene.why(f"0x{sa.spi:08X}") == told
    assert "Nobody has asked to register as 0x00001267" in scene.why("0x00001267")[0]


def test_who_is_not_registered_is_found_by_name_too(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.core_refuses(403)
    told = scene.why(UE)
    for who in (IMPI, IMPU):
        assert scene.why(who) == told


def test_where_a_user_was_before_is_of_no_interest(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.core_refuses(403)
    scene.wait(60)
    moved = Phone(scene, host="192.0.2.20")
    moved.registered()
    (ok,) = scene.why(IMPI)
    assert ok.startswith("ok: Registered")
    scene.wait(60)
    phone.says_in_clear(phone.register())
    scene.core_refuses(403)
    bad, ok = scene.why(IMPI)
    assert bad.startswith(f"bad: {IMPI} at {UE}: The core refused its REGISTER with 403 2 times")
    assert ok.startswith(f"ok: {IMPI} at 192.0.2.20: Registered")


def test_an_address_may_be_written_otherwise(scene: Scene) -> None:
    phone = Phone(scene, host="2001:db8:1::10")
    phone.registered()
    for who in ("2001:db8:1:0::10", "[2001:DB8:1::10]"):
        (ok,) = scene.why(who)
        assert ok.startswith("ok: Registered")


def test_somebody_of_whom_there_is_nothing_to_say(scene: Scene) -> None:
    scene.journal.reported("info", "phone_back", {"impi": IMPI, "ue": UE})
    assert scene.why(UE) == [f"note: {UE} is not registered, and no REGISTER of it is under way."]
