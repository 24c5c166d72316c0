"""What an operator is shown, of phones that really registered."""

import pytest

from pcscf.core.events import SasUsed
from pcscf.core.flow import Transport
from pcscf.core.policy import EmergencyPolicy, LivenessPolicy, SecAgree, Target
from pcscf.core.views import BlockedView, Census, HopView, Look, UeView, finished
from tests.core.call import OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import CK, GM, IK, IMPI, IMPU, S_CSCF, TWO_HOPS, UE, UE6, Stage
from xfrm.model import SaId

TEL = "tel:+491701234567"
OTHER = "other@home.example"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    one = Phone(stage, instance="<urn:gsma:imei:1>")
    one.registered()
    return one


def another(stage: Stage, host: str = "192.0.2.11", user: str = OTHER) -> Phone:
    return Phone(stage, host=host, impi=user, impu=f"sip:{user}", call_id=user)


def ues(stage: Stage) -> list[UeView]:
    return stage.edge.views.ues(stage.now, 0, 100)


# -- phones


def test_a_phone_that_registered(stage: Stage, phone: Phone) -> None:
    stage.wait(100)
    (one,) = ues(stage)
    assert one._replace(bindings=(), sas=()) == UeView(
        impi=IMPI,
        ue=UE,
        instance="<urn:gsma:imei:1>",
        emergency=False,
        guest=False,
        protected=True,
        silent=False,
        transport="UDP",
        identities=(f"<{IMPU}>", f"<{TEL}>"),
        expires=500.0,
        dialogs=0,
        next_hop=f"udp:{S_CSCF}",
        bindings=(),
        sas=(),
    )
    (binding,) = one.bindings
    assert (binding.impu, binding.expires) == (IMPU, 500.0)
    assert binding.contact.startswith(f"sip:ue@{UE}:")
    assert binding.associated == one.identities


def test_its_sa_set_has_the_numbers_that_the_kernel_has(stage: Stage, phone: Phone) -> None:
    own = phone.set_in_kernel()
    (row,) = ues(stage)[0].sas
    assert (row.impi, row.ue, row.pcscf, row.suite) == (IMPI, UE, GM, "hmac-sha-1-96/aes-cbc")
    assert (row.stage, row.expires, row.tcp) == ("current", 630.0, False)
    for name in ("spi_uc", "spi_us", "spi_pc", "spi_ps", "port_uc", "port_us", "port_pc"):
        assert getattr(row, name) == getattr(own, name)
    assert stage.edge.views.sas(stage.now, 0, 10) == [row]


def test_the_stages_of_a_phone_that_registers_again(stage: Stage, phone: Phone) -> None:
    phone.rechallenged()
    sas = ues(stage)[0].sas
    assert [row.stage for row in sas] == ["current", "temporary"]
    assert sas[1].expires == stage.policy.reg_await_auth
    phone.says(phone.answer())
    stage.accept()
    assert [row.stage for row in ues(stage)[0].sas] == ["current", "previous"]


def test_a_challenge_that_nobody_answered_has_sas_and_no_phone(stage: Stage) -> None:
    Phone(stage).challenged()
    assert ues(stage) == []
    (row,) = stage.edge.views.sas(stage.now, 0, 10)
    assert (row.impi, row.stage) == (IMPI, "temporary")


def test_a_connection_of_the_phone_is_told(stage: Stage) -> None:
    Phone(stage, transport=Transport.TCP).registered()
    assert ues(stage)[0].transport == "TCP"
    assert ues(stage)[0].sas[0].tcp


def test_a_phone_in_clear_has_no_sas() -> None:
    stage = Stage(sec_agree=SecAgree.PREFER)
    phone = Phone(stage, security_client="")
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 401, 'WWW-Authenticate: Digest realm="r", nonce="n"')
    phone.says_in_clear(phone.register(nonce="n", response="1"))
    stage.accept()
    (one,) = ues(stage)
    assert (one.protected, one.sas, one.ue) == (False, (), UE)
    assert finished(stage.edge.views.census()).ues == {"protected": 0, "clear": 1, "guest": 0}


def test_an_anonymous_caller_of_an_emergency_is_a_guest() -> None:
    e_cscf = (Target("203.0.113.12", 5060, Transport.UDP),)
    stage = Stage(emergency=EmergencyPolicy(e_cscf=e_cscf, anonymous=True))
    phone = Phone(stage, security_client="")
    call = OutgoingCall(stage, phone, flow=phone.clear_flow())
    call.says(call.request("INVITE").replace(b"sip:b@example.net", b"urn:service:sos"))
    (one,) = ues(stage)
    assert (one.guest, one.protected, one.sas) == (True, False, ())
    assert finished(stage.edge.views.census()).ues == {"protected": 0, "clear": 0, "guest": 1}


def test_a_silent_phone_is_one() -> None:
    stage = Stage(liveness=LivenessPolicy(interval=60, silent_after=120))
    phone = Phone(stage)
    phone.registered()
    own = phone.set_in_kernel()
    used = SasUsed({SaId(own.pcscf, own.spi_ps): 2})
    stage.play(used)
    stage.wait(200)
    stage.play(used)
    assert ues(stage)[0].silent


