"""SM11 and SM12: what is registered, and which sets serve it."""

from dataclasses import replace

import pytest

from pcscf.core.effects import ExtendSas, RemoveSas, SendSip
from pcscf.core.events import SaExpired
from pcscf.core.flow import Transport
from pcscf.core.policy import SecAgree
from pcscf.core.state import Registration
from tests.core.phone import Phone
from tests.core.stage import AES, UE, Stage

OTHER_IMPU = "sip:alias@example.net"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


def both_contacts() -> list[str]:
    return [f"Contact: <sip:ue@{host}:40002>;expires=600" for host in (UE, "192.0.2.20")]


def registration_of(phone: Phone) -> Registration:
    (found,) = phone.stage.edge._context.registry.of_user(phone.impi)
    return found


def test_what_a_200_confirms_is_kept(stage: Stage, phone: Phone) -> None:
    phone.registered(expires=600)
    (binding,) = registration_of(phone).bindings
    assert binding.expires == stage.now + 600
    assert binding.service_route == ("<sip:orig@203.0.113.9:5060;lr>",)
    assert binding.associated == (f"<{phone.impu}>", "<tel:+491701234567>")


def test_what_the_phone_sees_of_the_200(stage: Stage, phone: Phone) -> None:
    phone.registered()
    answer = stage.last_to_phone()
    assert "service-route" in answer
    assert "p-associated-uri" in answer
    for name in ("security-server", "p-charging-vector"):
        assert name not in answer


def test_the_expiry_is_as_granted(stage: Stage, phone: Phone) -> None:
    """TS 33.203 7.4: the SAs live half a minute longer."""
    phone.challenged()
    phone.says(phone.answer(expires=6000))
    stage.accept(expires=60)
    stage.wait(89)
    assert stage.kernel
    stage.wait(2)
    assert not stage.kernel
    stage.wait(100)
    assert stage.left_over() == {}


def test_between_expiry_and_the_end_of_the_sas_nobody_is_reached(
    stage: Stage, phone: Phone
) -> None:
    phone.registered(expires=60)
    token = stage.token()
    stage.wait(61)
    stage.core_asks(token)
    assert stage.last_answer_to_core().status == 480
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    phone.says(phone.register())
    assert stage.accept().status == 200
    stage.core_asks(token)
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_the_lifetime_of_the_sas_never_decreases(stage: Stage, phone: Phone) -> None:
    phone.registered(expires=6000)
    phone.says(phone.register())
    stage.accept(expires=60)
    (runs_out,) = stage.kernel.values()
    assert runs_out >= stage.now + 6030
    phone.says(phone.register())
    stage.accept(expires=9000)
    (runs_out,) = stage.kernel.values()
    assert runs_out >= stage.now + 9030


def test_a_phone_that_began_anew_began_its_lifetime_anew(stage: Stage, phone: Phone) -> None:
    phone.registered(expires=600_000)
    phone.new_numbers(restart=True)
    phone.registered(expires=60)
    stage.wait(200)
    assert stage.left_over() == {}


