"""The rights of the process: raised where they are permitted, else said what mends it."""

import os
from pathlib import Path

import pytest

from pcscf.errors import StartError
from pcscf.net.capabilities import Capabilities, capset, raise_capabilities

ADMIN, RAW, BIND = 1 << 12, 1 << 13, 1 << 10
ALL = (1 << 41) - 1


class Kernel:
    """A status file, and what is asked of capset."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[Capabilities] = []

    def has(self, *, eff: int = 0, prm: int = 0, bnd: int = ALL, no_new_privs: int = 0) -> None:
        self.path.write_text(
            f"Name:\tpcscf\nGroups:\t\nCapInh:\t{0:016x}\nCapPrm:\t{prm:016x}\nCapEff:\t{eff:016x}\n"
            f"CapBnd:\t{bnd:016x}\nCapAmb:\t{0:016x}\nNoNewPrivs:\t{no_new_privs}\n"
        )

    def run(self) -> list[int]:
        """Return the effective sets that were asked for."""
        raise_capabilities(self.path, self.asked.append)
        return [one.effective for one in self.asked]


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "status")


def test_what_is_permitted_is_raised(kernel: Kernel) -> None:
    kernel.has(prm=ADMIN | RAW | BIND)
    assert kernel.run() == [ADMIN | RAW]


def test_net_raw_is_not_needed(kernel: Kernel) -> None:
    kernel.has(prm=ADMIN, bnd=ADMIN)
    assert kernel.run() == [ADMIN]


def test_nothing_is_taken_away(kernel: Kernel) -> None:
    kernel.has(eff=BIND | ADMIN, prm=ADMIN | RAW | BIND)
    assert kernel.run() == [ADMIN | RAW | BIND]
    assert kernel.asked[0].permitted == ADMIN | RAW | BIND


@pytest.mark.parametrize(("eff", "prm"), [(ALL, ALL), (ADMIN, ADMIN)])
def test_what_is_in_effect_is_left_alone(kernel: Kernel, eff: int, prm: int) -> None:
    kernel.has(eff=eff, prm=prm)
    assert kernel.run() == []


@pytest.mark.parametrize(
    ("bnd", "no_new_privs", "remedy"),
    [
        (RAW, 0, "--cap-add NET_ADMIN"),
        (RAW, 1, "--cap-add NET_ADMIN"),
        (ADMIN, 1, "allowPrivilegeEscalation: true"),
        (ALL, 0, "run as root, or with AmbientCapabilities=CAP_NET_ADMIN"),
    ],
)
def test_without_net_admin_it_is_said_what_mends_it(
    kernel: Kernel, bnd: int, no_new_privs: int, remedy: str
) -> None:
    kernel.has(prm=ALL & ~ADMIN, eff=ALL & ~ADMIN, bnd=bnd, no_new_privs=no_new_privs)
    with pytest.raises(StartError, match=r"^CAP_NET_ADMIN is missing: ") as caught:
        kernel.run()
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refusal_of_the_kernel_is_told(kernel: Kernel) -> None:
    def refuse(_: Capabilities) -> None:
        raise PermissionError(1, "Operation not permitted")

    kernel.has(prm=ADMIN)
    with pytest.raises(StartError, match=r"cannot be put into effect: .*not permitted"):
        raise_capabilities(kernel.path, refuse)


def test_the_real_kernel_takes_the_sets_in_the_right_places() -> None:
    """In a process of its own: who has nothing may still give up nothing."""
    child = os.fork()
    if not child:
        before = Capabilities.read()
        kept = before.permitted & ~RAW
        capset(before._replace(effective=0, permitted=kept, inheritable=0))
        after = Capabilities.read()
        right = (after.effective, after.permitted) == (0, kept)
        raise_right = True
        if kept & ADMIN:
            raise_capabilities()
            raise_right = Capabilities.read().effective == ADMIN
        os._exit(0 if right and raise_right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_is_not_permitted_cannot_be_raised() -> None:
    held = Capabilities.read()
    with pytest.raises(PermissionError):
        capset(held._replace(permitted=0, effective=ADMIN))
    assert Capabilities.read() == held
