"""What a document does to registrations, and when the SAs of a phone without any go."""

import pytest

from pcscf.core.state import Binding, Registration
from tests.core.registrar import CONTACT, TEL, Desk, binding, contact, document, of
from tests.core.stage import IMPU

OTHER = "sip:alias@example.net"
ELSEWHERE = "sip:ue@192.0.2.77:40002"
TOLD = document(of(IMPU, contact()))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def phone(desk: Desk) -> Registration:
    registration = desk.registered()
    desk.subscribed()
    return registration


def tell(desk: Desk, *registrations: str, version: int = 1) -> None:
    """The next thing that the registrar has to say."""
    assert desk.notify(document(*registrations, version=version, full=False)) == 200


def left(registration: Registration) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.aor, one.associated) for one in registration.bindings]


# bindings


@pytest.mark.parametrize(
    "event", ["expired", "deactivated", "probation", "unregistered", "rejected"]
)
def test_a_terminated_contact_loses_its_binding(
    desk: Desk, phone: Registration, event: str
) -> None:
    tell(desk, of(IMPU, contact("terminated", event)))
    assert phone.bindings == ()
    assert "changed_by_core" in desk.reports


@pytest.mark.parametrize("event", ["registered", "created", "refreshed"])
def test_an_active_contact_stays(desk: Desk, phone: Registration, event: str) -> None:
    before = phone.bindings
    tell(desk, of(IMPU, contact("active", event, more='expires="5"')))
    tell(desk, of(IMPU, contact("active", event, uri=ELSEWHERE)), version=2)
    assert phone.bindings is before
    assert "changed_by_core" not in desk.reports


def test_a_contact_is_told_by_user_host_and_port(desk: Desk, phone: Registration) -> None:
    for number, uri in enumerate((ELSEWHERE, CONTACT[:-1], CONTACT.replace("ue@", "x@")), 1):
        tell(desk, of(IMPU, contact(uri=uri)), version=number)
        assert phone.bindings
    tell(desk, of(IMPU, contact(uri=f"{CONTACT};transport=tcp")), version=4)
    assert phone.bindings == ()


def test_a_contact_of_another_identity_is_another_one(desk: Desk, phone: Registration) -> None:
    before = phone.bindings
    tell(desk, of(OTHER, contact()))
    tell(desk, of(OTHER, contact("active", "shortened", more='expires="5"')), version=2)
    tell(desk, of(OTHER, state="terminated"), version=3)
    assert phone.bindings is before


def test_an_identity_that_is_registered_by_itself_goes_alone(desk: Desk) -> None:
    phone = desk.registered(binding(), binding(OTHER))
    desk.subscribed()
    tell(desk, of(OTHER, contact()))
    assert left(phone) == [(IMPU, (f"<{IMPU}>",))]
    assert not desk.events.awaits_notify(phone)


def test_an_associated_identity_leaves_the_others(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact("active", "refreshed")), of(TEL, state="terminated"))
    assert left(phone) == [(IMPU, (f"<{IMPU}>",))]


def test_the_default_identity_takes_all_along(desk: Desk) -> None:
    """The one that was registered may be barred, and then nobody speaks of it."""
    barred = Binding("sip:barred@b", CONTACT, 1600, (), (f"<{IMPU}>", f"<{TEL}>"))
    phone = desk.registered(barred)
    desk.subscribed()
    tell(desk, of(IMPU, contact()))
    assert phone.bindings == ()


def test_the_registered_identity_takes_all_along(desk: Desk) -> None:
    phone = desk.registered(Binding(OTHER, CONTACT, 1600, (), (f"<{IMPU}>", f"<{TEL}>")))
    desk.subscribed()
    tell(desk, of(OTHER, contact()))
    assert phone.bindings == ()


def test_a_terminated_registration_ends_at_all_contacts(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, state="terminated"))
    assert phone.bindings == ()


def test_a_full_document_that_does_not_name_us_ends_nothing(
    desk: Desk, phone: Registration
) -> None:
    bodies = ((), (of(IMPU, state="init"),), (of(IMPU, contact("active", "created", ELSEWHERE)),))
    for number, body in enumerate(bodies, 1):
        assert desk.notify(document(*body, version=number)) == 200
        assert phone.bindings


def test_a_contact_that_stands_there_twice_is_still_registered(
    desk: Desk, phone: Registration
) -> None:
    old, new = contact("terminated", "expired"), contact("active", "registered")
    tell(desk, of(IMPU, new, old))
    assert phone.bindings


def test_all_phones_of_a_user_are_looked_at(desk: Desk, phone: Registration) -> None:
    other = desk.registered(binding(contact=ELSEWHERE), host="192.0.2.77")
    tell(desk, of(IMPU, contact(uri=ELSEWHERE)))
    assert (bool(phone.bindings), bool(other.bindings)) == (True, False)


