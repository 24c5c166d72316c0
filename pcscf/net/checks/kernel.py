"""What the kernel must have: XFRM, ESP with the algorithms, IPv6."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pcscf.config import Settings
from pcscf.net import plan
from pcscf.net.checks.finding import Finding, error, ok, warning
from xfrm.algorithms import Suite
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel, XfrmKernel

_PROC = Path("/proc")


def esp(settings: Settings) -> Iterator[Finding]:
    """XFRM, and each of the algorithms that are configured."""
    try:
        kernel = XfrmKernel(settings.security.reqid, plan.policies(settings))
    except (XfrmError, OSError) as refusal:
        yield error("ESP", f"no XFRM in this kernel ({refusal})", "modprobe xfrm_user")
        return
    try:
        yield from algorithms(kernel, settings.security.algorithms)
    finally:
        kernel.close()


def algorithms(kernel: SaKernel, wanted: Iterable[Suite]) -> Iterator[Finding]:
    """Try each pair on SAs that are thrown away."""
    wanted = tuple(wanted)
    try:
        unusable = kernel.probe(wanted)
    except (XfrmError, OSError) as refusal:
        yield error("ESP", f"the kernel cannot be asked for ESP: {refusal}")
        return
    usable = [suite.name for suite in wanted if suite not in unusable]
    if not usable:
        yield error("ESP", f"no ESP in this kernel: {unusable[wanted[0]]}", "modprobe esp4 esp6")
        return
    yield ok("ESP", f"the kernel has {', '.join(usable)}")
    for suite, reason in unusable.items():
        yield warning(
            "ESP",
            f"{suite.name} will not be offered: {reason}",
            f"load its module, or take {suite.name} out of security.algorithms",
        )


def ipv6(addresses: Iterable[str], proc: Path = _PROC) -> Iterator[Finding]:
    """IPv6, if any of our addresses needs it."""
    ours = [address for address in addresses if ":" in address]
    if not ours:
        return
    switch = proc / "sys/net/ipv6/conf/all/disable_ipv6"
    if not (proc / "net/if_inet6").exists():
        yield error(
            "IPv6", f"{ours[0]} is configured, but this kernel has no IPv6", "modprobe ipv6"
        )
    elif switch.exists() and switch.read_text().strip() == "1":
        yield error(
            "IPv6",
            f"{ours[0]} is configured, but IPv6 is off",
            "sysctl -w net.ipv6.conf.all.disable_ipv6=0 (docker run --sysctl ...)",
        )
    else:
        yield ok("IPv6", "on")
