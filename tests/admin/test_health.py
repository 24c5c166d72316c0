"""Reasons why no new phone can be served."""

import pytest

from pcscf.admin.health import notes, reasons
from pcscf.admin.parts import Parts, Store
from pcscf.core.events import Drain
from pcscf.store.keeper import Hold
from tests.admin.desk import Played, Writes, failing_store, subject
from tests.core.phone import Phone
from tests.core.stage import S_CSCF, S_CSCF_2, TWO_HOPS, Stage
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel


class Standing:
    """What there is to say of the store."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        self.hold: Hold | None = "held"


def found(
    stage: Stage,
    kernel: MemoryKernel | None = None,
    survival: Standing | None = None,
    *,
    is_up: bool = True,
) -> list[str]:
    server = Played(stage, is_up=is_up)
    return reasons(subject(stage.edge, server, kernel or MemoryKernel()), survival)


def fail(stage: Stage, times: int) -> None:
    """Let all next hops refuse so many REGISTERs."""
    phone = Phone(stage)
    for _ in range(times):
        phone.says_in_clear(phone.register())
        for _ in stage.policy.next_hops:
            stage.send_fails(stage.to_core[-1])


def test_a_p_cscf_that_can_serve_has_none() -> None:
    assert found(Stage()) == []


def test_draining_is_one() -> None:
    stage = Stage()
    stage.play(Drain(on=True))
    assert found(stage) == ["draining: no new phone is let in"]


def test_without_any_next_hop_there_is_no_service() -> None:
    stage = Stage(next_hops=TWO_HOPS)
    fail(stage, stage.policy.health.failures)
    (reason,) = found(stage)
    assert reason == (
        f"no next hop is active: udp:{S_CSCF} inactive (connection refused), "
        f"udp:{S_CSCF_2} inactive (connection refused)"
    )
    stage.wait(stage.policy.health.hold)
    assert found(stage) == []


def test_one_next_hop_is_enough() -> None:
    stage = Stage(next_hops=TWO_HOPS)
    phone = Phone(stage)
    for _ in range(stage.policy.health.failures):
        phone.says_in_clear(phone.register())
        stage.send_fails(stage.to_core[-1])
    assert stage.edge.views.next_hops()[0].state == "inactive"
    assert found(stage) == []


@pytest.mark.parametrize("error", [KernelRefusal("x", 1, "EPERM"), OSError(9, "bad descriptor")])
def test_a_kernel_that_does_not_answer_is_one(error: Exception) -> None:
    class Deaf(MemoryKernel):
        def reach(self) -> None:
            raise error

    (reason,) = found(Stage(), Deaf())
    assert reason.startswith("the kernel does not answer: ")


def test_before_phones_are_served_nothing_else_counts() -> None:
    stage = Stage()
    stage.play(Drain(on=True))
    assert found(stage, is_up=False) == ["starting: no phone is served yet"]
    assert found(stage, survival=Standing("stands by"), is_up=False) == ["stands by"]


def test_an_address_that_is_not_here_is_one() -> None:
    stage = Stage()
    stage.play(Drain(on=True))
    assert found(stage, survival=Standing("no address")) == [
        "no address",
        "draining: no new phone is let in",
    ]
    assert found(Stage(), survival=Standing()) == []


def test_a_store_that_is_down_is_noted() -> None:
    assert notes(Parts()) == notes(Parts(store=Store("sqlite", Writes()))) == []
    assert notes(Parts(store=failing_store())) == ["the store is down: the disk is full"]


@pytest.mark.parametrize(
    ("hold", "note"),
    [
        (None, ""),
        ("held", ""),
        ("not held", ""),  # a reason says so
        (
            "unsure",
            "the store is silent: another instance that reaches it may take the phones over",
        ),
        ("unasked", "stood still, and serves again when the store says whose the phones are"),
    ],
)
def test_a_lease_that_nobody_vouches_for_is_noted(hold: Hold | None, note: str) -> None:
    standing = Standing()
    standing.hold = hold
    assert notes(Parts(survival=standing)) == ([note] if note else [])
