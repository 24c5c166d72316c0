"""Emergency requests: to the E-CSCF, or 380; and nothing else in clear but REGISTER."""

from dataclasses import replace

import pytest

from pcscf.core.emergency import service_of
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.policy import EmergencyPolicy, Target, WithoutECscf
from pcscf.sip.message import Request, parse
from tests.core.call import NO_EVS, WITHOUT_EVS, OutgoingCall, with_sdp
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, GM, S_CSCF, Stage


def asks(uri: str, *lines: str) -> Request:
    message = parse("\r\n".join([f"MESSAGE {uri} SIP/2.0", *lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("uri", "route", "service"),
    [
        ("urn:service:sos", "", "urn:service:sos"),
        ("URN:Service:SOS.police", "", "URN:Service:SOS.police"),
        ("sip:112@example.net", "<urn:service:sos.fire>", "urn:service:sos.fire"),
        ("tel:112", "", "urn:service:sos"),
        ("tel:1-1-2;phone-context=example.net", "", "urn:service:sos"),
        ("sip:112@example.net;user=phone", "", "urn:service:sos"),
        ("sip:112;phone-context=x.net@example.net;user=phone", "", "urn:service:sos"),
        ("sip:1120@example.net", "", ""),
        ("tel:+49112", "", ""),
        ("urn:service:sosx", "", ""),
        ("urn:service:counseling", "", ""),
        ("sip:sos@example.net", "", ""),
        ("sip:b@example.net", "<sip:p@x;lr>, <urn:service:sos>", ""),
        ("sip:b@example.net", "broken<sos", ""),
    ],
)
def test_request_uri_top_route_and_number_tell(uri: str, route: str, service: str) -> None:
    """RFC 5031."""
    request = asks(uri, "To: <sip:x@y>", *([f"Route: {route}"] if route else []))
    assert service_of(request, frozenset({"112"})) == service


def test_a_number_that_is_not_configured_is_none() -> None:
    assert service_of(asks("tel:112", "To: <sip:x@y>"), frozenset()) == ""


def test_within_a_dialog_nothing_is_an_emergency_anew() -> None:
    assert service_of(asks("urn:service:sos", "To: <sip:x@y>;tag=1"), frozenset()) == ""


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_an_emergency_request_in_clear_is_told_to_go_elsewhere(method: str) -> None:
    """TS 24.229 5.2.10."""
    stage = Stage()
    phone = Phone(stage)
    phone.says_in_clear(phone.message(method, "urn:service:sos"))
    answer = stage.last_to_phone()
    assert answer.status == 380
    assert answer.get("content-type") == "application/3gpp-ims+xml"
    assert str(Endpoint(GM, 5060)) in (answer.get("p-asserted-identity") or "")
    assert b"<action>emergency-registration</action>" in answer.body
    assert answer.get("content-length") == str(len(answer.body))
    assert not stage.to_core
    stage.wait(200)
    assert stage.left_over() == {}


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "OPTIONS", "NOTIFY", "BYE", "X-NEW"])
def test_nothing_else_is_taken_in_clear(method: str) -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    before = len(stage.to_core)
    phone.says_in_clear(phone.message(method, "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    assert len(stage.to_core) == before


# --- with an E-CSCF ---

E_CSCF = Endpoint("203.0.113.12", 5060)
POLICY = EmergencyPolicy(
    e_cscf=(Target(E_CSCF.host, E_CSCF.port, Transport.UDP),),
    numbers=frozenset({"112"}),
    notify=("sip:desk@example.net",),
)


@pytest.fixture
def stage() -> Stage:
    return Stage(emergency=POLICY)


def served(**policy: object) -> Stage:
    return Stage(emergency=replace(POLICY, **policy))  # type: ignore[arg-type]


def invites(stage: Stage) -> list[Request]:
    found = [parse(effect.data) for effect in stage.to_core if effect.flow.remote == E_CSCF]
    return [one for one in found if isinstance(one, Request) and one.method == "INVITE"]


def calls(call: OutgoingCall, uri: str, *lines: str) -> None:
    call.says(call.request("INVITE", *lines).replace(b"sip:b@example.net", uri.encode()))


@pytest.mark.parametrize("uri", ["urn:service:sos", "tel:112"])
def test_a_registered_phones_call_goes_to_the_e_cscf(stage: Stage, uri: str) -> None:
    """Not by Service-Route; with its identity (TS 24.229 5.2.10.3)."""
    phone = Phone(stage)
    phone.registered()
    calls(OutgoingCall(stage, phone), uri, "Route: <sip:orig@203.0.113.9:5060;lr>")
    (invite,) = invites(stage)
    assert invite.uri == "urn:service:sos"
    assert invite.to.uri == uri
    assert invite.values("p-asserted-identity") == [f"<{phone.impu}>"]
    assert "route" not in invite
    assert "record-route" in invite


def test_media_policy_holds_in_an_emergency_too() -> None:
    stage = Stage(emergency=POLICY, media=NO_EVS)
    phone = Phone(stage)
    phone.registered()
    call = OutgoingCall(stage, phone)
    call.says(with_sdp(call.request("INVITE").replace(b"sip:b@example.net", b"urn:service:sos")))
    (invite,) = invites(stage)
    assert invite.body == WITHOUT_EVS


def test_those_named_are_told(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    before = len(stage.to_core)
    calls(OutgoingCall(stage, phone), "tel:112", "P-Access-Network-Info: 3GPP-E-UTRAN;cell=7")
    told = [parse(e.data) for e in stage.to_core[before:] if e.data.startswith(b"MESSAGE")]
    (message,) = told
    assert isinstance(message, Request)
    assert message.uri == "sip:desk@example.net"
    for word in (phone.impu, phone.host, "tel:112", "cell=7"):
        assert word.encode() in message.body
    stage.core_says(message, 480)
    assert stage.reports[-1].event == "emergency_not_notified"


def test_a_message_is_no_call(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert [e.flow.remote for e in stage.to_core[2:]] == [E_CSCF]


@pytest.mark.parametrize("anonymous", [True, False])
def test_an_anonymous_call(*, anonymous: bool) -> None:
    stage = served(anonymous=anonymous)
    phone = Phone(stage, security_client="")
    call = OutgoingCall(stage, phone, flow=phone.clear_flow())
    calls(call, "urn:service:sos", "P-Preferred-Identity: <sip:boss@example.net>")
    if not anonymous:
        assert stage.last_to_phone().status == 380
        return
    (call.invite,) = invites(stage)
    assert "p-asserted-identity" not in call.invite
    assert "p-preferred-identity" not in call.invite
    call.core_says(200)
    answer = stage.last_to_phone()
    assert answer.status == 200
    assert answer.elements("record-route")[-1] == f"<sip:{GM}:5060;lr>"
    call.says(call.within("ACK"))
    token = call.invite.elements("record-route")[0].partition("@")[0].removeprefix("<sip:")
    stage.receive(FROM_CORE, call.from_core("BYE", token=token))
    bye = stage.last_asked_of_phone()
    assert stage.to_phone[-1].flow == phone.clear_flow()
    phone.says_in_clear(phone.answers(bye, 200))
    stage.wait(1000)
    assert stage.left_over() == {}


def test_an_anonymous_caller_may_do_nothing_else() -> None:
    stage = served(anonymous=True)
    phone = Phone(stage, security_client="")
    calls(OutgoingCall(stage, phone, flow=phone.clear_flow()), "urn:service:sos")
    before = len(stage.to_core)
    phone.says_in_clear(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    assert len(stage.to_core) == before


def test_no_more_anonymous_callers_than_allowed() -> None:
    stage = served(anonymous=True, max_anonymous=1)
    for number in (1, 2):
        phone = Phone(stage, host=f"192.0.2.{number}", security_client="")
        flow = phone.clear_flow()
        calls(OutgoingCall(stage, phone, call_id=f"c{number}", flow=flow), "urn:service:sos")
    assert stage.last_to_phone().status == 503
    assert len(invites(stage)) == 1


def test_an_emergency_registration_serves_emergencies_alone(stage: Stage) -> None:
    """TS 24.229 5.2.10; it has SAs and contacts of its own."""
    phone = Phone(stage, contact_params=";sos")
    phone.registered()
    token = stage.token()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    calls(OutgoingCall(stage, phone), "urn:service:sos")
    assert invites(stage)
    stage.core_asks(token)  # the call-back
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_without_an_e_cscf_a_registered_phone_is_told_to_go_elsewhere() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert stage.last_to_phone().status == 380


def test_or_its_request_is_the_s_cscfs() -> None:
    stage = served(e_cscf=(), without_e_cscf=WithoutECscf.S_CSCF)
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert stage.last_to_core().uri == "urn:service:sos"
    assert stage.to_core[-1].flow.remote == S_CSCF


def test_no_limit_concerns_an_emergency() -> None:
    guard = GuardPolicy(user_rate=0.001, user_burst=1.0)
    stage = Stage(emergency=POLICY, guard=guard)
    phone = Phone(stage)
    phone.registered()
    for _ in range(5):
        phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 503
    calls(OutgoingCall(stage, phone), "urn:service:sos")
    assert invites(stage)
