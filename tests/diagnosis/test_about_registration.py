"""Sentences about registrations: what was asked, refused, and by whom."""

from pathlib import Path

import pytest

from pcscf.core.events import Deregister, SaExpired, SasUsed
from pcscf.core.policy import LivenessPolicy, SecAgree
from tests.core.phone import Phone
from tests.core.scripted import Scripted, rejects
from tests.core.stage import IMPI, IMPU, S_CSCF_2, TWO_HOPS, UE
from tests.diagnosis.scene import Scene

WHO = {"impi": IMPI, "ue": UE}


def one(scene: Scene) -> str:
    """The one sentence about the phone."""
    (told,) = scene.why(UE)
    return told


# -- registered


def test_a_phone_that_is_well(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.wait(10)
    assert one(scene) == (
        f"ok: Registered for another 10 min as {IMPU}, tel:+491701234567 under the set of 00:00:00,"
        " hmac-sha-1-96/aes-cbc, by udp:203.0.113.9:5060."
    )


def test_what_went_wrong_before_is_over(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.core_refuses(403)
    phone.security_client = ""
    phone.says_in_clear(phone.register())
    phone.security_client = None
    scene.wait(1)
    assert len(scene.why(UE)) == 2
    phone.registered()
    assert one(scene).startswith("ok: Registered")


def test_a_renewal_that_fails_is_told_beside(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.wait(100)
    flow = phone.protected_flow()
    scene.receive(flow, phone.renewal())
    scene.core_refuses(500)
    bad, ok = scene.why(UE)
    assert bad == (
        "bad: The core refused its REGISTER with 500, the last time at 00:01:40: the core failed:"
        " see its log."
    )
    assert ok.startswith("ok: Registered for another 8 min")


def test_a_phone_in_clear(tmp_path: Path) -> None:
    scene = Scene(tmp_path, sec_agree=SecAgree.OFF)
    phone = Phone(scene)
    phone.says_in_clear(phone.register())
    scene.accept()
    assert one(scene).startswith(f"note: Registered for another 10 min as {IMPU}")
    assert ", in clear: the policy for its network" in one(scene)


def test_a_silent_phone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, liveness=LivenessPolicy(30, 100, answer_480=False))
    phone = Phone(scene)
    phone.registered()
    counts = {sa: 1 for sa in phone.set_in_kernel().ids if sa.destination == phone.gm}
    for _ in range(6):
        scene.wait(30)
        scene.play(SasUsed(counts))
    note, ok = scene.why(UE)
    assert note.startswith("note: No packet has come from it for longer than liveness.silent_after")
    assert ok.startswith("ok: Registered")


def test_a_registration_that_is_over_but_for_its_sas(scene: Scene, phone: Phone) -> None:
    phone.registered(expires=60)
    scene.wait(70)
    assert scene.why(UE)[0] == (
        "note: Its registration is over, and only its SAs are left for a while."
    )


# -- how it ended


def test_it_deregistered_itself(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.wait(5)
    phone.says(phone.register(f"Security-Verify: {phone.verify}", expires=0))
    scene.accept(expires=None)
    assert one(scene) == "note: It deregistered itself at 00:00:05."


def test_it_ran_out(scene: Scene, phone: Phone) -> None:
    phone.registered(expires=60)
    scene.wait(200)
    assert one(scene).startswith("bad: Its registration ran out at 00:01:30: it did not renew it.")


def test_an_operator_ended_it(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.play(Deregister(IMPI, UE))
    assert one(scene).startswith("note: An operator ended its registration at 00:00:00")


def test_its_sas_ran_out_in_the_kernel(scene: Scene, phone: Phone) -> None:
    phone.registered()
    sa = phone.set_in_kernel().ids[0]
    scene.wait(5)
    scene.journal.expired(sa)
    scene.play(SaExpired(sa))
    told = scene.why(UE)
    assert any(t.startswith("bad: Its SAs were lost in the kernel at 00:00:05") for t in told)
    assert any(t.startswith("bad: Its SAs were no longer in the kernel at") for t in told)


def test_only_the_last_end_counts(scene: Scene, phone: Phone) -> None:
    phone.registered(expires=60)
    scene.wait(200)
    scene.journal.reported("info", "deregistered_by_core", WHO)
    (told,) = scene.why(UE)
    assert told.startswith("bad: The core deregistered it at 00:03:20 (reg event)")


# -- on its way


@pytest.mark.parametrize("protected", [False, True])
def test_a_register_that_waits_for_the_core(scene: Scene, phone: Phone, *, protected: bool) -> None:
    if protected:
        phone.challenged()
        phone.says(phone.answer())
        assert one(scene).startswith("note: A 401 went to it 0 s ago, and the answer has to come")
        assert one(scene).endswith(": its answer came, and the core has not decided on it.")
    else:
        phone.says_in_clear(phone.register())
        assert one(scene) == (
            "note: Its last REGISTER came at 00:00:00, in clear, and waits for the core's answer."
        )


# -- what the core makes of it


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(403, "the HSS does not know this pair"), (404, "does not know this user"), (406, "see the")],
)
def test_the_core_refuses_it(scene: Scene, phone: Phone, status: int, meaning: str) -> None:
    phone.says_in_clear(phone.register())
    scene.core_refuses(status)
    assert f"bad: The core refused its REGISTER with {status}, the last time at" in one(scene)
    assert meaning in one(scene)


@pytest.mark.parametrize(
    ("status", "meaning"), [(401, "it was challenged again"), (403, "K or OPc of the USIM differ")]
)
def test_the_core_refuses_its_answer(scene: Scene, phone: Phone, status: int, meaning: str) -> None:
    phone.challenged()
    phone.says(phone.answer())
    scene.core_refuses(status)
    told = one(scene)  # its set, which is there for the refusal, waits for nothing any more
    assert told.startswith(f"bad: The core refused the answer to its challenge with {status}")
    assert meaning in told


def test_refusals_of_a_kind_are_one_sentence(scene: Scene, phone: Phone) -> None:
    for _ in range(3):
        phone.says_in_clear(phone.register())
        scene.core_refuses(403)
        scene.wait(10)
    assert "with 403 3 times since 00:00:00, the last time at 00:00:20:" in one(scene)


def test_a_challenge_without_keys(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.core_says(scene.last_to_core(), 401, 'WWW-Authenticate: Digest realm="x", nonce="y"')
    assert one(scene).startswith("bad: The core's challenge had no usable ck and ik, the last one")


def test_no_challenge_at_all(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.accept()
    assert one(scene).startswith("bad: The core accepted its REGISTER without a challenge, the")


def test_a_core_that_does_not_answer(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.wait(40)
    told = scene.why(UE)
    assert any(
        t.startswith("bad: The core did not answer its REGISTER, the last time at 00:00:")
        and "no answer. See `pcscf next-hops`." in t
        for t in told
    )


def test_another_request_that_the_core_does_not_answer(scene: Scene, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:x"))
    scene.wait(40)
    (told,) = [text for text in scene.why(UE) if "MESSAGE" in text]
    assert told.startswith("note: The core did not answer its MESSAGE")


def fail(scene: Scene, phone: Phone, times: int) -> None:
    """So many REGISTERs that nobody answers."""
    for _ in range(times):
        phone.says_in_clear(phone.register())
        scene.wait(80)


def test_no_next_hop_is_active(scene: Scene, phone: Phone) -> None:
    fail(scene, phone, 4)
    assert any(
        t.startswith(
            "bad: No next hop is active, so that no REGISTER is answered: udp:203.0.113.9:5060 is"
            " inactive (no answer)."
        )
        for t in scene.why(UE)
    )


def test_one_of_two_next_hops_is_out(tmp_path: Path) -> None:
    scene = Scene(tmp_path, next_hops=TWO_HOPS)
    phone = Phone(scene)
    for _ in range(4):
        phone.says_in_clear(phone.register())
        scene.wait(5)
        scene.core_refuses(403)
    assert scene.to_core[-1].flow.remote == S_CSCF_2
    notes = [t for t in scene.why(UE) if t.startswith("note")]
    assert notes == [
        "note: Not all next hops are active: udp:203.0.113.9:5060 is inactive (no answer)."
    ]


def test_one_that_is_out_is_no_concern_of_a_phone_that_is_well(tmp_path: Path) -> None:
    scene = Scene(tmp_path, next_hops=TWO_HOPS)
    phone = Phone(scene)
    for _ in range(4):
        phone.says_in_clear(phone.register())
        scene.wait(5)
        scene.core_refuses(403)
    phone.registered()
    assert one(scene).startswith("ok: Registered")


# -- what we refuse


@pytest.mark.parametrize(
    ("offer", "status", "meaning"),
    [
        ("", 421, "it offers no security agreement (no Security-Client)"),
        ("tls", 494, "it offers no algorithms that are ours"),
        ("ipsec-3gpp; alg=x", 400, "it cannot be used as it is"),
    ],
)
def test_an_offer_that_does_not_do(
    scene: Scene, phone: Phone, offer: str, status: int, meaning: str
) -> None:
    phone.security_client = offer
    phone.says_in_clear(phone.register())
    assert one(scene).startswith(f"bad: We refused its REGISTER with {status}, the last time at")
    assert meaning in one(scene)
    assert one(scene).endswith(f" It offered: {offer}" if offer else ".")


def test_what_we_refuse_without_a_word_for_it(scene: Scene) -> None:
    fields: dict[str, str | int] = {**WHO, "status": 488, "reason": "Whatever"}
    scene.journal.reported("info", "registration_rejected", fields)
    assert one(scene) == (
        "bad: We refused its REGISTER with 488, the last time at 00:00:00, Whatever."
    )


def test_the_kernel_refuses_its_sas(scene: Scene, phone: Phone) -> None:
    scene.refuse_install = "install SA: ENOENT (modprobe -a esp4 authenc)"
    phone.says_in_clear(phone.register())
    scene.challenge()
    assert one(scene) == (
        "bad: The kernel refused its SAs, the last time at 00:00:00: install SA: ENOENT (modprobe"
        " -a esp4 authenc)."
    )


@pytest.mark.parametrize("header", ["security-client", "security-verify"])
def test_an_agreement_that_is_not_repeated(scene: Scene, phone: Phone, header: str) -> None:
    phone.challenged()
    if header == "security-client":
        phone.security_client = "tls"
    else:
        phone.verify = "tls"
    phone.says(phone.answer())
    told = one(scene)
    assert told.startswith("bad: It does not repeat the security agreement as it was, the last")
    assert f": {header} differs (494)." in told


def test_another_users_name_under_its_sas(scene: Scene, phone: Phone) -> None:
    phone.registered()
    phone.impi = "other@x"
    phone.says(phone.register())
    told = scene.why("other@x")
    assert any(f"came under the SAs of {IMPI}, the last one at" in text for text in told)


# -- AKA


@pytest.mark.parametrize(
    ("times", "level", "mend"),
    [
        (1, "note", "The HSS resynchronises by it and challenges anew"),
        (2, "bad", "The HSS does not take it over"),
    ],
)
def test_a_sequence_number_out_of_range(
    scene: Scene, phone: Phone, times: int, level: str, mend: str
) -> None:
    for _ in range(times):
        phone.challenged()
        phone.new_numbers()
        phone.says_in_clear(phone.register(nonce="x", auth=', auts="y"'))
    (told,) = [text for text in scene.why(UE) if "AUTS" in text]
    assert told.startswith(f"{level}: Its USIM found the challenge's sequence number out of range")
    assert mend in told


def test_a_challenge_that_the_usim_does_not_believe(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    phone.new_numbers()
    phone.says_in_clear(phone.register(nonce="x"))
    assert any(
        text.startswith("bad: Its USIM refused the challenge, the last time at 00:00:00: the MAC")
        for text in scene.why(UE)
    )


# -- the rest


def test_what_is_no_sip(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(b"REGISTER sip:x SIP/2.0\r\nnonsense\r\n\r\n")
    assert one(scene).startswith("note: It sent what is no SIP message, the last at 00:00:00: ")


@pytest.mark.parametrize("event", ["phone_unreachable", "answer_dropped", "core_unreachable"])
def test_reports_that_lack_a_field_make_a_sentence(scene: Scene, event: str) -> None:
    scene.journal.reported("info", event, WHO)
    assert len(scene.why(UE)) == 1


def test_braces_of_a_peer_are_no_fields(scene: Scene) -> None:
    fields = {"impi": IMPI, "ue": UE, "reason": "{when} {0}"}
    scene.journal.reported("info", "unreadable", fields)
    assert one(scene).endswith(": {when} {0}.")


# -- refused by an operator's function


def test_a_function_that_refuses_its_register_is_named(scene: Scene, phone: Phone) -> None:
    Scripted(scene, on_registration=rejects(403))
    for _ in range(2):
        phone.says_in_clear(phone.register())
    told = one(scene)
    assert told.startswith("bad: The operator's function f refused REGISTER 2 times since 00:00:00")
    assert told.endswith(" with 403, the last time at 00:00:00: see the file of hooks.file.")


def test_what_it_refuses_besides_is_no_reason_and_hides_none(scene: Scene, phone: Phone) -> None:
    phone.registered()
    scene.wait(1)
    Scripted(scene, on_registration=rejects(403), before_core=rejects(403))
    flow = phone.protected_flow()
    scene.receive(flow, phone.renewal())
    scene.receive(flow, phone.message("MESSAGE", "sip:b@example.net"))
    bad, note, ok = scene.why(UE)
    assert bad.startswith("bad: The operator's function f refused REGISTER with 403")
    assert note.startswith("note: The operator's function f refused MESSAGE with 403")
    assert ok.startswith("ok: Registered")
