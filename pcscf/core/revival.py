"""Registrations that an earlier process has left, or another machine: taken up where they stood."""

from collections.abc import Container
from math import inf
from typing import Protocol

from pcscf.core.context import Context
from pcscf.core.effects import RemoveSas
from pcscf.core.events import Recalled
from pcscf.core.flow import Transport
from pcscf.core.sa_table import SaRow
from pcscf.core.snapshot import Restored, load
from pcscf.core.state import Registration
from xfrm.model import SaSet


class Observer(Protocol):
    """Who wants to know of a registration that is there again."""

    def on_restored(self, registration: Registration) -> None:
        """Take note of it: nothing was said to the phone or the core."""


class Revival:
    """Enters what can go on; what cannot is reported, and the phone will register anew."""

    def __init__(self, context: Context, *observers: Observer) -> None:
        self._context = context
        self._observers = observers

    def on_recalled(self, event: Recalled) -> None:
        """Take registrations up. A set that the kernel does not hold whole is none.

        Sets of the kernel's that nobody has any more are removed.
        """
        taken = 0
        for token, values in event.saved.items():
            try:
                restored = load(values, event.since)
                if restored.registration.token != token:
                    raise ValueError("saved under another token")  # noqa: TRY301
                self._enter(restored, event.living)
            except ValueError as error:
                self._context.registry.touch_token(token)
                self._context.report("warning", "not_restored", reason=str(error))
            else:
                taken += 1
        for sa_set in event.living:
            row = self._context.sas.find_sa(sa_set.ids[0])
            if row is None or row.sa_set != sa_set:
                self._context.emit(RemoveSas(sa_set))
        self._context.report("info", "restored", registrations=taken)

    def _enter(self, restored: Restored, living: Container[SaSet]) -> None:
        """Raises ValueError for what cannot go on."""
        context, registration = self._context, restored.registration
        rows = [row for row in restored.rows if row.sa_set in living and self._fits(row)]
        for row in restored.rows:
            if row not in rows:
                registration.forget(row)
                context.registry.touch(registration)
        self._check(registration)
        for row in rows:
            deadline, row.deadline = row.deadline, inf
            context.sas.add(row)
            if row is registration.previous:
                context.deadlines.set(row, deadline)
        context.registry.add(registration)
        context.registry.set_clear_flow(registration, registration.clear_flow)
        ends = [one.expires for one in registration.bindings] or [registration.sa_deadline]
        context.deadlines.set(registration, min(ends))
        for observer in self._observers:
            observer.on_restored(registration)

    def _fits(self, row: SaRow) -> bool:
        """Whether our ports are still what the set says: policies guard no others."""
        own = row.sa_set
        return not self._context.sas.collides(own) and any(
            own.pcscf == gm.host and own.port_ps == gm.port_ps and own.port_pc in gm.ports_pc
            for gm in self._context.policy.gm
        )

    def _check(self, registration: Registration) -> None:
        who, now = registration.impi, self._context.now
        ends = [one.expires for one in registration.bindings] or [registration.sa_deadline]
        if max(ends) <= now:
            raise ValueError(f"{who}: has run out")
        if self._context.registry.by_token(registration.token) is not None:
            raise ValueError(f"{who}: is there already")
        flow = registration.clear_flow
        if flow is None and not registration.sets:
            raise ValueError(f"{who}: its SAs are gone")
        if flow is not None and flow.transport is Transport.TCP:
            raise ValueError(f"{who}: registered in clear on a connection, which is gone")
