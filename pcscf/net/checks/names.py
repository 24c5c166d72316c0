"""Name servers, and the names of next hops, asked as the P-CSCF itself asks."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from pcscf.config import Settings
from pcscf.core.dns_records import Question, Records
from pcscf.core.effects import Resolve
from pcscf.core.events import Resolved
from pcscf.core.flow import Endpoint
from pcscf.core.ids import Ids
from pcscf.core.locating import Locator, advance
from pcscf.core.policy import NextHop, Target
from pcscf.core.target import numeric_hop
from pcscf.net.checks.finding import Finding, ok, warning
from pcscf.net.resolver import Resolver

_MENDS = "dns.servers, or nameserver lines in /etc/resolv.conf"


class Asker:
    """Asks questions of the DNS one by one, and keeps what nobody could say."""

    def __init__(self, settings: Settings) -> None:
        self.failures: list[str] = []
        self._waiting: dict[Question, asyncio.Future[Resolved]] = {}
        self._resolver = Resolver(
            self._on_resolved,
            settings.dns.servers,
            timeout=settings.dns.query_timeout,
            max_queries=settings.dns.max_queries,
        )

    def _on_resolved(self, event: Resolved) -> None:
        self._waiting.pop(event.question).set_result(event)

    async def ask(self, questions: Sequence[Question]) -> list[Records]:
        """Ask all at a time; a question that nobody could answer has no records."""
        loop = asyncio.get_running_loop()
        for question in dict.fromkeys(questions):
            self._waiting[question] = loop.create_future()
            self._resolver.ask(Resolve(question))
        waiting = {question: self._waiting[question] for question in questions}
        answers = {question: await future for question, future in waiting.items()}
        self.failures += [answer.error for answer in answers.values() if answer.error]
        return [answers[question].records for question in questions]

    async def close(self) -> None:
        """End what is under way."""
        await self._resolver.close()


async def hops_of(
    target: Target, own: tuple[Endpoint, ...], ids: Ids, asker: Asker
) -> list[NextHop]:
    """Find where a target leads (RFC 3263)."""
    search = Locator(own, ids).locate_all([target])
    answers = None
    while True:
        try:
            questions = advance(search, answers)
        except StopIteration as end:
            found: list[NextHop] = end.value
            return found
        answers = await asker.ask(questions)


async def resolve(settings: Settings, ids: Ids, found: list[NextHop]) -> AsyncIterator[Finding]:
    """Each name among next hops and E-CSCFs; ``found`` is given all hops that they lead to."""
    own = tuple(Endpoint(address, settings.core.port) for address in settings.core.addresses)
    asker = Asker(settings)
    try:
        for target in dict.fromkeys((*settings.core.next_hops, *settings.emergency.e_cscf)):
            hop = numeric_hop(target)
            if hop is not None:
                found.append(hop)
                continue
            asker.failures.clear()
            hops = await hops_of(target, own, ids, asker)
            found += hops
            yield _finding(target, hops, asker.failures)
    finally:
        await asker.close()


def _finding(target: Target, hops: list[NextHop], failures: list[str]) -> Finding:
    if hops:
        return ok("names", f"{target.host} is {', '.join(map(str, hops))}")
    if failures:
        return warning("DNS", f"{target.host} cannot be looked up: {failures[0]}", _MENDS)
    return warning(
        "names",
        f"{target.host} leads nowhere: no NAPTR, SRV or address of ours' families",
        "its zone, or core.next_hops",
    )
