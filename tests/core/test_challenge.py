"""SM5 and SM6: keys out, set in, then the 401."""

import pytest

from pcscf.core.effects import InstallSas, RemoveSas, SendSip
from pcscf.core.flow import Transport
from tests.core.phone import Phone
from tests.core.stage import CK, IK, NONCE, PORTS_PC, REALM, Stage, digest


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


def test_the_set_is_in_before_the_401_leaves(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.challenge()
    kinds = [type(effect) for effect in stage.log]
    assert kinds.index(InstallSas) < max(n for n, kind in enumerate(kinds) if kind is SendSip)


def test_the_401_as_the_phone_gets_it(stage: Stage, phone: Phone) -> None:
    listed = phone.challenged()
    answer = stage.last_to_phone()
    sa_set = phone.set_in_kernel()
    assert [(m.alg, m.ealg) for m in listed] == [
        ("hmac-sha-1-96", "aes-cbc"),
        ("hmac-sha-1-96", "null"),
    ]
    for entry in listed:
        assert (entry.spi_c, entry.spi_s) == (sa_set.spi_pc, sa_set.spi_ps)
        assert (entry.port_c, entry.port_s) == (sa_set.port_pc, sa_set.port_ps)
    assert answer.get("www-authenticate") == (
        f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=AKAv1-MD5, qop="auth"'
    )


def test_numbers_of_ours_are_our_own(stage: Stage, phone: Phone) -> None:
    """TS 33.203 7.1: unused, and different from what the phone sent."""
    phone.challenged()
    sa_set = phone.set_in_kernel()
    ours, theirs = {sa_set.spi_pc, sa_set.spi_ps}, {sa_set.spi_uc, sa_set.spi_us}
    assert len(ours | theirs) == 4
    assert min(ours) > 255
    assert sa_set.port_pc in PORTS_PC
    assert theirs == {phone.spi_uc, phone.spi_us}


def test_our_spis_are_never_the_phones(stage: Stage, phone: Phone) -> None:
    """One key serves both ways: with equal SPIs a packet could be sent back to us."""
    phone.challenged()
    drawn = phone.set_in_kernel()
    again = Stage()  # it draws the same numbers
    reflecting = Phone(again, spi_uc=drawn.spi_pc, spi_us=drawn.spi_ps)
    reflecting.challenged()
    sa_set = reflecting.set_in_kernel()
    assert {sa_set.spi_pc, sa_set.spi_ps}.isdisjoint({drawn.spi_pc, drawn.spi_ps})


@pytest.mark.parametrize("name", ["WWW-Authenticate", "Proxy-Authenticate"])
@pytest.mark.parametrize("status", [100, 183, 200, 202, 302, 401, 403, 407, 423, 500, 503, 603])
def test_no_status_carries_keys_to_the_phone(stage: Stage, name: str, status: int) -> None:
    """The stage looks into every effect; this makes the occasions."""
    for under_sa in (False, True):
        phone = Phone(stage, impi=f"{under_sa}@x", call_id=f"{under_sa}")
        if under_sa:
            phone.new_numbers(restart=True)
            phone.challenged()
            phone.says(phone.answer())
        else:
            phone.says_in_clear(phone.register())
        lines = [
            digest(scheme=name),
            digest(IK, CK, scheme=name),
            f'{name}: Digest x="open ck={CK}',
        ]
        stage.core_says(stage.last_to_core(), status, *lines)
        stage.wait(300)


def test_407_is_a_challenge_too(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 407, digest(scheme="Proxy-Authenticate"))
    answer = stage.last_to_phone()
    assert answer.status == 407
    assert "security-server" in answer
    assert len(stage.kernel) == 1


@pytest.mark.parametrize(
    "challenge", [f'Digest realm="r", ck="{CK}"', 'Digest realm="r"', "Digest"]
)
def test_without_keys_there_is_no_agreement_and_nothing_in_clear(
    stage: Stage, phone: Phone, challenge: str
) -> None:
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 401, f"WWW-Authenticate: {challenge}")
    assert stage.last_to_phone().status == 500
    stage.wait(200)
    assert stage.left_over() == {}


