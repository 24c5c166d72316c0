"""REGISTER from a phone: in clear, in answer to a challenge, under confirmed SAs."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pcscf.core.flow import Side, Transport
from pcscf.core.policy import SecAgree
from pcscf.sip.message import Request
from pcscf.sip.security import SecMechanism
from tests.core.phone import Phone
from tests.core.stage import CK, CORE_SIDE, IK, NONCE, UE, UE6, Stage, digest
from xfrm.model import SelectorMode


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


def protected_value(request: Request) -> str:
    return (request.get("authorization") or "").rpartition("integrity-protected=")[2]


def other_user(stage: Stage, **more: object) -> Phone:
    numbers = {"port_uc": 50001, "port_us": 50002, "spi_uc": 9001, "spi_us": 9002}
    who = {"impi": "b@example.net", "impu": "sip:b@example.net", "call_id": "call-b"}
    return Phone(stage, **(numbers | who | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("host", [UE, UE6])
def test_a_phone_registers(stage: Stage, host: str, transport: Transport) -> None:
    phone = Phone(stage, host=host, transport=transport)
    phone.challenged()
    assert len(stage.kernel) == 1
    first = stage.to_phone[-1]
    assert first.flow == phone.clear_flow()._replace(remote=first.flow.remote)
    assert CK.encode() not in first.data
    assert IK.encode() not in first.data

    stage.receive(phone.protected_flow(), phone.answer())
    assert protected_value(stage.last_to_core()) == '"yes"'
    assert stage.accept().status == 200
    sent = stage.to_phone[-1].flow
    sa_set = phone.set_in_kernel()
    if transport is Transport.TCP:
        assert sent == phone.protected_flow()
    else:
        assert (sent.local.port, sent.remote.port) == (sa_set.port_pc, phone.port_us)


def test_reregistration_keeps_sending_on_the_old_set_until_the_new_one_is_used(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    phone.reregistered()
    assert len(stage.kernel) == 2
    stage.receive(phone.protected_flow(), phone.message("MESSAGE", "sip:b@example.net"))
    stage.wait(stage.policy.sa_linger)
    assert list(stage.kernel) == [phone.set_in_kernel()]


def test_deregistration_is_answered_under_the_set_before_it_goes(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    stage.receive(phone.protected_flow(), phone.register(expires=0))
    assert stage.accept(expires=0).status == 200
    assert len(stage.kernel) == 1
    stage.wait(stage.policy.sa_linger)
    assert not stage.kernel


# --- in clear ---


def test_what_the_core_sees_of_sm1(stage: Stage, phone: Phone) -> None:
    phone.require = "sec-agree, path-ish"
    phone.says_in_clear(
        phone.register("P-Charging-Vector: icid-value=mine", auth=', integrity-protected="yes"')
    )
    request = stage.last_to_core()
    assert protected_value(request) == '"no"'
    assert request.elements("require") == ["path-ish", "path"]
    for name in ("security-client", "security-verify", "proxy-require"):
        assert name not in request
    assert len(stage.token()) >= 32
    assert request.values("p-visited-network-id") == ['"visited.example"']
    assert "mine" not in (request.get("p-charging-vector") or "")
    assert (request.via.host, request.via.port) == CORE_SIDE
    assert request.get("max-forwards") == "69"


def test_tokens_are_of_one_registration_only(stage: Stage, phone: Phone) -> None:
    phone.registered()
    one = stage.token()
    other_user(stage).registered()
    assert stage.token() != one


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        ("", 421),
        ("tls", 494),
        ("ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; spi-c=1; spi-s=2; port-c=3; port-s=4", 400),
        ("ipsec-3gpp; alg=hmac-md5-96; ealg=null; spi-c=1111; spi-s=2222; port-c=3; port-s=4", 494),
        (";;;", 400),
    ],
)
def test_without_a_usable_offer_nothing_is_begun(
    stage: Stage, phone: Phone, offer: str, status: int
) -> None:
    phone.security_client = offer
    lines = [] if offer else ["X: y"]
    phone.says_in_clear(phone.register(*lines))
    answer = stage.last_to_phone()
    assert answer.status == status
    if status in (421, 494):
        assert answer.elements("require") == ["sec-agree"]
        listed = SecMechanism.parse_many(answer.values("security-server"))
        assert [(m.ealg, m.spi_c) for m in listed] == [("aes-cbc", None), ("null", None)]
    assert not stage.to_core
    stage.wait(130)
    assert stage.left_over() == {}


def test_a_request_that_has_been_elsewhere_is_not_our_first_hop(stage: Stage, phone: Phone) -> None:
    """RFC 3329 2.3.2."""
    phone.says_in_clear(phone.register("Via: SIP/2.0/UDP proxy.example;branch=z9hG4bKx"))
    assert stage.last_to_phone().status == 502
    assert not stage.to_core


@pytest.mark.parametrize("mode", [SecAgree.PREFER, SecAgree.OFF])
def test_in_clear_where_policy_allows_it(mode: SecAgree) -> None:
    stage = Stage(sec_agree=mode)
    phone = Phone(stage, security_client="")
    phone.says_in_clear(phone.register())
    answer = stage.challenge()
    assert answer.status == 401
    assert "security-server" not in answer
    assert not stage.kernel
    phone.says_in_clear(phone.register(nonce=NONCE, response="1"))
    assert stage.accept().status == 200
    stage.core_asks(stage.edge._context.registry.of_user(phone.impi)[0].token)
    assert stage.to_phone[-1].flow.side is Side.CLEAR
    phone.says_in_clear(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


def test_off_ignores_an_offer_and_prefer_takes_it() -> None:
    for mode, sets in ((SecAgree.OFF, 0), (SecAgree.PREFER, 1)):
        stage = Stage(sec_agree=mode)
        Phone(stage).challenged()
        assert len(stage.kernel) == sets


def test_the_network_a_phone_is_in_decides() -> None:
    networks = ((ip_network("192.0.2.0/24"), SecAgree.OFF),)
    stage = Stage(sec_agree_by_network=networks)
    Phone(stage).challenged()
    assert not stage.kernel
    Phone(stage, host=UE6).challenged()
    assert len(stage.kernel) == 1


def test_the_port_in_via_says_nothing_about_protection(stage: Stage, phone: Phone) -> None:
    """The socket decides: a REGISTER in clear that looks like SM7 is in clear."""
    phone.challenged()
    phone.says_in_clear(phone.answer())
    assert protected_value(stage.last_to_core()) == '"no"'


def test_numbers_of_a_live_set_are_refused_before_the_core_is_asked(
    stage: Stage, phone: Phone
) -> None:
    """TS 33.203 7.1."""
    phone.registered()
    before = len(stage.to_core)
    for mine in (
        {"port_uc": phone.port_uc},
        {"spi_uc": phone.spi_uc},
        {"spi_us": phone.spi_us},
        {"spi_uc": phone.spi_us},
    ):
        other = other_user(stage, **mine)
        other.says_in_clear(other.register())
        assert stage.last_to_phone().status == 400
    phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 400
    assert len(stage.to_core) == before


def test_a_phone_may_take_its_own_live_numbers_again_where_the_operator_says_so() -> None:
    stage = Stage(replace_on_clash=True)
    phone = Phone(stage)
    phone.registered()
    phone.challenged()
    assert len(stage.kernel) == 1
    stage.receive(phone.protected_flow(), phone.answer())
    assert stage.accept().status == 200
    other = other_user(stage, port_uc=phone.port_uc)
    other.says_in_clear(other.register())
    assert stage.last_to_phone().status == 400


# --- bounds ---


def test_registers_in_progress_are_bounded_over_all() -> None:
    stage = Stage(max_pending=3)
    for number in range(4):
        phone = Phone(stage, host=f"192.0.2.{number}", impi=f"{number}@x", call_id=str(number))
        phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 503
    assert len(stage.to_core) == 3


def test_registers_in_progress_are_bounded_for_each_source() -> None:
    stage = Stage(max_pending_per_source=2)
    for number in range(3):
        phone = Phone(stage, impi=f"{number}@x", call_id=str(number))
        phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 503
    elsewhere = Phone(stage, host="192.0.2.99")
    elsewhere.says_in_clear(elsewhere.register())
    assert len(stage.to_core) == 3


def test_registers_in_progress_of_an_ipv6_prefix_are_those_of_one_phone() -> None:
    stage = Stage(max_pending_per_source=2)
    Phone(stage, host="2001:db8:1::1", impi="1@x", call_id="1").challenged()
    for number in (2, 3):
        host = f"2001:db8:1::{number}"
        phone = Phone(stage, host=host, impi=f"{number}@x", call_id=str(number))
        phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 503
    assert len(stage.to_core) == 2
    elsewhere = Phone(stage, host="2001:db8:1:1::1")
    elsewhere.says_in_clear(elsewhere.register())
    assert len(stage.to_core) == 3


def test_challenges_nobody_answers_count_until_they_run_out() -> None:
    stage = Stage(max_pending_per_source=1)
    Phone(stage).challenged()
    other = other_user(stage)
    other.says_in_clear(other.register())
    assert stage.last_to_phone().status == 503
    stage.wait(241)
    other.says_in_clear(other.register())
    assert stage.challenge().status == 401


@pytest.mark.parametrize(
    "broken",
    [
        'Authorization: Digest username="a", response="open',
        'Authorization: Digest username="a", username="b"',
        "Max-Forwards: 0",
        'Proxy-Require: "open',
    ],
)
def test_refused_requests_do_not_use_up_a_sources_share(broken: str) -> None:
    stage = Stage(max_pending_per_source=1)
    phone = Phone(stage)
    for _ in range(5):
        phone.says_in_clear(phone.register(broken))
    stage.wait(200)
    phone.says_in_clear(phone.register())
    assert stage.challenge().status == 401


def test_registered_phones_and_a_users_contacts_are_bounded() -> None:
    for limit, status in (({"max_registrations": 1}, 503), ({"max_contacts_per_user": 1}, 403)):
        stage = Stage(**limit)
        phone = Phone(stage)
        phone.registered()
        another = replace(phone, host="192.0.2.77", call_id="other", verify="")
        another.says_in_clear(another.register())
        assert stage.last_to_phone().status == status
        phone.new_numbers(restart=True)
        phone.registered()


# --- SM7 ---


@pytest.mark.parametrize(
    ("verify", "client"),
    [
        ("", None),
        ("tls", None),
        (None, "tls"),
        (None, ""),
    ],
)
def test_sm7_without_both_lists_is_494_and_ends_the_attempt(
    stage: Stage, phone: Phone, verify: str | None, client: str | None
) -> None:
    phone.challenged()
    sent_list = phone.verify
    before = len(stage.to_core)
    phone.verify = phone.verify if verify is None else verify
    phone.security_client = client
    data = phone.answer()
    if verify == "":
        data = data.replace(b"Security-Verify: \r\n", b"")
    phone.says(data)
    answer = stage.last_to_phone()
    assert answer.status == 494
    assert answer.get("security-server") == sent_list
    assert len(stage.to_core) == before
    stage.wait(200)
    assert stage.left_over() == {}


def test_sm7_with_another_number_is_no_repetition(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    phone.security_client = phone.offer.replace(f"spi-c={phone.spi_uc}", "spi-c=77777")
    phone.says(phone.answer())
    assert stage.last_to_phone().status == 494


def test_order_and_blanks_of_both_lists_do_not_matter(stage: Stage, phone: Phone) -> None:
    phone.challenged()

    def turned(value: str) -> str:
        entries = [entry.split("; ") for entry in value.split(", ")]
        return " ,\t".join(";".join([name.upper(), *reversed(ps)]) for name, *ps in entries)

    phone.security_client, phone.verify = turned(phone.offer), turned(phone.verify)
    phone.says(phone.answer())
    assert stage.accept().status == 200


def test_sm7_without_an_answer_is_not_called_protected(stage: Stage, phone: Phone) -> None:
    """TS 33.203 6.1.5."""
    phone.challenged()
    phone.says(phone.register(f"Security-Verify: {phone.verify}", nonce=NONCE))
    assert protected_value(stage.last_to_core()) == '"no"'


# --- whose SA it is ---


def test_a_second_identity_over_somebodys_sa_is_refused(stage: Stage, phone: Phone) -> None:
    phone.registered()
    before = len(stage.to_core)
    intruder = other_user(stage, port_uc=phone.port_uc)
    intruder.says(intruder.register())
    assert stage.last_to_phone().status == 403
    phone.new_numbers(restart=True)
    phone.challenged()
    intruder.port_uc = phone.port_uc
    intruder.says(intruder.register())
    assert stage.last_to_phone().status == 403
    assert len(stage.to_core) == before + 1
    assert stage.accept_answer_of(phone).status == 200


@pytest.mark.parametrize(
    ("sent_by", "status"),
    [("192.0.2.99:40002", 403), ("[2001:db8::1]", 403), ("phone.example", 0), (UE, 0)],
)
def test_the_address_in_via_is_the_packets(
    stage: Stage, phone: Phone, sent_by: str, status: int
) -> None:
    """TS 33.203 7.1."""
    phone.registered()
    before = len(stage.to_core)
    data = phone.register().replace(
        f"{UE}:{phone.port_us};branch".encode(), f"{sent_by};branch".encode()
    )
    phone.says(data)
    if status:
        assert stage.last_to_phone().status == status
    assert len(stage.to_core) == before + (status == 0)


def test_a_set_that_is_leaving_takes_no_register(stage: Stage, phone: Phone) -> None:
    phone.registered()
    old = phone.reregistered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.receive(old, phone.register())
    assert stage.last_to_phone().status == 403


def test_flows_nobody_owns_are_dropped_without_a_word(stage: Stage, phone: Phone) -> None:
    phone.registered()
    sent = len(stage.to_core) + len(stage.to_phone)
    held = stage.left_over()
    for port in (phone.port_uc + 1, phone.port_us, 5060):
        flow = phone.protected_flow()
        flow = flow._replace(remote=flow.remote._replace(port=port))
        stage.receive(flow, phone.register())
        stage.receive(flow, phone.message("MESSAGE", "sip:b@example.net"))
        stage.receive(flow, b"garbage")
    neighbour = phone.protected_flow()
    stage.receive(
        neighbour._replace(remote=neighbour.remote._replace(host="192.0.2.66")), phone.register()
    )
    assert len(stage.to_core) + len(stage.to_phone) == sent
    assert stage.left_over() == held


def test_two_users_do_not_share_an_address_where_ports_may_vary() -> None:
    stage = Stage(selectors=SelectorMode.TOLERANT)
    Phone(stage).registered()
    other = other_user(stage)
    other.says_in_clear(other.register())
    assert stage.last_to_phone().status == 403


# --- renewal ---


def test_a_renewal_says_it_is_protected(stage: Stage, phone: Phone) -> None:
    phone.registered()
    flow = phone.protected_flow()
    stage.receive(flow, phone.renewal())
    request = stage.last_to_core()
    assert protected_value(request) == '"yes"'
    assert "security-client" not in request
    assert "security-verify" not in request


def test_under_the_set_before_the_latest_it_is_not(stage: Stage, phone: Phone) -> None:
    phone.registered()
    old_verify = phone.verify
    old = phone.reregistered()
    stage.receive(old, phone.register(f"Security-Verify: {old_verify}"))
    assert protected_value(stage.last_to_core()) == '"no"'


@pytest.mark.parametrize("verify", ["tls", "", ";;"])
def test_a_renewal_with_another_list_is_494_and_costs_nothing(
    stage: Stage, phone: Phone, verify: str
) -> None:
    phone.registered()
    phone.says(phone.register(f"Security-Verify: {verify}"))
    answer = stage.last_to_phone()
    assert answer.status == 494
    assert answer.get("security-server") == phone.verify
    assert stage.kernel
    phone.says(phone.register())
    assert stage.accept().status == 200


def test_a_renewal_without_a_new_offer_may_not_be_challenged(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.security_client = ""
    phone.says(phone.register())
    answer = stage.challenge()
    assert answer.status == 421
    assert len(stage.kernel) == 1


def test_a_renewal_with_numbers_in_use_is_refused_when_challenged(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    phone.says(phone.register())
    assert stage.challenge().status == 400
    assert len(stage.kernel) == 1
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


# --- refusals by the phone ---


@pytest.mark.parametrize("response", ["", "1"])
def test_resynchronisation_removes_the_new_set_and_leads_to_another(
    stage: Stage, phone: Phone, response: str
) -> None:
    """TS 33.203 7.3.1."""
    phone.challenged()
    phone.says_in_clear(phone.register(nonce=NONCE, auth=', auts="abc"', response=response))
    assert not stage.kernel
    assert 'auts="abc"' in (stage.last_to_core().get("authorization") or "")
    phone.take_server(stage.challenge())
    assert len(stage.kernel) == 1
    assert stage.accept_answer_of(phone).status == 200


def test_a_phone_that_does_not_trust_the_network_ends_the_attempt(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    old = phone.rechallenged()
    assert len(stage.kernel) == 2
    stage.receive(old, phone.register(nonce=NONCE))
    assert len(stage.kernel) == 1
    assert stage.core_refuses(403) == 403
    stage.receive(old, phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


# --- emergency registrations (TS 33.203 6.1.0) ---


def test_an_emergency_registration_has_its_own_set(stage: Stage, phone: Phone) -> None:
    phone.registered()
    sos = other_user(stage, impi=phone.impi, impu=phone.impu, contact_params=";sos")
    sos.registered()
    assert len(stage.kernel) == 2
    sos.says(sos.register(expires=0))
    stage.accept(expires=0)
    stage.wait(40)
    assert list(stage.kernel) == [phone.set_in_kernel()]


def test_an_emergency_registration_begun_under_the_others_sas_stands_beside_it(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    token = stage.token()
    sos = other_user(stage, impi=phone.impi, impu=phone.impu, contact_params=";sos")
    stage.receive(phone.protected_flow(), sos.register())
    assert stage.token() != token
    sos.take_server(stage.challenge())
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    assert stage.accept_answer_of(sos).status == 200
    registrations = stage.edge._context.registry.of_user(phone.impi)
    assert {r.phone.emergency for r in registrations} == {True, False}
    assert all(len(r.sets) == 1 for r in registrations)


def test_an_emergency_registration_under_the_others_sas_needs_an_offer(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    phone.contact_params, phone.security_client = ";sos", ""
    before = len(stage.to_core)
    phone.says(phone.register())
    assert stage.last_to_phone().status == 421
    assert len(stage.to_core) == before


# --- retransmissions and second tries ---


def test_a_retransmitted_sm1_is_not_forwarded_and_gets_the_same_401(
    stage: Stage, phone: Phone
) -> None:
    data = phone.register()
    phone.says_in_clear(data)
    phone.says_in_clear(data)
    assert len(stage.to_core) == 1
    stage.challenge()
    phone.says_in_clear(data)
    assert len(stage.to_core) == 1
    assert stage.to_phone[0] == stage.to_phone[1]
    assert len(stage.kernel) == 1


def test_a_fresh_sm1_before_the_401_leads_to_one_set_in_the_end(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    first = stage.last_to_core()
    phone.says_in_clear(phone.register())
    second = stage.last_to_core()
    stage.challenge(first)
    phone.take_server(stage.challenge(second))
    assert len(stage.kernel) == 1
    assert stage.accept_answer_of(phone).status == 200


@pytest.mark.parametrize("restart", [False, True])
def test_a_fresh_sm1_after_the_401_replaces_the_set(
    stage: Stage, phone: Phone, *, restart: bool
) -> None:
    phone.challenged()
    (first,) = stage.kernel
    if restart:
        phone.new_numbers(restart=True)
    phone.challenged()
    (second,) = stage.kernel
    assert set(first.ids).isdisjoint(second.ids) or not restart
    assert {first.spi_pc, first.spi_ps}.isdisjoint({second.spi_pc, second.spi_ps})
    assert stage.accept_answer_of(phone).status == 200


def test_a_refresh_that_is_not_challenged_keeps_the_set(stage: Stage, phone: Phone) -> None:
    phone.registered()
    (sa_set,) = stage.kernel
    phone.port_uc, old = phone.port_uc, phone.protected_flow()
    phone.spi_uc += 10
    stage.receive(old, phone.register(f"Security-Verify: {phone.verify}"))
    assert stage.accept(expires=6000).status == 200
    assert list(stage.kernel) == [sa_set]
    stage.wait(5000)
    assert list(stage.kernel) == [sa_set]


def test_challenges_in_answers_to_other_methods_lose_their_keys(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.core_says(stage.last_to_core(), 407, digest(scheme="Proxy-Authenticate"))
    assert stage.last_to_phone().status == 407
    assert "proxy-authenticate" in stage.last_to_phone()
    assert len(stage.kernel) == 1


def test_a_challenge_answered_under_the_old_set_proves_nothing() -> None:
    """TS 33.203 7.2: SM7 comes under the SAs of its own challenge."""
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    old = phone.rechallenged()
    stage.receive(old, phone.register(nonce=NONCE, response="0" * 32))
    assert 'integrity-protected="no"' in (stage.last_to_core().get("authorization") or "")
    stage.receive(old, phone.register(nonce="another", response="0" * 32))
    assert 'integrity-protected="yes"' in (stage.last_to_core().get("authorization") or "")
