"""What the procedures share: policy, tables, and the event at hand."""

from collections import Counter
from dataclasses import replace
from typing import Literal

from pcscf.core.deadlines import Deadlines
from pcscf.core.effects import Effect, Report
from pcscf.core.flow import Endpoint
from pcscf.core.hooks import Hooks
from pcscf.core.ids import Ids
from pcscf.core.measures import Measures
from pcscf.core.policy import EdgePolicy, GmAddress
from pcscf.core.sa_table import SaTable
from pcscf.core.state import Registry
from pcscf.sip.message import Message

_LONGEST_CALL_ID = 128  # in a report; a peer may write any


class Context:
    """Ids and tables for good, the policy until it changes; time and effects for one event."""

    __slots__ = (
        "counters",
        "deadlines",
        "draining",
        "effects",
        "hooks",
        "ids",
        "is_deaf",
        "measures",
        "now",
        "own",
        "policy",
        "registry",
        "sas",
    )

    def __init__(self, policy: EdgePolicy, ids: Ids) -> None:
        self.policy = policy
        self.ids = ids
        self.own = self._own()
        self.deadlines = Deadlines()
        self.sas = SaTable(policy.selectors)
        self.registry = Registry()
        self.counters: Counter[str] = Counter()  # what happened how often, since start
        self.measures = Measures()
        self.draining = False  # no new phone is let in
        self.is_deaf = False  # no new request is taken
        self.hooks: Hooks | None = None  # the operator's functions; mostly there are none
        self.now = 0.0
        self.effects: list[Effect] = []

    def adopt(self, policy: EdgePolicy) -> None:
        """Go by another policy; what sockets and SAs were made from stays (``PolicyChanged``)."""
        old = self.policy
        self.policy = replace(policy, gm=old.gm, core=old.core, selectors=old.selectors)
        self.own = self._own()

    def _own(self) -> Endpoint:
        """For Path, Record-Route and charging: of the first next hop's family, which goes by it."""
        hops = self.policy.next_hops
        return self.core_endpoint(hops[0].endpoint.host if hops else "")

    def emit(self, effect: Effect) -> None:
        """Have the server do this, behind what was emitted before."""
        self.effects.append(effect)

    def count(self, what: str) -> None:
        """Count what is too frequent to report one by one."""
        self.counters[what] += 1

    def report(
        self,
        level: Literal["debug", "info", "warning", "error"],
        event: str,
        about: Message | None = None,
        /,
        **fields: str | float,
    ) -> None:
        """Tell the operator; never give it key material or a whole message.

        ``about`` is the message that it is about, of which the Call-ID is told.
        """
        if about is not None:
            fields["call_id"] = (about.get("call-id") or "")[:_LONGEST_CALL_ID]
        self.effects.append(Report(level, event, fields))

    def gm_address(self, host: str) -> GmAddress:
        """Find our Gm address a phone talks to. KeyError if it is none of ours."""
        for address in self.policy.gm:
            if address.host == host:
                return address
        raise KeyError(host)

    def gm_endpoint(self, host: str) -> Endpoint:
        """Give our unprotected address and port on Gm."""
        return Endpoint(host, self.gm_address(host).port)

    def core_endpoint(self, peer: str) -> Endpoint:
        """Find our core-side address of the family of ``peer``, a numeric address."""
        for endpoint in self.policy.core:
            if (":" in endpoint.host) == (":" in peer):
                return endpoint
        return self.policy.core[0]