def test_the_networks_own_headers_do_not_reach_the_phone(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    own = ["Security-Server: tls", "P-Charging-Vector: icid-value=1"]
    stage.core_says(stage.last_to_core(), 401, digest(), *own)
    assert "tls" not in str(stage.last_to_phone().values("security-server"))
    assert "p-charging-vector" not in stage.last_to_phone()


def test_under_sas_the_challenge_leaves_under_the_old_set(stage: Stage, phone: Phone) -> None:
    phone.registered()
    old = phone.set_in_kernel()
    phone.rechallenged()
    flow = stage.to_phone[-1].flow
    assert (flow.local.port, flow.remote.port) == (old.port_pc, old.port_us)
    new = phone.set_in_kernel()
    assert new.port_pc != old.port_pc
    assert {new.spi_pc, new.spi_ps}.isdisjoint({old.spi_pc, old.spi_ps})
    assert (new.port_ps, new.port_us) == (old.port_ps, old.port_us)


def test_the_client_port_changes_with_a_restart_too(stage: Stage, phone: Phone) -> None:
    phone.registered()
    for _ in range(20):
        old = phone.set_in_kernel()
        phone.new_numbers(restart=True)
        phone.registered()
        assert phone.set_in_kernel().port_pc != old.port_pc
        assert len(stage.kernel) == 1


def test_no_client_port_left_is_503() -> None:
    stage = Stage()
    for number in range(len(PORTS_PC) + 1):
        phone = Phone(
            stage,
            impi=f"{number}@x",
            call_id=f"{number}",
            port_uc=30000 + number,
            spi_uc=1000 + 2 * number,
            spi_us=1001 + 2 * number,
        )
        phone.says_in_clear(phone.register())
        answer = stage.challenge()
        assert answer.status == (401 if number < len(PORTS_PC) else 503)
    assert len(stage.kernel) == len(PORTS_PC)


# --- the kernel refuses ---


def test_a_refused_install_leaves_nothing_and_is_answered_500(stage: Stage, phone: Phone) -> None:
    stage.refuse_install = "no such algorithm"
    data = phone.register()
    phone.says_in_clear(data)
    assert stage.challenge().status == 500
    assert len(stage.to_phone) == 1
    phone.says_in_clear(data)
    assert stage.last_to_phone().status == 500
    stage.wait(200)
    assert stage.left_over() == {}
    stage.refuse_install = ""
    phone.registered()


@pytest.mark.parametrize("transport", list(Transport))
def test_a_refused_install_costs_no_registration(stage: Stage, transport: Transport) -> None:
    phone = Phone(stage, transport=transport)
    phone.registered()
    stage.refuse_install = "out of memory"
    old = phone.protected_flow()
    stage.receive(old, phone.renewal())
    assert stage.challenge().status == 500
    assert len(stage.kernel) == 1
    stage.receive(old, phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


def test_a_refused_install_after_a_wiped_one_leaves_neither(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    stage.refuse_install = "out of memory"
    phone.new_numbers(restart=True)
    phone.says_in_clear(phone.register())
    assert stage.challenge().status == 500
    stage.wait(200)
    assert stage.left_over() == {}


# --- ends of an attempt ---


def test_an_unanswered_challenge_runs_out(stage: Stage, phone: Phone) -> None:
    """TS 24.229 7.8: reg-await-auth."""
    phone.challenged()
    stage.wait(239)
    assert stage.kernel
    stage.wait(2)
    assert stage.left_over() == {}


def test_the_kernels_own_limit_lies_above(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    (runs_out,) = stage.kernel.values()
    assert runs_out > stage.now + stage.policy.reg_await_auth


@pytest.mark.parametrize("status", [400, 403, 500, 603])
@pytest.mark.parametrize("registered", [False, True])
def test_a_failure_leaves_under_the_new_set_which_goes_then(
    stage: Stage, phone: Phone, status: int, *, registered: bool
) -> None:
    old = None
    if registered:
        phone.registered()
        (old,) = stage.kernel
        phone.rechallenged()
    else:
        phone.challenged()
    phone.says(phone.answer())
    assert stage.core_refuses(status) == status
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    stage.wait(stage.policy.sa_linger)
    assert list(stage.kernel) == ([old] if old else [])


def test_a_failed_set_serves_no_second_try(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    stage.core_refuses(403)
    phone.says(phone.answer())
    assert stage.last_to_phone().status == 403
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    assert len(stage.to_core) == 2


def test_a_second_challenge_to_the_answer_ends_the_attempt(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    answer = stage.challenge()
    assert answer.status == 401
    assert "security-server" not in answer
    assert len(stage.kernel) == 1
    stage.wait(200)
    assert stage.left_over() == {}


def test_an_entry_point_that_is_down_does_not_end_the_attempt(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    assert stage.core_refuses(480) == 504
    phone.says(phone.answer())
    assert stage.accept().status == 200


def test_a_late_failure_of_an_older_answer_does_not_end_what_succeeded(
    stage: Stage, phone: Phone
) -> None:
    """Two SM7 under one challenge: the first is accepted, then the other is refused."""
    phone.challenged()
    phone.says(phone.answer())
    first = stage.last_to_core()
    phone.says(phone.answer())
    second = stage.last_to_core()
    stage.accept(first)
    stage.core_says(second, 403)
    stage.wait(100)
    assert len(stage.kernel) == 1
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


def test_a_late_failure_does_not_touch_a_set_with_the_same_numbers(
    stage: Stage, phone: Phone
) -> None:
    """The phone's own SPIs name SAs in the kernel: of which set is for us to know."""
    phone.challenged()
    phone.says(phone.answer())
    first = stage.last_to_core()
    phone.says(phone.answer())
    second = stage.last_to_core()
    stage.core_says(first, 403)
    stage.wait(stage.policy.sa_linger - 1)
    phone.challenged()
    removed = sum(isinstance(effect, RemoveSas) for effect in stage.log)
    stage.core_says(second, 403)
    stage.wait(100)
    assert sum(isinstance(effect, RemoveSas) for effect in stage.log) == removed
    assert stage.accept_answer_of(phone).status == 200
    stage.wait(1000)
    assert stage.left_over() == {}


def test_a_restart_while_the_answer_is_at_the_core(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    late = stage.last_to_core()
    phone.new_numbers(restart=True)
    phone.challenged()
    before = len(stage.to_phone)
    stage.core_says(late, 200, "Contact: <sip:ue@192.0.2.10:40002>;expires=600")
    assert len(stage.to_phone) == before
    assert len(stage.edge._context.registry) == 0
    assert stage.accept_answer_of(phone).status == 200


def test_a_challenge_to_an_older_register_does_not_wipe_the_newer(
    stage: Stage, phone: Phone
) -> None:
    """The phone began anew, and the core answers both in the wrong order."""
    phone.says_in_clear(phone.register())
    older = stage.last_to_core()
    stage.wait(0.1)
    phone.new_numbers(restart=True)
    phone.challenged()
    assert stage.challenge(older, ck="c0" * 16, ik="d1" * 16).status == 500
    assert stage.accept_answer_of(phone).status == 200
    assert len(stage.kernel) == 1


def test_a_challenge_to_a_newer_register_wipes_the_older(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    older = stage.last_to_core()
    stage.wait(0.1)
    phone.new_numbers(restart=True)
    phone.says_in_clear(phone.register())
    newer = stage.last_to_core()
    assert stage.challenge(older, ck="c0" * 16, ik="d1" * 16).status == 401
    phone.take_server(stage.challenge(newer))
    assert stage.accept_answer_of(phone).status == 200
    assert len(stage.kernel) == 1


def test_a_failure_of_an_attempt_that_was_wiped_leaves_nothing(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    late = stage.last_to_core()
    phone.new_numbers(restart=True)
    phone.challenged()
    stage.core_says(late, 403)
    stage.wait(300)
    assert stage.left_over() == {}


def test_a_stranger_elsewhere_does_not_disturb_an_attempt(stage: Stage, phone: Phone) -> None:
    """Somebody else may name the user; only the address is not theirs."""
    phone.challenged()
    stranger = Phone(stage, host="192.0.2.66", call_id="evil")
    stranger.challenged()
    stranger.says_in_clear(stranger.register(nonce=NONCE, auth=', auts="x"'))
    assert phone.set_in_kernel()
    phone.says(phone.answer())
    request = next(
        request for request in [stage.last_to_core()] if request.call_id == phone.call_id
    )
    assert stage.accept(request).status == 200