def test_a_registration_the_core_did_not_challenge_is_none(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    assert stage.accept().status == 500
    stage.wait(200)
    assert stage.left_over() == {}


# --- make before break (TS 33.203 7.4) ---


def test_after_a_renewal_only_the_set_that_protected_it_stays_beside(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    first = phone.set_in_kernel()
    phone.reregistered()
    second = phone.set_in_kernel()
    phone.reregistered()  # the REGISTER of this one confirmed the second set
    assert set(stage.kernel) == {second, phone.set_in_kernel(), first}
    stage.wait(stage.policy.sa_linger)
    assert set(stage.kernel) == {second, phone.set_in_kernel()}


def test_renewed_again_under_the_first_set_the_second_goes_at_once(
    stage: Stage, phone: Phone
) -> None:
    """The phone never got its 200: it knows nothing of the second set."""
    phone.registered()
    first, flow, verify = phone.set_in_kernel(), phone.protected_flow(), phone.verify
    phone.reregistered()
    phone.new_numbers()
    stage.receive(flow, phone.register(f"Security-Verify: {verify}"))
    phone.take_server(stage.challenge())
    assert len(stage.kernel) == 3
    assert stage.accept_answer_of(phone).status == 200
    assert set(stage.kernel) == {first, phone.set_in_kernel()}


def test_requests_go_out_on_the_old_set_until_the_new_one_is_used(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    old_flow = phone.to_phone_flow()
    token = stage.token()
    phone.reregistered()
    stage.core_asks(token)
    assert stage.to_phone[-1].flow == old_flow
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.core_asks(token)
    assert stage.to_phone[-1].flow == phone.to_phone_flow() != old_flow


def test_an_answer_under_the_new_set_is_use_of_it(stage: Stage, phone: Phone) -> None:
    phone.registered()
    token = stage.token()
    phone.reregistered()
    stage.core_asks(token)
    phone.says(phone.answers(stage.last_asked_of_phone(), 200))
    assert stage.last_answer_to_core().status == 200
    stage.wait(stage.policy.sa_linger)
    assert list(stage.kernel) == [phone.set_in_kernel()]


def test_an_answer_under_way_finishes_on_the_old_set(stage: Stage, phone: Phone) -> None:
    phone.registered()
    old_flow, old_port = phone.to_phone_flow(), phone.protected_flow()
    stage.receive(old_port, phone.message("MESSAGE", "sip:b@example.net"))
    request = stage.last_to_core()
    phone.reregistered()
    phone.says(phone.message("INFO", "sip:b@example.net"))
    stage.core_says(request, 200)
    assert stage.to_phone[-1].flow == old_flow


@pytest.mark.parametrize("transport", list(Transport))
def test_once_the_old_set_is_gone_the_answer_goes_under_the_new(
    stage: Stage, transport: Transport
) -> None:
    phone = Phone(stage, transport=transport)
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    request = stage.last_to_core()
    stage.core_says(request, 100)
    phone.new_numbers(restart=True)
    phone.registered()
    stage.core_says(request, 200)
    sent = stage.to_phone[-1]
    assert sent.flow == phone.to_phone_flow()
    assert sent.connect is (transport is Transport.TCP)


def test_a_restart_in_clear_removes_all_old_sets_at_once(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.reregistered()
    phone.new_numbers(restart=True)
    phone.challenged()
    assert len(stage.kernel) == 3
    assert stage.accept_answer_of(phone).status == 200
    assert list(stage.kernel) == [phone.set_in_kernel()]


def test_a_restart_leaves_no_binding_of_before(stage: Stage, phone: Phone) -> None:
    phone.registered()
    first, phone.impu = phone.impu, OTHER_IMPU
    phone.says(phone.register())
    stage.accept()
    phone.impu = first
    phone.new_numbers(restart=True)
    phone.registered()
    assert [b.aor for b in registration_of(phone).bindings] == [first]


def test_the_200_leaves_before_any_set_goes(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.new_numbers(restart=True)
    phone.challenged()
    start = len(stage.log)
    stage.accept_answer_of(phone)
    tail = stage.log[start:]
    (removal,) = [n for n, effect in enumerate(tail) if isinstance(effect, RemoveSas)]
    (answer,) = [
        n
        for n, effect in enumerate(tail)
        if isinstance(effect, SendSip) and effect.data.startswith(b"SIP/2.0 200")
    ]
    assert answer < removal


def test_never_more_than_three_sets_however_fast_a_phone_renews(stage: Stage, phone: Phone) -> None:
    """TS 33.203 7.1: six SAs each way. The stage counts at every event."""
    phone.registered()
    for _ in range(10):
        phone.reregistered()
        phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    for _ in range(10):
        old = phone.rechallenged()
        phone.says(phone.answer())
        stage.core_refuses(403)
        phone.port_uc = old.remote.port
        phone.verify = ""
        phone.new_numbers(restart=True)
        phone.registered()


def test_a_200_lost_is_sent_again_under_the_new_set(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    answer = phone.answer()
    phone.says(answer)
    stage.accept()
    phone.says(answer)
    assert stage.to_phone[-1] == stage.to_phone[-2]
    assert len(stage.to_core) == 2


# --- several identities, contacts, phones ---


def test_several_identities_share_the_sets(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.impu = OTHER_IMPU
    phone.says(phone.register())
    stage.accept()
    assert len(registration_of(phone).bindings) == 2
    assert len(stage.kernel) == 1


def test_the_sets_stay_until_the_last_identity_goes(stage: Stage, phone: Phone) -> None:
    first = phone.impu
    phone.registered()
    phone.impu = OTHER_IMPU
    phone.says(phone.register())
    stage.accept()
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(40)
    assert [b.aor for b in registration_of(phone).bindings] == [first]
    assert stage.kernel
    phone.impu = first
    phone.says(phone.register("Expires: 0", contact="*"))
    stage.accept(expires=0)
    stage.wait(40)
    assert not stage.kernel


def test_an_implicit_set_leaves_under_any_of_its_names(stage: Stage, phone: Phone) -> None:
    """TS 23.228 5.2.1a."""
    phone.challenged()
    phone.says(phone.answer())
    stage.core_says(
        stage.last_to_core(),
        200,
        f"Contact: <sip:ue@{UE}:40002>;expires=600",
        f"P-Associated-URI: <{phone.impu}>, <{OTHER_IMPU}>",
    )
    phone.to = OTHER_IMPU
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(200)
    assert stage.left_over() == {}


def test_contacts_of_one_phone_come_and_go_one_by_one(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.register(contact=f"<sip:ue@{UE}:40002>, <sip:other@{UE}:40002>"))
    stage.accept()
    assert len(registration_of(phone).bindings) == 2
    phone.says(phone.register(contact=f"<sip:other@{UE}:40002>", expires=0))
    stage.core_says(stage.last_to_core(), 200, f"Contact: <sip:ue@{UE}:40002>;expires=60")
    assert len(registration_of(phone).bindings) == 2  # it asked without expires=0
    phone.says(phone.register(contact=f"<sip:other@{UE}:40002>;expires=0"))
    stage.core_says(stage.last_to_core(), 200, f"Contact: <sip:ue@{UE}:40002>;expires=60")
    assert [b.contact for b in registration_of(phone).bindings] == [f"sip:ue@{UE}:40002"]


def test_a_query_changes_nothing(stage: Stage, phone: Phone) -> None:
    """RFC 3261 10.2.3: a REGISTER without Contact."""
    phone.registered()
    data = phone.register()
    head, contact, rest = data.partition(b"Contact: ")
    assert contact
    phone.says(head + rest.partition(b"\r\n")[2])
    stage.core_says(stage.last_to_core(), 200, f"Contact: <sip:ue@{UE}:40002>;expires=500")
    assert stage.last_to_phone().status == 200
    stage.wait(60)
    assert len(registration_of(phone).bindings) == 1
    assert stage.kernel


def test_two_phones_of_one_user_live_side_by_side(stage: Stage, phone: Phone) -> None:
    phone.registered()
    other = replace(phone, host="192.0.2.20", call_id="other", verify="")
    other.challenged()
    other.says(other.answer())
    stage.core_says(stage.last_to_core(), 200, *both_contacts())
    assert len(stage.edge._context.registry.of_user(phone.impi)) == 2
    assert len(stage.kernel) == 2


def test_a_contact_the_core_no_longer_lists_is_gone(stage: Stage, phone: Phone) -> None:
    """RFC 3261 10.3: the 200 lists all of them; the core let the new phone replace the old."""
    phone.registered()
    other = replace(phone, host="192.0.2.20", call_id="other", verify="")
    other.challenged()
    other.says(other.answer())
    stage.core_says(
        stage.last_to_core(), 200, f"Contact: <sip:ue@192.0.2.20:{other.port_us}>;expires=600"
    )
    # The core in these scripts lists only what was asked for: so it says that the first is gone.
    assert list(stage.kernel) == [other.set_in_kernel()]


def test_a_phone_with_an_instance_is_the_same_wherever_it_is(stage: Stage, phone: Phone) -> None:
    phone.instance = "<urn:gsma:imei:1>"
    phone.registered()
    token = stage.token()
    phone.host = "192.0.2.20"
    phone.new_numbers(restart=True)
    phone.challenged()
    assert len(stage.kernel) == 2
    stage.accept_answer_of(phone)
    assert stage.token() != token
    assert registration_of(phone).phone.host == "192.0.2.20"
    assert list(stage.kernel) == [phone.set_in_kernel()]
    stage.core_asks(token)
    assert stage.last_answer_to_core().status == 404


def test_a_phone_without_one_that_moves_leaves_its_old_self_to_expire(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    old = phone.set_in_kernel()
    moved = replace(phone, host="192.0.2.20", verify="")
    moved.challenged()
    moved.says(moved.answer())
    stage.core_says(stage.last_to_core(), 200, *both_contacts())
    assert set(stage.kernel) == {old, moved.set_in_kernel()}
    stage.wait(1000)
    assert stage.left_over() == {}


# --- ends ---


@pytest.mark.parametrize("way", ["expires", "header", "star"])
def test_deregistration_in_each_spelling(stage: Stage, phone: Phone, way: str) -> None:
    phone.registered()
    token = stage.token()
    contact = f"<sip:ue@{UE}:{phone.port_us}>"
    data = {
        "expires": lambda: phone.register(expires=0),
        "header": lambda: phone.register("Expires: 0", contact=contact),
        "star": lambda: phone.register("Expires: 0", contact="*"),
    }[way]()
    phone.says(data)
    assert stage.accept(expires=0).status == 200
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    stage.core_asks(token)
    assert stage.last_answer_to_core().status == 404
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    stage.wait(200)
    assert stage.left_over() == {}


def test_deregistration_that_is_challenged_ends_both_sets(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.rechallenged()
    phone.says(phone.answer(expires=0))
    assert stage.accept(expires=0).status == 200
    stage.wait(200)
    assert stage.left_over() == {}


def test_a_refused_deregistration_ends_nothing(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.register(expires=0))
    assert stage.core_refuses(500) == 500
    stage.wait(100)
    assert stage.kernel


def test_a_phone_that_restarts_right_after_leaving(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    phone.new_numbers(restart=True)
    phone.registered()
    stage.wait(40)
    assert list(stage.kernel) == [phone.set_in_kernel()]


def test_the_same_numbers_may_be_used_while_the_old_set_leaves(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    phone.registered()
    assert len(stage.kernel) == 1
    stage.wait(100)
    assert len(stage.kernel) == 1


def test_an_expired_binding_leaves_the_others(stage: Stage, phone: Phone) -> None:
    phone.registered(expires=60)
    phone.impu = OTHER_IMPU
    phone.says(phone.register())
    stage.accept(expires=600)
    stage.wait(100)
    assert [b.aor for b in registration_of(phone).bindings] == [OTHER_IMPU]
    stage.wait(600)
    assert stage.left_over() == {}


def test_a_200_for_a_registration_that_ended_meanwhile_makes_no_ghost(
    stage: Stage, phone: Phone
) -> None:
    """Without SAs nobody could be reached under it."""
    phone.registered()
    phone.says(phone.register())
    request = stage.last_to_core()
    (sa_set,) = stage.kernel
    stage.play(SaExpired(sa_set.ids[0]))
    before = len(stage.to_phone)
    stage.accept_silently(request)
    assert len(stage.to_phone) == before
    assert len(stage.edge._context.registry) == 0


def test_a_registration_in_clear_gives_up_its_sets() -> None:
    """The phone moved to where the policy asks for no IPsec, and the core agreed."""
    stage = Stage(sec_agree=SecAgree.PREFER, suites=(AES,))
    phone = Phone(stage)
    phone.registered()
    phone.security_client = ""
    phone.says_in_clear(phone.register())
    stage.accept()
    assert not stage.kernel
    assert registration_of(phone).clear_flow is not None


def test_every_200_tells_the_kernel_the_new_lifetime(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.reregistered()
    phone.says(phone.register())
    before = len(stage.log)
    stage.accept()
    extended = {e.sa_set for e in stage.log[before:] if isinstance(e, ExtendSas)}
    assert extended == {phone.set_in_kernel()}
