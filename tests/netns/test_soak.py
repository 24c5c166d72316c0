"""The soak: random steps of phones, core and process, with all accounts compared after each.

``python -m tests.soak`` runs longer ones. The other tests here prove that it sees what is wrong.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.soak.machine import Single
from tests.soak.player import Player, playing
from tests.soak.run import Soak, soak
from tests.soak.script import Script, Step
from tests.soak.twins import Twins
from tests.soak.violation import Violation

pytestmark = pytest.mark.esp

STEPS, SEED, PHONES = 2000, 1, 12
REGISTERED = "step 2: register phone 1"


@pytest.mark.parametrize(("twins", "steps"), [(False, 500), (True, STEPS)])
def test_many_steps(twins: bool, steps: int) -> None:
    done = soak(steps, SEED, PHONES, print, twins=twins)
    assert done.total() == steps
    assert (done["takeover"] > 0) == twins


def single(player: Player) -> Single:
    assert isinstance(player.machine, Single)
    return player.machine


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    script = Script(SEED, 2)
    with playing(script.members) as made:
        yield made


@pytest.fixture
def begun(player: Player, monkeypatch: pytest.MonkeyPatch) -> Iterator[Soak]:
    """Two phones are registered. Behind a test they are away, and the process begins anew."""
    monkeypatch.setattr("tests.soak.machine.SETTLED", 1.0)
    made = Soak(player, Script(SEED, 2), SEED)
    for member in player.members:
        member.enters()
        step = Step("register", member.number)
        made.history.append(f"{member.number + 1}: {step}")
        made.watched(lambda step=step: player.perform(step))  # type: ignore[misc]
    made.look()
    yield made
    for phone in player.phones:
        phone.restart()
    single(player).begin_anew()
    for member in player.members:
        member.leaves()


def told(act: Callable[[], None]) -> str:
    with pytest.raises(Violation) as caught:
        act()
    text = str(caught.value)
    assert text.startswith(f"seed {SEED}, {REGISTERED}\n")
    assert "the end of the log:\n" in text
    return text


def test_an_sa_that_somebody_deletes_is_seen(begun: Soak) -> None:
    machine = begun.player.machine
    gone = machine.memory().sets[0]
    names = f"src {gone.pcscf} dst {gone.ue} proto esp spi {gone.numbers[0]}"
    machine.process.lab.pcscf.ip(f"xfrm state del {names}")
    text = told(begun.look)
    assert f"spi={gone.numbers[0]}) is in memory, and not in the kernel" in text


@pytest.mark.parametrize(("kind", "what"), [("reg", "registration"), ("sa", "keys of set")])
def test_a_record_that_somebody_deletes_is_seen(begun: Soak, kind: str, what: str) -> None:
    with closing(sqlite3.connect(single(begun.player).file.path)) as database, database:
        database.execute("DELETE FROM record WHERE key LIKE ?", (f"{kind}:%",))
    text = told(begun.look)
    assert text.count(f"  {what} ") == 2
    assert "is in memory, and not in the store" in text


def test_a_phone_that_the_process_has_forgotten_is_seen(begun: Soak) -> None:
    """All three accounts agree, but the phone knows better."""
    single(begun.player).begin_anew()
    text = told(begun.look)
    assert text.count("should be registered, and is not") == 2


def test_a_phone_that_does_not_answer_is_seen(begun: Soak) -> None:
    begun.player.phones[1].answers["MESSAGE"] = (486, "Busy Here", [])
    try:
        text = told(lambda: begun.probe(1))
    finally:
        del begun.player.phones[1].answers["MESSAGE"]
    assert "phone 1: AssertionError: its MESSAGE got 486" in text


def test_a_phone_with_other_sas_is_seen(begun: Soak) -> None:
    phone = begun.player.phones[1]
    phone.restart()
    assert "phone 1 has other current SAs than the P-CSCF" in told(begun.look)


def test_what_a_machine_that_stands_by_still_has_is_seen() -> None:
    script = Script(SEED, 1)
    with playing(script.members, twins=True) as player:
        assert player.differences() == []
        machine = player.machine
        assert isinstance(machine, Twins)
        machine.other.lab.pcscf.ip(
            "xfrm state add src 192.0.2.9 dst 192.0.2.1 proto esp spi 7 reqid 5060"
            " mode transport auth hmac(sha1) 0x0123456789abcdef0123456789abcdef01234567"
            " enc ecb(cipher_null) ''"
        )
        assert player.differences() == [
            "SA SaId(destination='192.0.2.1', spi=7) is with who stands by"
        ]
