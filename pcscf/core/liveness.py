"""When each phone was heard last, from what the kernel counts under its SAs.

Any packet of the phone is a sign of life: SIP, a keep-alive, TCP's acknowledgements.
Nothing is ever sent to find out. Phones that registered in clear are not judged: no
counter tells of them.
"""

from pcscf.core.context import Context
from pcscf.core.events import SasUsed
from pcscf.core.policy import LivenessPolicy
from pcscf.core.sa_table import SaRow
from pcscf.core.state import Registration
from xfrm.model import SaId


class Liveness:
    """Says which phones are silent. With an interval of 0 it is off and holds nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._heard: dict[Registration, float] = {}
        self._silent: set[Registration] = set()

    def __len__(self) -> int:
        """How many registrations are watched."""
        return len(self._heard)

    @property
    def silent(self) -> int:
        """How many phones are silent at present."""
        return len(self._silent)

    def is_silent(self, registration: Registration) -> bool:
        """Whether a phone counts as silent."""
        return registration in self._silent

    def refuses(self, registration: Registration) -> bool:
        """Whether a request that begins something at this phone is not worth a try.

        A phone in an emergency is always tried: who took its call may call back.
        """
        return (
            self._policy.answer_480
            and registration in self._silent
            and not registration.phone.emergency
        )

    @property
    def _policy(self) -> LivenessPolicy:
        return self._context.policy.liveness

    def on_policy(self) -> None:
        """Watch from now on whom nobody watched, or nobody any more."""
        if not self._policy.interval:
            self._heard.clear()
            self._silent.clear()
            return
        for registration in self._context.registry.all():
            if registration.bindings and not registration.is_guest:
                self._heard.setdefault(registration, self._context.now)

    # --- registrations come and go ---

    def on_registered(self, registration: Registration) -> None:
        """Take note of a 200 to a REGISTER: the phone was there to ask."""
        if self._policy.interval:
            self._hear(registration)

    def on_removed(self, registration: Registration) -> None:
        """Forget a registration."""
        self._heard.pop(registration, None)
        self._silent.discard(registration)

    # --- signs of life ---

    def on_sip(self, row: SaRow) -> None:
        """Take note of a message under a set: no need to wait for the kernel's count of it."""
        if registration := self._watched(row):
            self._hear(registration)

    def on_used(self, event: SasUsed) -> None:
        """Compare with the counts of before; who moved under one SA is not judged by another."""
        still: set[Registration] = set()
        for sa, packets in event.packets.items():
            row = self._context.sas.find_sa(sa)
            registration = row and self._watched(row)
            if not row or not registration:
                continue
            if _moved(row, sa, packets):
                self._hear(registration)
            else:
                still.add(registration)
        for registration in still:
            self._judge(registration)

    def _watched(self, row: SaRow) -> Registration | None:
        owner = row.owner
        return owner if isinstance(owner, Registration) and owner in self._heard else None

    def _hear(self, registration: Registration) -> None:
        self._heard[registration] = self._context.now
        if registration in self._silent:
            self._silent.remove(registration)
            self._tell("phone_back", registration)

    def _judge(self, registration: Registration) -> None:
        silence = self._context.now - self._heard[registration]
        if silence >= self._policy.silent_after and registration not in self._silent:
            self._silent.add(registration)
            self._tell("phone_silent", registration)

    def _tell(self, event: str, registration: Registration) -> None:
        self._context.count(event)
        self._context.report("info", event, impi=registration.impi, ue=registration.phone.host)


def _moved(row: SaRow, sa: SaId, packets: int) -> bool:
    """Whether an inbound SA of a set has received anything since; keep its count."""
    own, before = row.sa_set, row.received
    if sa == (own.pcscf, own.spi_ps):
        row.received = (packets, before[1])
    elif sa == (own.pcscf, own.spi_pc):
        row.received = (before[0], packets)
    return row.received != before
