"""docs/troubleshoot.md quotes what is really said: each quote is provoked here."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pcscf.core.events import DeadlineReached
from tests.core.phone import Phone
from tests.core.scripted import Scripted, rejects
from tests.core.stage import UE
from tests.diagnosis.scene import Scene
from xfrm.model import SaId

PAGE = Path(__file__).parents[2] / "docs" / "troubleshoot.md"
QUOTES = re.findall(r"^    ((?:bad|note|ok): .+)$", PAGE.read_text(), re.MULTILINE)


def no_agreement(scene: Scene, phone: Phone) -> None:
    for offer in ("", "tls"):
        phone.security_client = offer
        phone.says_in_clear(phone.register())


def no_keys(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.core_says(scene.last_to_core(), 401, 'WWW-Authenticate: Digest realm="x", nonce="y"')


def no_core(scene: Scene, phone: Phone) -> None:
    for _ in range(4):
        phone.says_in_clear(phone.register())
        scene.wait(80)


def refused(scene: Scene, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    scene.core_refuses(403)


def answer_refused(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    phone.says(phone.answer())
    scene.core_refuses(403)


def usim_refuses(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    phone.new_numbers()
    phone.says_in_clear(phone.register(nonce="x"))
    for _ in range(2):
        phone.challenged()
        phone.new_numbers()
        phone.says_in_clear(phone.register(nonce="x", auth=', auts="y"'))


def no_esp(scene: Scene, phone: Phone) -> None:
    phone.challenged()
    scene.wait(300)


def wrong_key(scene: Scene, phone: Phone) -> None:
    for _ in range(2):
        phone.challenged()
        counted = {"integrity_failed": 1, "packets": 0}
        scene.counters.counted[phone.set_in_kernel().ids[0]] = counted
        phone.new_numbers()
    phone.port_uc -= 10


def old_sas(scene: Scene, phone: Phone) -> None:
    phone.registered()
    old = phone.set_in_kernel().ids[0]
    phone.reregistered()
    phone.says(phone.message("OPTIONS", "sip:x"))
    scene.wait(60)
    scene.hear(UE, old)
    scene.hear(UE, SaId(phone.gm, 4711))


def kernel_refuses(scene: Scene, phone: Phone) -> None:
    scene.refuse_install = "ENOENT"
    phone.says_in_clear(phone.register())
    scene.challenge()


def kernel_forgot(scene: Scene, phone: Phone) -> None:
    phone.registered()
    first, _, _, last = phone.set_in_kernel().ids
    scene.counters.lost.add(first)
    scene.counters.counted[last] = {"replayed": 1}


def blocked(scene: Scene, phone: Phone) -> None:
    scene.play(DeadlineReached())
    scene.edge._guard.block(phone.host, 600, "flood")


def in_clear(scene: Scene, phone: Phone) -> None:
    scene.drop(XfrmInTmplMismatch=1)
    scene.wait(3)


def refused_by_hook(scene: Scene, phone: Phone) -> None:
    Scripted(scene, on_registration=rejects(403))
    phone.says_in_clear(phone.register())


def nothing(scene: Scene, phone: Phone) -> None:
    pass


ALL: list[Callable[[Scene, Phone], None]] = [
    no_agreement, no_keys, no_core, refused, answer_refused, usim_refuses, no_esp, wrong_key,
    old_sas, kernel_refuses, kernel_forgot, blocked, in_clear, refused_by_hook, nothing,
]  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All that is told of all these phones."""
    told: list[str] = []
    for provoke in ALL:
        scene = Scene(tmp_path_factory.mktemp("scene"))
        provoke(scene, Phone(scene))
        told += scene.why(UE)
    return told


def test_the_page_has_quotes() -> None:
    assert len(QUOTES) > 15


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quote_is_said(said: list[str], quote: str) -> None:
    pattern = ".*".join(map(re.escape, quote.split("…")))
    assert any(re.match(pattern, text) for text in said), "\n".join([quote, *said])
