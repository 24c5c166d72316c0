"""Asks the DNS for the core. Whatever a name server does, one Resolved comes of a Resolve."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import structlog

from pcscf.core.dns_records import Naptr, Question, Record, Records, RecordType, Srv
from pcscf.core.effects import Resolve
from pcscf.core.events import Resolved
from pcscf.core.flow import Endpoint
from pcscf.core.target import is_name
from pcscf.log import describe

log = structlog.get_logger()

_MAX_RECORDS = 16  # of one answer; the rest is dropped
_PATIENCE = 1.0  # seconds above the resolver's own limit, should it not keep to it
_FAILURES = {
    dns.resolver.NoNameservers: "no name server could answer",  # SERVFAIL, REFUSED and the like
    dns.resolver.LifetimeTimeout: "no answer",
    TimeoutError: "no answer",
}


class Resolver:
    """Runs a bounded number of queries at a time; the others wait for their turn.

    ``servers`` are those of /etc/resolv.conf if none are given. ``timeout`` is for one
    question, in seconds: each of two servers gets a half, or one server two chances.
    """

    def __init__(
        self,
        tell: Callable[[Resolved], None],
        servers: Iterable[Endpoint] = (),
        *,
        timeout: float,
        max_queries: int,
    ) -> None:
        self._tell = tell
        self._servers = tuple(servers)
        self._timeout = timeout
        self._turns = asyncio.Semaphore(max_queries)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stub: dns.asyncresolver.Resolver | None = None  # made when first needed

    def change(self, servers: Iterable[Endpoint], *, timeout: float, max_queries: int) -> None:
        """Ask others from now on; what was asked is waited for. /etc/resolv.conf is read anew."""
        self._servers = tuple(servers)
        self._timeout = timeout
        self._turns = asyncio.Semaphore(max_queries)
        self._stub = None

    def ask(self, effect: Resolve) -> None:
        """Start a query."""
        task = asyncio.get_running_loop().create_task(self._answer(effect.question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all queries; nothing comes of them any more."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, question: Question) -> None:
        try:
            async with self._turns, asyncio.timeout(self._timeout + _PATIENCE):
                event = await self._query(question)
        except Exception as error:  # noqa: BLE001 - a name server must not end the service
            event = Resolved(question, error=_reason(error))
        self._tell(event)

    async def _query(self, question: Question) -> Resolved:
        name = dns.name.from_text(question.name)
        try:
            answer = await self._resolver().resolve(
                name,
                question.type.value,
                search=False,
                raise_on_no_answer=False,
                backend=dns.asyncbackend.get_backend("asyncio"),
            )
        except dns.resolver.NXDOMAIN:
            return Resolved(question)
        ttl = answer.chaining_result.minimum_ttl  # the shortest of a chain of CNAMEs
        return Resolved(question, _records(question.type, answer), float(ttl))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._stub is None:
            self._stub = self._make_stub()
            self._stub.lifetime = self._timeout
            self._stub.timeout = self._timeout / 2
        return self._stub

    def _make_stub(self) -> dns.asyncresolver.Resolver:
        """Raises NoResolverConfiguration if there is no /etc/resolv.conf that can be read."""
        if not self._servers:
            return dns.asyncresolver.Resolver()
        stub = dns.asyncresolver.Resolver(configure=False)
        stub.nameservers = [
            dns.nameserver.Do53Nameserver(server.host, server.port) for server in self._servers
        ]
        return stub


def _reason(error: Exception) -> str:
    """Say in a few words why there is no answer; never what a name server sent."""
    for kind, text in _FAILURES.items():
        if isinstance(error, kind):
            return text
    if not isinstance(error, dns.exception.DNSException):
        log.warning("resolver_failed", error=describe(error))
    return type(error).__name__


def _records(kind: RecordType, answer: dns.resolver.Answer) -> Records:
    """Read what is of use to us: names that are no host names are left out."""
    return tuple(islice(_read(kind, answer), _MAX_RECORDS))


def _read(kind: RecordType, answer: Iterable[Any]) -> Iterator[Record]:
    for data in answer:
        record = _READERS[kind](data)
        if record is not None:
            yield record


def _read_address(data: Any) -> Record | None:  # noqa: ANN401 - dnspython types no record
    return str(data.address)


def _read_srv(data: Any) -> Record | None:  # noqa: ANN401 - likewise
    host = _name(data.target)
    return None if host is None else Srv(data.priority, data.weight, data.port, host)


def _read_naptr(data: Any) -> Record | None:  # noqa: ANN401 - likewise
    replacement = _name(data.replacement)
    if replacement is None or data.regexp:
        return None
    flags, service = (text.decode("latin-1").lower() for text in (data.flags, data.service))
    return Naptr(data.order, data.preference, flags, service, replacement)


_READERS: dict[RecordType, Callable[[Any], Record | None]] = {
    RecordType.A: _read_address,
    RecordType.AAAA: _read_address,
    RecordType.SRV: _read_srv,
    RecordType.NAPTR: _read_naptr,
}


def _name(name: dns.name.Name) -> str | None:
    """Read a name: "" for the root, None for one that no host can have."""
    text = name.to_text(omit_final_dot=True).lower()
    if name == dns.name.root:
        return ""
    return text if is_name(text) else None
