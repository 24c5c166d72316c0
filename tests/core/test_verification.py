"""Security-Verify in requests of a registered phone; ``test_registration`` has that of REGISTER."""

import pytest

from tests.core.phone import Phone
from tests.core.stage import Stage


def registered(*, require_verify: bool = False) -> tuple[Stage, Phone]:
    stage = Stage(require_verify=require_verify)
    phone = Phone(stage)
    phone.registered()
    return stage, phone


def says(phone: Phone, verify: str, method: str = "MESSAGE") -> None:
    lines = [f"Security-Verify: {verify}"] if verify else []
    phone.says(phone.message(method, "sip:b@example.net", *lines))


def reached_the_core(stage: Stage) -> bool:
    return stage.to_core[-1].data.startswith(b"MESSAGE")


def test_a_list_as_it_was_given_passes() -> None:
    stage, phone = registered()
    says(phone, phone.verify)
    assert reached_the_core(stage)
    assert "security-verify" not in stage.last_to_core()


@pytest.mark.parametrize(
    ("was", "now"), [("aes-cbc", "null"), ("spi-c=", "spi-c=1"), (", ", ",x;"), ("0.9", "0.1")]
)
def test_another_list_is_answered_with_ours(was: str, now: str) -> None:
    """RFC 3329 2.3.1: somebody in between has bid the agreement down."""
    stage, phone = registered()
    says(phone, phone.verify.replace(was, now, 1))
    answer = stage.last_to_phone()
    assert answer.status == 494
    assert answer.get("security-server") == phone.verify
    assert not reached_the_core(stage)
    assert stage.kernel


@pytest.mark.parametrize("required", [True, False])
def test_none_at_all_is_the_operators_choice(*, required: bool) -> None:
    stage, phone = registered(require_verify=required)
    says(phone, "")
    assert reached_the_core(stage) is not required


def test_each_set_has_a_list_of_its_own() -> None:
    stage, phone = registered()
    old = phone.verify
    phone.reregistered()
    says(phone, old)
    assert stage.last_to_phone().status == 494
    says(phone, phone.verify)
    assert reached_the_core(stage)


def test_a_list_of_nobody_else_will_do() -> None:
    stage, phone = registered()
    other = Phone(
        stage, impi="b@x", impu="sip:b@x", port_uc=50001, port_us=50002, spi_uc=900, spi_us=901
    )
    other.registered()
    says(phone, other.verify)
    assert stage.last_to_phone().status == 494
