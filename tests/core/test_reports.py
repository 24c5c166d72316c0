"""What the operator is told of a REGISTER that leads to nothing, and whom it is said to be of.

The stage checks of every report that one of a user names the phone (``_check_report``).
"""

import pytest

from pcscf.core.events import SaExpired
from tests.core.phone import Phone
from tests.core.stage import IMPI, IMPU, UE, Stage
from xfrm.model import SaId

WHO = {"impi": IMPI, "ue": UE}
ASKED = WHO | {"call_id": "call-1"}  # of a request; only time ends other things


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


def told(stage: Stage, event: str) -> list[dict[str, str | int | float]]:
    return [report.fields for report in stage.reports if report.event == event]


def test_who_asks_is_told(stage: Stage, phone: Phone) -> None:
    phone.registered()
    asked = [ASKED | {"impu": IMPU, "side": side} for side in ("clear", "protected")]
    assert told(stage, "register_received") == asked


def test_a_registration_names_its_set(stage: Stage, phone: Phone) -> None:
    phone.registered()
    (fields,) = told(stage, "registered")
    assert fields["spi_ps"] == phone.set_in_kernel().spi_ps


@pytest.mark.parametrize(
    ("offer", "status", "reason"),
    [
        ("", 421, "Extension Required"),
        ("tls", 494, "Security Agreement Required"),
        (
            "ipsec-3gpp; alg=hmac-sha-9; spi-c=300; spi-s=301; port-c=4000; port-s=4001",
            494,
            "No common security algorithm",
        ),
        (
            "ipsec-3gpp; alg=hmac-sha-1-96; spi-c=1; spi-s=301; port-c=4000; port-s=4001",
            400,
            "Security-Client: spi-c missing or not an SPI",
        ),
    ],
)
def test_an_offer_that_is_refused_is_quoted(
    stage: Stage, phone: Phone, offer: str, status: int, reason: str
) -> None:
    phone.security_client = offer
    phone.says_in_clear(phone.register())
    (fields,) = told(stage, "registration_rejected")
    assert fields == ASKED | {"status": status, "reason": reason, "offer": offer}


def test_a_long_offer_is_cut(stage: Stage, phone: Phone) -> None:
    phone.security_client = "tls, " * 1000 + "tls"
    phone.says_in_clear(phone.register())
    (fields,) = told(stage, "registration_rejected")
    assert len(str(fields["offer"])) == 400


def test_a_refusal_that_the_cores_answer_brings_about_is_told(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 401, 'WWW-Authenticate: Digest realm="x", nonce="y"')
    assert told(stage, "challenge_without_keys") == [ASKED]
    (fields,) = told(stage, "registration_rejected")
    assert fields == ASKED | {"status": 500, "reason": "No usable challenge from the core"}


def test_a_challenge_that_a_new_attempt_ends_is_told(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    older = phone.set_in_kernel()
    phone.new_numbers()
    phone.says_in_clear(phone.register())
    assert told(stage, "challenge_superseded") == []
    stage.challenge()
    assert told(stage, "challenge_superseded") == [WHO | {"spi_ps": older.spi_ps}]


def test_a_challenge_that_nobody_answers_names_its_set(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    own = phone.set_in_kernel()
    stage.wait(300)
    assert told(stage, "challenge_unanswered") == [WHO | {"spi_ps": own.spi_ps}]


def test_sas_that_are_lost_name_the_one_that_ran_out(stage: Stage, phone: Phone) -> None:
    phone.challenged()
    own = phone.set_in_kernel()
    stage.play(SaExpired(SaId(own.ue, own.spi_us)))
    (fields,) = told(stage, "sa_lost")
    assert fields == WHO | {"spi": own.spi_us, "spi_ps": own.spi_ps}


def test_a_call_id_is_cut_where_it_is_long(stage: Stage, phone: Phone) -> None:
    phone.call_id = "x" * 5000
    phone.says_in_clear(phone.register())
    assert told(stage, "register_received")[0]["call_id"] == "x" * 128


def test_an_answer_that_is_lost_names_its_call_though_the_request_was_let_go(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    stage.wait(1)
    stage.send_fails(stage.to_phone[-1], "ENOBUFS")
    (fields,) = told(stage, "answer_dropped")
    assert fields == ASKED | {"reason": "ENOBUFS", "peer": str(phone.protected_flow().remote)}


@pytest.mark.parametrize("answered", [0, 1])
def test_what_the_core_refuses_says_whether_it_was_an_answer(
    stage: Stage, phone: Phone, answered: int
) -> None:
    if answered:
        phone.challenged()
        phone.says(phone.answer())
    else:
        phone.says_in_clear(phone.register())
    stage.core_refuses(403)
    assert told(stage, "registration_refused") == [ASKED | {"status": 403, "answered": answered}]


def test_a_core_that_does_not_answer_names_the_phone(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.wait(40)
    (fields,) = told(stage, "core_unreachable")
    assert fields == ASKED | {"method": "REGISTER", "reason": "no answer"}


def test_a_refusal_of_the_kernel_names_set_and_phone(stage: Stage, phone: Phone) -> None:
    stage.refuse_install = "ENOMEM"
    phone.says_in_clear(phone.register())
    stage.challenge()
    (fields,) = told(stage, "sa_install_failed")
    assert fields.items() >= (WHO | {"reason": "ENOMEM"}).items()
    assert fields["spi_ps"]


@pytest.mark.parametrize("params", ["", ";sos"])
def test_an_emergency_registration_is_told_from_the_other(
    stage: Stage, phone: Phone, params: str
) -> None:
    phone.contact_params = params
    phone.registered()
    for event in ("challenged", "registered"):
        (fields,) = told(stage, event)
        assert fields.get("emergency", 0) == (1 if params else 0)
