"""A registration as plain values, for whoever keeps it beyond this process, and back again.

Values are what JSON has. Times in them are seconds since 1970: the core's own clock begins
anew with each process, so ``since`` says what to add to it. No key is among them.
"""

from math import inf
from typing import Any, Final, NamedTuple

from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.policy import NextHop
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.state import Binding, Dialog, Phone, Registration
from xfrm.algorithms import Suite
from xfrm.model import SaSet

VERSION: Final = 1
Values = dict[str, Any]


class Restored(NamedTuple):
    """A registration, and its sets, which are in no table yet; ``current`` is the last of them.

    A set's ``deadline`` is set on the row already, and not queued.
    """

    registration: Registration
    rows: tuple[SaRow, ...]


def save(registration: Registration, since: float) -> Values:
    """Give all of a registration that a phone would miss."""
    phone, flow, hop = registration.phone, registration.clear_flow, registration.hop
    return {
        "version": VERSION,
        "phone": [phone.impi, phone.host, phone.instance, phone.emergency],
        "token": registration.token,
        "transport": registration.transport.value,
        "udp_only": registration.udp_only,
        "via_previous": registration.via_previous,
        "sa_deadline": _wall(registration.sa_deadline, since),
        "clear": None if flow is None else [flow.transport.value, *flow.local, *flow.remote],
        "hop": None if hop is None else [hop.transport.value, *hop.endpoint],
        "charging": list(registration.charging_functions),
        "bindings": [_save_binding(binding, since) for binding in registration.bindings],
        "sets": [_save_row(row, since) for row in reversed(registration.sets)],
        "dialogs": [_save_dialog(dialog) for dialog in registration.dialogs.values()],
    }


def load(values: Values, since: float) -> Restored:
    """Make a registration of what ``save`` gave. Raises ValueError, one line, for anything else."""
    try:
        if values["version"] != VERSION:
            raise ValueError(f"version {values['version']!r} of a registration, {VERSION} is known")
        return _load(values, since)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a registration: {type(error).__name__} {error}") from None


def sa_sets(values: Values) -> list[SaSet]:
    """Give the SA sets in a snapshot. Raises ValueError."""
    return [row.sa_set for row in load(values, 0.0).rows]


def ends(values: Values) -> float:
    """Say when nobody needs what ``save`` gave any more, in seconds since 1970."""
    bound = max((float(binding[2]) for binding in values["bindings"]), default=0.0)
    return max(bound, values["sa_deadline"] or 0.0)


def deadline(row: SaRow) -> float:
    """Say when a loaded set ends, on the core's clock."""
    owner = row.owner
    own = row.deadline
    return owner.sa_deadline if own == inf and isinstance(owner, Registration) else own


def _load(values: Values, since: float) -> Restored:
    impi, host, instance, emergency = values["phone"]
    phone = Phone(_text(impi), _text(host), _text(instance), bool(emergency))
    registration = Registration(phone, _text(values["token"]))
    registration.transport = Transport(values["transport"])
    registration.udp_only = bool(values["udp_only"])
    registration.sa_deadline = _own(values["sa_deadline"], since, -inf)
    registration.charging_functions = _texts(values["charging"])
    if values["clear"] is not None:
        transport, *ends = values["clear"]
        local, remote = _endpoint(*ends[:2]), _endpoint(*ends[2:])
        registration.clear_flow = Flow(Transport(transport), Side.CLEAR, local, remote)
    if values["hop"] is not None:
        transport, *end = values["hop"]
        registration.hop = NextHop(Transport(transport), _endpoint(*end))
    registration.bindings = tuple(_load_binding(one, since) for one in values["bindings"])
    dialogs = [_load_dialog(dialog) for dialog in values["dialogs"]]
    if dialogs:
        registration.dialogs = {dialog.key: dialog for dialog in dialogs}
    rows = tuple(_load_row(row, registration, since) for row in values["sets"])
    registration.current = next((one for one in rows if one.stage is Stage.CURRENT), None)
    registration.previous = next((one for one in rows if one.stage is Stage.PREVIOUS), None)
    registration.via_previous = bool(values["via_previous"]) and registration.previous is not None
    return Restored(registration, rows)


# Parts


def _save_binding(binding: Binding, since: float) -> list[Any]:
    route, associated = list(binding.service_route), list(binding.associated)
    return [binding.aor, binding.contact, binding.expires + since, route, associated]


def _load_binding(values: list[Any], since: float) -> Binding:
    aor, contact, at, route, associated = values
    return Binding(_text(aor), _text(contact), float(at) - since, _texts(route), _texts(associated))


def _save_row(row: SaRow, since: float) -> list[Any]:
    own = row.sa_set
    return [
        row.stage.name,
        _wall(row.deadline, since),
        [[suite.alg, suite.ealg] for suite in row.offered],
        [
            own.ue, own.pcscf, own.suite.alg, own.suite.ealg,
            own.spi_uc, own.spi_us, own.spi_pc, own.spi_ps,
            own.port_uc, own.port_us, own.port_pc, own.port_ps,
        ],
    ]  # fmt: skip


def _load_row(values: list[Any], registration: Registration, since: float) -> SaRow:
    stage, deadline, offered, (ue, pcscf, alg, ealg, *numbers) = values
    sa_set = SaSet(_text(ue), _text(pcscf), Suite(alg, ealg), *map(_number, numbers))
    row = SaRow(sa_set, tuple(Suite(*pair) for pair in offered), registration)
    row.stage = Stage[stage]
    if row.stage not in (Stage.CURRENT, Stage.PREVIOUS):
        raise ValueError(f"an SA set in stage {stage}")
    row.deadline = _own(deadline, since, inf)
    return row


def _save_dialog(dialog: Dialog) -> list[Any]:
    return [
        list(dialog.key), dialog.method, list(dialog.route), dialog.target,
        dialog.charging, dialog.identity, dialog.confirmed,
    ]  # fmt: skip


def _load_dialog(values: list[Any]) -> Dialog:
    (call_id, own_tag, other_tag), method, route, target, charging, identity, confirmed = values
    dialog = Dialog((_text(call_id), _text(own_tag), _text(other_tag)), _text(method))
    dialog.route, dialog.target = _texts(route), _text(target)
    dialog.charging, dialog.identity = _text(charging), _text(identity)
    dialog.confirmed = bool(confirmed)
    return dialog


def _wall(at: float, since: float) -> float | None:
    """Infinity of either sign is null: JSON has none."""
    return None if at in (inf, -inf) else at + since


def _own(at: float | None, since: float, never: float) -> float:
    return never if at is None else float(at) - since


def _endpoint(host: str, port: int) -> Endpoint:
    return Endpoint(_text(host), _number(port))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is missing")
    return value


def _texts(values: list[object]) -> tuple[str, ...]:
    return tuple(_text(value) for value in values)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a number is missing")
    return value
