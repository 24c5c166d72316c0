"""Names of next hops, asked of a name server on loopback."""

from collections.abc import Mapping
from random import Random

import dns.rcode
import pytest

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.ids import Ids
from pcscf.core.policy import NextHop
from pcscf.net.checks import names
from pcscf.net.checks.finding import Finding, Level
from tests.net.name_server import Answer, NameServer, with_code, with_records
from tests.net.support import HOST, looped, settings

IDS = Ids(Random(1).randbytes)


async def resolved(answer: Answer, hops: list[str]) -> tuple[list[Finding], list[NextHop]]:
    server = NameServer(answer)
    at = await server.start()
    core: Mapping[str, object] = {"next_hops": hops}
    dns = {"servers": [f"{at.host}:{at.port}"], "query_timeout": 0.5}
    found: list[NextHop] = []
    try:
        given = settings(core=dict(core), dns=dns)
        return [one async for one in names.resolve(given, IDS, found)], found
    finally:
        server.close()


@looped
async def test_a_name_is_what_it_leads_to() -> None:
    answer = with_records("scscf.example. 60 IN A 127.0.0.9")
    findings, hops = await resolved(answer, ["udp:scscf.example:5062", f"tcp:{HOST}:1"])
    assert [(one.level, one.text) for one in findings] == [
        (Level.OK, "scscf.example is udp:127.0.0.9:5062")
    ]
    assert hops == [
        NextHop(Transport.UDP, Endpoint("127.0.0.9", 5062)),
        NextHop(Transport.TCP, Endpoint(HOST, 1)),
    ]


@pytest.mark.parametrize(
    ("code", "about", "reason"),
    [
        (dns.rcode.SERVFAIL, "DNS", "no name server could answer"),
        (dns.rcode.NXDOMAIN, "names", "leads nowhere"),
    ],
)
@looped
async def test_one_that_leads_nowhere_and_one_that_nobody_knows(
    code: dns.rcode.Rcode, about: str, reason: str
) -> None:
    ((finding,), hops) = await resolved(with_code(code), ["sip:home.example"])
    assert (finding.level, finding.about, hops) == (Level.WARNING, about, [])
    assert reason in finding.text


@looped
async def test_nobody_is_asked_where_all_are_numeric() -> None:
    findings, hops = await resolved(with_code(dns.rcode.SERVFAIL), [f"udp:{HOST}:9"])
    assert (findings, len(hops)) == ([], 1)
