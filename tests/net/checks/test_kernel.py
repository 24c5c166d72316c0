"""ESP and IPv6, of kernels that have them and of such that have not."""

from pathlib import Path

import pytest

from pcscf.net.checks import kernel
from pcscf.net.checks.finding import Level
from tests.net.support import settings
from xfrm.algorithms import SUITES
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel

OURS = ("192.0.2.1", "2001:db8::1")


def test_all_algorithms_are_there() -> None:
    (finding,) = kernel.algorithms(MemoryKernel(), SUITES[:2])
    assert finding.level is Level.OK
    assert finding.text == f"the kernel has {SUITES[0].name}, {SUITES[1].name}"


def test_one_that_is_not_is_a_warning_which_names_it() -> None:
    subject = MemoryKernel()
    subject.unusable = {SUITES[0]: "ENOENT (modprobe cbc)"}
    fine, lacking = kernel.algorithms(subject, SUITES[:2])
    assert (fine.level, lacking.level) == (Level.OK, Level.WARNING)
    assert SUITES[0].name in lacking.text
    assert "modprobe cbc" in lacking.text


def test_none_at_all_is_an_error() -> None:
    subject = MemoryKernel()
    subject.unusable = dict.fromkeys(SUITES, "EPROTONOSUPPORT")
    (finding,) = kernel.algorithms(subject, SUITES)
    assert (finding.level, finding.mends) == (Level.ERROR, "modprobe esp4 esp6")


def test_a_kernel_that_cannot_be_asked_is_an_error() -> None:
    class Deaf(MemoryKernel):
        def probe(self, suites):
            raise KernelRefusal("try", 1, "EPERM")

    (finding,) = kernel.algorithms(Deaf(), SUITES)
    assert finding.level is Level.ERROR
    assert "EPERM" in finding.text


def test_a_kernel_without_xfrm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(93, "Protocol not supported")

    monkeypatch.setattr(kernel, "XfrmKernel", refuse)
    (finding,) = kernel.esp(settings())
    assert (finding.level, finding.mends) == (Level.ERROR, "modprobe xfrm_user")


def proc_with(tmp_path: Path, *, ipv6: bool = True, off: str = "0") -> Path:
    if ipv6:
        switch = tmp_path / "sys/net/ipv6/conf/all/disable_ipv6"
        switch.parent.mkdir(parents=True)
        switch.write_text(off + "\n")
        (tmp_path / "net").mkdir()
        (tmp_path / "net/if_inet6").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("ipv6", "off", "level", "mends"),
    [
        (True, "0", Level.OK, ""),
        (True, "1", Level.ERROR, "disable_ipv6=0"),
        (False, "0", Level.ERROR, "modprobe ipv6"),
    ],
)
def test_ipv6_is_needed_where_an_address_is(
    tmp_path: Path, ipv6: bool, off: str, level: Level, mends: str
) -> None:
    proc = proc_with(tmp_path, ipv6=ipv6, off=off)
    (finding,) = kernel.ipv6(OURS, proc)
    assert finding.level is level
    assert mends in finding.mends
    assert list(kernel.ipv6(OURS[:1], proc)) == []