def test_pages_are_in_the_order_of_coming(stage: Stage, phone: Phone) -> None:
    another(stage).registered()
    another(stage, UE6, "third@home.example").registered()
    seen = stage.edge.views
    assert (seen.total, seen.total_sas) == (3, 3)
    assert [one.ue for one in seen.ues(stage.now, 1, 1)] == ["192.0.2.11"]
    assert [one.ue for one in seen.ues(stage.now, 2, 5)] == [UE6]
    assert seen.ues(stage.now, 3, 5) == []
    assert [one.ue for one in seen.sas(stage.now, 1, 1)] == ["192.0.2.11"]


# -- looks


@pytest.mark.parametrize(
    "who",
    [
        IMPI,
        IMPU,
        IMPU.replace("org", "ORG"),
        TEL,
        "tel:+49-170-1234567",
        UE,
    ],
)
def test_a_phone_is_found_by_each_of_its_names(stage: Stage, phone: Phone, who: str) -> None:
    another(stage).register()
    assert [one.impi for one in stage.edge.views.ues_of(who, stage.now)] == [IMPI]


def test_an_address_is_compared_as_a_number(stage: Stage) -> None:
    another(stage, UE6).registered()
    for text in (UE6, "2001:0DB8:1:0::10", f"[{UE6}]"):
        assert [one.ue for one in stage.edge.views.ues_of(text, stage.now)] == [UE6]


@pytest.mark.parametrize(
    "who", ["", "sip:", "nobody", "sip:nobody@home.example", "192.0.2.99", UE6]
)
def test_nobody_is_found_by_another_name(stage: Stage, phone: Phone, who: str) -> None:
    assert stage.edge.views.ues_of(who, stage.now) == []


def test_all_phones_of_a_user_are_found(stage: Stage, phone: Phone) -> None:
    second = Phone(stage, host=UE6, call_id="second")
    second.challenged()
    second.says(second.answer())
    request = stage.last_to_core()
    contacts = f"<{ues(stage)[0].bindings[0].contact}>, <{request.contacts[0].uri}>"
    stage.core_says(request, 200, f"Contact: {contacts}")
    assert [one.ue for one in stage.edge.views.ues_of(IMPU, stage.now)] == [UE, UE6]


def test_text_is_found_in_identities_and_addresses(stage: Stage, phone: Phone) -> None:
    another(stage).registered()

    def found(text: str, first: int = 0, most: int = 10) -> tuple[int, list[str]]:
        total, some = finished(stage.edge.views.ues_with(text, stage.now, first, most))
        return total, [one.ue for one in some]

    assert found("OTHER@") == (1, ["192.0.2.11"])
    assert found("tel:+49") == (2, [UE, "192.0.2.11"])
    assert found("192.0.2.1", 1) == (2, ["192.0.2.11"])
    assert found("192.0.2.1", 0, 1) == (2, [UE])
    assert found("nobody") == (0, [])


def test_a_look_takes_steps_and_phones_may_go_meanwhile(stage: Stage) -> None:
    phones = [another(stage, f"192.0.2.{n}", f"user{n}@home.example") for n in range(20, 130)]
    for phone in phones:
        phone.registered()
    looks: list[Look[object]] = [
        stage.edge.views.finding("sip:user129@home.example", stage.now),
        stage.edge.views.ues_with("user", stage.now, 0, 9),
        stage.edge.views.census(),
    ]
    for look in looks:
        next(look)
    for phone in (phones[0], phones[-1]):
        phone.says(phone.register(expires=0))
        stage.accept(expires=None)
    for look in looks:
        assert sum(1 for _ in look) == 1


# -- counts, next hops, blocks


def test_the_census(stage: Stage, phone: Phone) -> None:
    phone.reregistered()
    another(stage).challenged()
    suite = "hmac-sha-1-96/aes-cbc"
    assert finished(stage.edge.views.census()) == Census(
        {"protected": 1, "clear": 0, "guest": 0},
        {(suite, "current"): 1, (suite, "previous"): 1, (suite, "temporary"): 1},
    )


def test_next_hops_and_why_one_is_out() -> None:
    stage = Stage(next_hops=TWO_HOPS)
    first, second = (f"udp:{hop.endpoint}" for hop in TWO_HOPS)
    assert stage.edge.views.next_hops() == [
        HopView(first, "active", "AX", 0, ""),
        HopView(second, "active", "AX", 0, ""),
    ]
    phone = Phone(stage)
    for _ in range(stage.policy.health.failures):
        phone.says_in_clear(phone.register())
        stage.send_fails(stage.to_core[-1])
    one = stage.edge.views.next_hops()[0]
    assert (one.next_hop, one.state, one.flags) == (first, "inactive", "IX")
    assert (one.failures, one.reason) == (3, "connection refused")


def test_blocked_sources(stage: Stage) -> None:
    scanner = Phone(stage, host="198.18.0.1")
    for _ in range(5):
        scanner.says_in_clear(scanner.register("User-Agent: friendly-scanner"))
    stage.wait(10)
    assert stage.edge.views.blocked(stage.now) == [BlockedView("198.18.0.1", 50.0, "scanner")]


# -- what is in none of them


def test_no_view_holds_a_key(stage: Stage, phone: Phone) -> None:
    phone.rechallenged()
    shown = repr((ues(stage), stage.edge.views.sas(stage.now, 0, 9)))
    assert not [key for key in (CK, IK) if key in shown]