def test_another_user_with_the_same_contact_is_left_alone(desk: Desk) -> None:
    stranger = desk.registered(impi="other@x")
    desk.registered()
    desk.subscribed()
    tell(desk, of(IMPU, contact()))
    assert stranger.bindings


def test_an_emergency_registration_is_left_alone(desk: Desk, phone: Registration) -> None:
    emergency = desk.registered(emergency=True)
    tell(desk, of(IMPU, state="terminated"))
    assert emergency.bindings


# time


def test_shortened_shortens(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact("active", "shortened", more='expires="60"')))
    assert [one.expires for one in phone.bindings] == [desk.now + 60]
    desk.wait(59)
    assert desk.expired == []
    desk.wait(2)
    assert desk.expired == [phone]


def test_shortened_never_lengthens(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact("active", "shortened", more='expires="9999"')))
    assert [one.expires for one in phone.bindings] == [1600]


def test_shortened_without_a_time_changes_nothing(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact("active", "shortened")))
    assert [one.expires for one in phone.bindings] == [1600]


def test_the_sas_keep_their_time(desk: Desk, phone: Registration) -> None:
    """TS 33.203 7.4: it never decreases."""
    phone.sa_deadline = 1630
    tell(desk, of(IMPU, contact("active", "shortened", more='expires="60"')))
    assert phone.sa_deadline == 1630


# the SAs of a phone without bindings


def test_the_sas_wait_for_the_phones_own_notify(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact()))
    assert desk.events.awaits_notify(phone)
    desk.wait(4)
    assert desk.dropped == []
    desk.phone_answers(phone, "active", TOLD)
    assert desk.dropped == [(phone, "deregistered_by_core", desk.now)]
    assert desk.left_over == (0, 0)
    desk.wait(100)
    assert len(desk.dropped) == 1


@pytest.mark.parametrize(
    ("state", "body"),
    [
        ("terminated;reason=noresource", b""),
        ("active", TOLD),
        ("active", document(of(IMPU, state="terminated"))),
    ],
)
def test_what_tells_a_phone_its_end(
    desk: Desk, phone: Registration, state: str, body: bytes
) -> None:
    tell(desk, of(IMPU, contact()))
    desk.phone_answers(phone, state, body)
    assert len(desk.dropped) == 1


@pytest.mark.parametrize(
    ("state", "body"),
    [
        ("active", b""),
        ("active", b"<x"),
        ("", TOLD),
        ("active", document(of(IMPU, contact("active", "refreshed")))),
    ],
)
def test_what_tells_a_phone_something_else(
    desk: Desk, phone: Registration, state: str, body: bytes
) -> None:
    tell(desk, of(IMPU, contact()))
    desk.phone_answers(phone, state, body)
    assert desk.dropped == []


def test_a_phone_that_hears_nothing_loses_its_sas_too(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact()))
    desk.wait(100)
    assert desk.dropped == [(phone, "deregistered_by_core", 1005)]
    assert desk.left_over == (0, 0)


def test_the_time_a_registration_had_does_not_end_it_in_the_grace(
    desk: Desk, phone: Registration
) -> None:
    desk.wait(1597 - desk.now)
    tell(desk, of(IMPU, contact()))
    desk.wait(10)
    assert (desk.expired, desk.dropped[0][2]) == ([], 1602)


def test_the_grace_is_a_setting() -> None:
    desk = Desk(grace=20.0)
    desk.registered()
    desk.subscribed()
    tell(desk, of(IMPU, contact()))
    desk.wait(19)
    assert desk.dropped == []
    desk.wait(2)
    assert len(desk.dropped) == 1


def test_a_notify_to_a_registered_phone_ends_nothing(desk: Desk, phone: Registration) -> None:
    desk.phone_answers(phone, "terminated", TOLD)
    assert desk.dropped == []
    assert phone.bindings


def test_a_phone_that_registers_anew_in_time_stays(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact()))
    desk.wait(3)
    desk.confirmed(phone, binding(expires=9000))
    assert not desk.events.awaits_notify(phone)
    desk.wait(100)
    assert desk.dropped == []


def test_a_registration_that_goes_by_itself_is_not_ended_again(
    desk: Desk, phone: Registration
) -> None:
    tell(desk, of(IMPU, contact()))
    desk.removed(phone)
    desk.wait(100)
    assert desk.dropped == []
    assert desk.left_over == (0, 0)


def test_the_end_is_told_once(desk: Desk, phone: Registration) -> None:
    tell(desk, of(IMPU, contact()))
    desk.wait(3)
    tell(desk, of(IMPU, state="terminated"), version=2)
    desk.wait(2)
    assert [at for _, _, at in desk.dropped] == [1005]
