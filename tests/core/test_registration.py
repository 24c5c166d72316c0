"""The registration's whole life, as scripts of events and effects."""

import pytest

from pcscf.core.flow import Transport
from tests.core.stage import CK, IK, UE, UE6, Phone, Stage


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("host", [UE, UE6])
def test_a_phone_registers(host: str, transport: Transport) -> None:
    stage = Stage()
    phone = Phone(stage, host=host, transport=transport)
    phone.challenged()
    assert len(stage.kernel) == 1
    first = stage.to_phone[-1]
    assert first.flow == phone.clear_flow()._replace(remote=first.flow.remote)
    assert CK.encode() not in first.data
    assert IK.encode() not in first.data

    stage.receive(phone.protected_flow(), phone.answer())
    assert (stage.last_to_core().get("authorization") or "").endswith('integrity-protected="yes"')
    assert stage.accept().status == 200
    sent = stage.to_phone[-1].flow
    sa_set = phone.set_in_kernel()
    if transport is Transport.TCP:
        assert sent == phone.protected_flow()
    else:
        assert (sent.local.port, sent.remote.port) == (sa_set.port_pc, phone.port_us)


def test_reregistration_keeps_sending_on_the_old_set_until_the_new_one_is_used() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    phone.reregistered()
    assert len(stage.kernel) == 2
    stage.receive(phone.protected_flow(), phone.message("MESSAGE", "sip:b@example.net"))
    stage.wait(stage.policy.sa_linger)
    assert list(stage.kernel) == [phone.set_in_kernel()]


def test_deregistration_is_answered_under_the_set_before_it_goes() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    stage.receive(phone.protected_flow(), phone.register(expires=0))
    assert stage.accept(expires=0).status == 200
    assert len(stage.kernel) == 1
    stage.wait(stage.policy.sa_linger)
    assert not stage.kernel
