"""Whether this P-CSCF can serve a new phone, and if not, why: for /readyz and for people."""

from pcscf.admin.parts import Core, Kernel, Parts, Store, Subject, Survival
from pcscf.core.hop_health import HopState
from xfrm.errors import XfrmError

_SERVES = (HopState.ACTIVE, HopState.PROBING)


def reasons(subject: Subject, survival: Survival | None = None) -> list[str]:
    """Say why not, one line each; none if it can."""
    of_place = list(survival.reasons) if survival else []
    if not subject.server.is_up:
        return of_place or ["starting: no phone is served yet"]
    core = subject.core
    found = [*of_place, _draining(core), _next_hops(core), _kernel(subject.kernel)]
    return [reason for reason in found if reason]


def notes(parts: Parts) -> list[str]:
    """Say what is wrong and keeps no phone from being served, one line each."""
    return [note for note in (_store(parts.store), _lease(parts.survival)) if note]


def _store(store: Store | None) -> str:
    """Phones are served from memory meanwhile; a crash would lose what waits."""
    if store is None:
        return ""
    state = store.writing.state
    return "" if state.name == "ok" else f"the store is {state.name}: {state.reason}"


def _lease(survival: Survival | None) -> str:
    hold = survival.hold if survival else None
    if hold == "unsure":
        return "the store is silent: another instance that reaches it may take the phones over"
    if hold == "unasked":
        return "stood still, and serves again when the store says whose the phones are"
    return ""


def _draining(core: Core) -> str:
    return "draining: no new phone is let in" if core.draining else ""


def _next_hops(core: Core) -> str:
    """Of names that were not looked up yet nothing is known, which is nothing bad."""
    hops = core.views.next_hops()
    if not hops or any(hop.state in _SERVES for hop in hops):
        return ""
    states = ", ".join(f"{one.next_hop} {one.state} ({one.reason})" for one in hops)
    return f"no next hop is active: {states}"


def _kernel(kernel: Kernel) -> str:
    try:
        kernel.reach()
    except (XfrmError, OSError) as error:
        return f"the kernel does not answer: {error}"
    return ""
