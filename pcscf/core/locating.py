"""From targets to next hops (RFC 3263 4): which questions to ask, and what answers mean.

A search is a generator: it yields questions that can be asked at the same time, is sent
their answers in the same order, and returns the hops. A question that nobody could
answer is sent as an empty answer. There are three rounds at most.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from ipaddress import ip_address
from itertools import islice
from typing import NamedTuple

from pcscf.core.dns_records import Naptr, Question, Records, RecordType, Srv
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.ids import Ids
from pcscf.core.policy import NextHop, Target
from pcscf.core.target import SIP_PORT, numeric_hop

Answers = Sequence[Records]
Search = Generator[list[Question], Answers, list[NextHop]]

# NAPTR services without TLS, in lower case (RFC 3263 4.1).
_SERVICES = {"sip+d2u": Transport.UDP, "sip+d2t": Transport.TCP}
_MAX_SERVICES = 4
_MAX_SERVERS = 16  # of one target: more than a request ever lives to try


class _Server(NamedTuple):
    """A host whose address is not known yet."""

    transport: Transport
    host: str
    port: int


class Locator:
    """Finds the next hops of targets. ``own`` are our core-side addresses."""

    def __init__(self, own: tuple[Endpoint, ...], ids: Ids) -> None:
        self._own = own
        self._ids = ids
        families = (RecordType.AAAA if ":" in host else RecordType.A for host, _ in own)
        self._families = tuple(dict.fromkeys(families))

    def locate_all(self, targets: Iterable[Target]) -> Search:
        """Find the hops of several targets side by side; they come in the targets' order."""
        found = yield from _together([self._locate(target) for target in targets])
        return list(dict.fromkeys(hop for hops in found for hop in hops if self._may_go(hop)))

    def _locate(self, target: Target) -> Search:
        hop = numeric_hop(target)
        if hop is not None:
            return [hop]
        if target.port is not None:  # RFC 3263 4.1, 4.2: neither NAPTR nor SRV
            servers = [_Server(target.transport or Transport.UDP, target.host, target.port)]
        else:
            servers = yield from self._servers(target)
        return (yield from self._addresses(servers))

    def _servers(self, target: Target) -> Generator[list[Question], Answers, list[_Server]]:
        """RFC 3263 4.2: by SRV; where there is none, the host itself at the default port."""
        services = yield from self._services(target)
        answers = yield [Question(name, RecordType.SRV) for _, name in services]
        if not any(answers):
            return [_Server(target.transport or Transport.UDP, target.host, SIP_PORT)]
        servers = (
            _Server(transport, srv.host, srv.port)
            for (transport, _), records in zip(services, answers, strict=True)
            for srv in by_weight(records, self._ids)
            if srv.host and srv.port
        )
        return list(islice(servers, _MAX_SERVERS))

    def _services(
        self, target: Target
    ) -> Generator[list[Question], Answers, list[tuple[Transport, str]]]:
        """RFC 3263 4.1: by NAPTR, if the transport is open; else SRV of what we speak."""
        if target.transport is not None:
            return [(target.transport, _srv_name(target.transport, target.host))]
        (records,) = yield [Question(target.host, RecordType.NAPTR)]
        offered = sorted(record for record in records if isinstance(record, Naptr))
        known = [
            (_SERVICES[naptr.service], naptr.replacement)
            for naptr in offered
            if naptr.flags == "s" and naptr.service in _SERVICES and naptr.replacement
        ]
        return known[:_MAX_SERVICES] or [(t, _srv_name(t, target.host)) for t in Transport]

    def _addresses(self, servers: list[_Server]) -> Search:
        """Ask for the families that we have ourselves. One host's addresses share the load."""
        hosts = dict.fromkeys(server.host for server in servers)
        questions = [Question(host, kind) for host in hosts for kind in self._families]
        answers = yield questions
        addresses: dict[str, list[str]] = {host: [] for host in hosts}
        for question, records in zip(questions, answers, strict=True):
            texts = [record for record in records if isinstance(record, str)]
            addresses[question.name] += self._ids.shuffled(texts)
        return [
            NextHop(server.transport, Endpoint(address, server.port))
            for server in servers
            for address in addresses[server.host]
        ]

    def _may_go(self, hop: NextHop) -> bool:
        """Leave out what our sockets cannot reach, and ourselves."""
        address = ip_address(hop.endpoint.host)
        reachable = not (address.is_unspecified or address.is_multicast or address.is_link_local)
        family = RecordType.AAAA if address.version == 6 else RecordType.A
        return reachable and family in self._families and hop.endpoint not in self._own


def advance(search: Search, answers: Answers | None) -> list[Question]:
    """Start a search, or let it go on. Raises StopIteration with the hops at its end."""
    return next(search) if answers is None else search.send(answers)


def by_weight(records: Records, ids: Ids) -> Iterator[Srv]:
    """Order SRV records: by priority, and by chance within one (RFC 2782)."""
    left = [record for record in records if isinstance(record, Srv)]
    for priority in sorted({srv.priority for srv in left}):
        yield from _drawn([srv for srv in left if srv.priority == priority], ids)


def _drawn(servers: list[Srv], ids: Ids) -> Iterator[Srv]:
    """Draw one after another; those of weight 0 stand first, where chance seldom falls."""
    left = sorted(ids.shuffled(servers), key=lambda srv: srv.weight > 0)
    while left:
        chance = ids.below(sum(srv.weight for srv in left) + 1)
        for place, srv in enumerate(left):
            chance -= srv.weight
            if chance <= 0:
                yield left.pop(place)
                break


def _srv_name(transport: Transport, host: str) -> str:
    return f"_sip._{transport.lower()}.{host}"


def _together(
    searches: list[Search],
) -> Generator[list[Question], Answers, list[list[NextHop]]]:
    """Ask the questions of several searches in common rounds; give what each has found."""
    found: list[list[NextHop]] = [[] for _ in searches]
    answers: dict[int, Answers | None] = dict.fromkeys(range(len(searches)))
    while answers:
        asked: dict[int, list[Question]] = {}
        for number, answer in answers.items():
            try:
                asked[number] = advance(searches[number], answer)
            except StopIteration as end:
                found[number] = end.value
        if not asked:
            break
        told = iter((yield [question for questions in asked.values() for question in questions]))
        answers = {number: list(islice(told, len(asked[number]))) for number in asked}
    return found
