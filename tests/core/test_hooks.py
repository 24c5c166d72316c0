"""Who a phone is, as an operator's functions are told."""

from pcscf.core.hooks import PhoneInfo, Point, phone_info
from pcscf.core.state import GUEST, Binding, Phone, Registration


def registration(impi: str = "a@example.net", *associated: str) -> Registration:
    one = Registration(Phone(impi, "192.0.2.10", "", emergency=True), "token")
    one.bindings = (Binding("sip:a@example.net", "sip:ue", 1.0, (), associated),)
    return one


def test_points_have_the_names_of_functions() -> None:
    assert all(point.isidentifier() for point in Point)


def test_a_registered_phone() -> None:
    info = phone_info(registration("a@example.net", '"A" <sip:a@example.net>', "<tel:+491>"))
    assert info == PhoneInfo(
        "a@example.net", "192.0.2.10", ('"A" <sip:a@example.net>', "<tel:+491>"),
        protected=False, emergency=True,
    )  # fmt: skip
    assert info.identities == ("sip:a@example.net", "tel:+491")


def test_an_identity_that_cannot_be_read_is_left_out() -> None:
    info = phone_info(registration("a@example.net", "<broken", "<tel:+491>"))
    assert info.identities == ("tel:+491",)


def test_the_number_of_a_guest_stays_with_us() -> None:
    assert phone_info(registration(GUEST + "secret")).impi == ""
