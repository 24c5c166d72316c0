"""The resolver against a name server on loopback: one event comes of each question."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.rcode
import pytest

from pcscf.core.dns_records import Naptr, Question, RecordType, Srv
from pcscf.core.effects import Resolve
from pcscf.core.events import Resolved
from pcscf.core.flow import Endpoint
from pcscf.net.resolver import Resolver
from tests.net.name_server import Answer, NameServer, with_code, with_records
from tests.net.support import HOST, free_port, looped, until

NAME = "home.example"


class Asker:
    """A resolver and what it told."""

    def __init__(self, server: Endpoint, *, max_queries: int = 10, timeout: float = 1.0) -> None:
        self.told: list[Resolved] = []
        self.resolver = Resolver(
            self.told.append, (server,), timeout=timeout, max_queries=max_queries
        )

    async def ask(self, kind: RecordType = RecordType.A, name: str = NAME) -> Resolved:
        """Ask one question and wait for what comes of it."""
        self.told.clear()
        self.resolver.ask(Resolve(Question(name, kind)))
        await until(lambda: self.told)
        (event,) = self.told
        assert event.question == Question(name, kind)
        return event


@asynccontextmanager
async def served(
    answer: Answer, *, truncates: bool = False, patience: float = 1.0, max_queries: int = 10
) -> AsyncIterator[tuple[Asker, NameServer]]:
    server = NameServer(answer, truncates=truncates)
    asker = Asker(await server.start(), timeout=patience, max_queries=max_queries)
    try:
        yield asker, server
    finally:
        await asker.resolver.close()
        server.close()


@pytest.mark.parametrize(
    ("kind", "line", "record"),
    [
        (RecordType.A, f"{NAME}. 60 IN A 192.0.2.7", "192.0.2.7"),
        (RecordType.AAAA, f"{NAME}. 60 IN AAAA 2001:DB8:0:0::7", "2001:db8::7"),
        (RecordType.SRV, f"{NAME}. 60 IN SRV 1 2 5070 A.example.", Srv(1, 2, 5070, "a.example")),
        (
            RecordType.NAPTR,
            f'{NAME}. 60 IN NAPTR 10 20 "S" "SIP+D2U" "" _sip._udp.{NAME}.',
            Naptr(10, 20, "s", "sip+d2u", f"_sip._udp.{NAME}"),
        ),
        (RecordType.SRV, f"{NAME}. 60 IN SRV 0 0 0 .", Srv(0, 0, 0, "")),
    ],
)
@looped
async def test_records_of_each_type(kind: RecordType, line: str, record: object) -> None:
    async with served(with_records(line)) as (asker, _):
        event = await asker.ask(kind)
    assert (event.records, event.ttl, event.error) == ((record,), 60.0, "")


@looped
async def test_an_alias_is_followed_and_its_time_counts() -> None:
    lines = (f"{NAME}. 30 IN CNAME pool.example.", "pool.example. 600 IN A 192.0.2.8")
    async with served(with_records(*lines)) as (asker, _):
        event = await asker.ask()
    assert (event.records, event.ttl) == (("192.0.2.8",), 30.0)


@pytest.mark.parametrize("answer", [with_code(dns.rcode.NXDOMAIN), with_records()])
@looped
async def test_no_such_name_and_no_such_type_are_answers(answer: Answer) -> None:
    async with served(answer) as (asker, _):
        event = await asker.ask()
    assert (event.records, event.error) == ((), "")


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
@looped
async def test_a_server_that_cannot_say_is_a_failure(code: dns.rcode.Rcode) -> None:
    async with served(with_code(code)) as (asker, _):
        event = await asker.ask()
    assert (event.records, event.error) == ((), "no name server could answer")


@pytest.mark.parametrize("answer", [lambda _: None, lambda _: b"\x00garbage"])
@looped
async def test_silence_and_garbage_are_no_answer(answer: Answer) -> None:
    async with served(answer, patience=0.2) as (asker, _):
        event = await asker.ask()
    assert (event.records, event.error) == ((), "no answer")


@looped
async def test_nobody_there_is_a_failure_too() -> None:
    asker = Asker(Endpoint(HOST, free_port()), timeout=0.2)
    event = await asker.ask()
    assert event.records == ()
    assert event.error


@looped
async def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    async with served(with_records(f"{NAME}. 9 IN A 192.0.2.9"), truncates=True) as (asker, server):
        event = await asker.ask()
    assert event.records == ("192.0.2.9",)
    assert server.queries == {"UDP": 1, "TCP": 1}


@looped
async def test_an_answer_has_a_bounded_number_of_records() -> None:
    lines = [f"{NAME}. 60 IN A 192.0.2.{number}" for number in range(1, 60)]
    async with served(with_records(*lines)) as (asker, _):
        event = await asker.ask()
    assert len(event.records) == 16


@looped
async def test_names_that_are_no_host_names_are_left_out() -> None:
    line = f"{NAME}. 60 IN SRV 0 0 5060 bad\\032name.example."
    async with served(with_records(line)) as (asker, _):
        event = await asker.ask(RecordType.SRV)
    assert event.records == ()


@looped
async def test_so_many_questions_at_a_time_and_no_more() -> None:
    async with served(with_records(f"{NAME}. 60 IN A 192.0.2.7"), max_queries=3) as (asker, server):
        server.delay = 0.01
        for _ in range(12):
            asker.resolver.ask(Resolve(Question(NAME, RecordType.A)))
        await until(lambda: len(asker.told) == 12)
        assert server.most_open == 3


@looped
async def test_closed_in_the_middle_it_says_nothing() -> None:
    async with served(lambda _: None) as (asker, server):
        asker.resolver.ask(Resolve(Question(NAME, RecordType.A)))
        await until(lambda: server.queries["UDP"])
        await asker.resolver.close()
        assert asker.told == []
        assert asyncio.all_tasks() == {asyncio.current_task()}


@looped
async def test_another_name_server_is_asked_from_now_on() -> None:
    line = f"{NAME}. 60 IN A 192.0.2.7"
    other = NameServer(with_records(f"{NAME}. 60 IN A 192.0.2.8"))
    async with served(with_records(line)) as (asker, _):
        assert (await asker.ask()).records == ("192.0.2.7",)
        asker.resolver.change((await other.start(),), timeout=1.0, max_queries=1)
        assert (await asker.ask()).records == ("192.0.2.8",)
    other.close()
