"""The views as JSON has them: docs/operate.md lists them. Times in seconds from now."""

from datetime import UTC, datetime

from pcscf.admin.parts import Diagnosis, Hooks, Json, Store
from pcscf.core.views import BindingView, BlockedView, HopView, SaSetView, UeView


def ue(view: UeView, diagnosis: Diagnosis | None = None) -> Json:
    """One phone; with a diagnosis each SA set has its four SAs and the kernel's counters."""
    found = view._asdict()
    found["expires_in"] = _seconds(found.pop("expires"))
    found["bindings"] = [_binding(one) for one in view.bindings]
    found["sas"] = [sa_set(one, diagnosis) for one in view.sas]
    return found


def sa_set(view: SaSetView, diagnosis: Diagnosis | None = None) -> Json:
    """One set of four SAs."""
    found = view._asdict()
    found["expires_in"] = _seconds(found.pop("expires"))
    if diagnosis:
        found["sas"] = diagnosis.sas(view)
    return found


def _binding(view: BindingView) -> Json:
    found = view._asdict()
    found["expires_in"] = _seconds(found.pop("expires"))
    return found


def hop(view: HopView) -> Json:
    """One next hop."""
    return view._asdict()


def blocked(view: BlockedView) -> Json:
    """One blocked source."""
    return {
        "source": view.source,
        "expires_in": _seconds(view.expires),
        "reason": view.reason,
    }


def store(one: Store | None) -> Json | None:
    """How the store keeps up; None if there is none."""
    if one is None:
        return None
    state = one.writing.state
    return {
        "kind": one.kind,
        "state": state.name,
        "reason": state.reason,
        "since": moment(datetime.fromtimestamp(state.since, UTC)),
        "waiting": one.writing.waiting,
    }


def hooks(one: Hooks | None) -> Json | None:
    """Which functions of an operator's are asked; None if there are none."""
    if one is None or not one.file:
        return None
    return {"file": one.file, "functions": list(one.functions)}


def moment(time: datetime) -> str:
    """A moment in UTC, in milliseconds."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(time: float | None) -> float | None:
    return None if time is None else round(time, 3)
