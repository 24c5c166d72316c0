"""OPTIONS to the configured next hops: whether they answer (RFC 3261 11)."""

from collections.abc import Sequence

from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.deadlines import Timed
from pcscf.core.effects import SendSip
from pcscf.core.flow import Endpoint
from pcscf.core.ids import Ids
from pcscf.core.next_hops import NextHops
from pcscf.core.policy import HealthPolicy, NextHop
from pcscf.core.wire import Wire
from pcscf.sip.message import Request, Response, new_request

_FINAL = 200


class Round(Timed):
    """Its deadline is when all configured hops are asked again."""

    __slots__ = ()


class Probes:
    """Asks every configured hop, every ``health.interval`` seconds."""

    def __init__(self, wire: Wire, next_hops: NextHops) -> None:
        self._wire = wire
        self._context = wire.context
        self._next_hops = next_hops
        self._asked: set[NextHop] = set()
        self._round = Round()
        if self._policy.interval:
            self._context.deadlines.set(self._round, self._context.now)

    @property
    def _policy(self) -> HealthPolicy:
        return self._context.policy.health

    def on_policy(self) -> None:
        """Ask at once, as there may be other hops, or nobody any more."""
        if self._policy.interval:
            self._context.deadlines.set(self._round, self._context.now)
        else:
            self._context.deadlines.cancel(self._round)
            self._next_hops.health.watch(())

    def on_deadline(self, turn: Round) -> None:
        """Start a round; the names among the entry points are looked up anew."""
        self._context.deadlines.set(turn, self._context.now + self._policy.interval)
        self._next_hops.lookups.find(self._next_hops.entry_points, self._ask_all)

    def _ask_all(self, hops: Sequence[NextHop]) -> None:
        if hops:  # none were found: those of before are asked on
            self._next_hops.health.watch(hops)
        for hop in self._next_hops.health.to_probe():
            if hop not in self._asked:
                self._ask(hop)

    def _ask(self, hop: NextHop) -> None:
        local = self._context.core_endpoint(hop.endpoint.host)
        self._asked.add(hop)
        self._wire.ask_core(
            hop,
            options(hop, local, self._context.ids),
            _Probe(self, hop),
            patience=self._policy.timeout,
        )

    def on_answer(self, hop: NextHop, response: Response) -> None:
        """Take the final answer of a hop."""
        self._asked.discard(hop)
        self._next_hops.on_answer(hop, response)

    def on_no_answer(self, hop: NextHop, reason: str) -> None:
        """Take note that a hop did not answer."""
        self._asked.discard(hop)
        self._next_hops.on_no_answer(hop, reason)


class _Probe:
    """Who asked one hop."""

    def __init__(self, probes: Probes, hop: NextHop) -> None:
        self._probes = probes
        self._hop = hop

    def on_response(self, response: Response) -> None:
        if response.status >= _FINAL:
            self._probes.on_answer(self._hop, response)

    def again(self, sent: SendSip) -> SendSip | None:
        return sent

    def on_no_response(self, _client: ClientTransaction, reason: str) -> None:
        self._probes.on_no_answer(self._hop, reason)

    def on_over(self) -> None:
        pass


def options(hop: NextHop, local: Endpoint, ids: Ids) -> Request:
    """Make an OPTIONS that the hop itself answers and passes on to nobody.

    Max-Forwards is 0 (RFC 3261 11.1): a 483 is a sign of life as good as a 200.
    """
    uri = f"sip:{hop.endpoint};transport={hop.transport.lower()}"
    headers = (
        ("max-forwards", "0"),
        ("from", f"<sip:{local}>;tag={ids.tag()}"),
        ("to", f"<{uri}>"),
        ("call-id", ids.token()),
        ("cseq", "1 OPTIONS"),
    )
    return new_request("OPTIONS", uri, headers)
