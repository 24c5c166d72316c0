"""Next hops by name and by health, with a name server and cores that fail."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.rrset
import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.netns.site import PORT, Site, open_site
from tests.peers.phone import Phone
from tests.peers.router import RoutingCore
from tests.peers.text import Address
from tests.peers.wire import placed_in

pytestmark = pytest.mark.esp

SECOND = 5062  # the other core's port
NAME = "cscf.home.example"


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    with open_lab(phones=12) as lab:
        yield lab


@contextmanager
def two_cores(lab: Lab) -> Iterator[tuple[Site, RoutingCore]]:
    """Two cores of one user base: what the one has record-routed the other takes for its own."""
    with open_site(lab, kind=RoutingCore) as site:
        assert isinstance(site.core, RoutingCore)
        second = RoutingCore(
            Address(lab.v4.core, SECOND),
            [],
            registrar=site.core.registrar,
            socket_factory=placed_in(lab.core.entered),
            pump=site.pump,
        )
        second.siblings.add(site.core.address)
        site.core.siblings.add(second.address)
        try:
            yield site, second
        finally:
            second.close()


def hops(lab: Lab) -> tuple[str, ...]:
    return f"udp:{lab.v4.core}:{PORT}", f"udp:{lab.v4.core}:{SECOND}"


def phones(site: Site) -> tuple[Phone, Phone]:
    alice, bob = site.phone(), site.phone(transport="TCP")
    for phone in (alice, bob):
        phone.register()
    return alice, bob


def test_a_core_that_dies_in_mid_call(shared_lab: Lab, tmp_path: Path) -> None:
    """The other one goes on with the dialog, and with what begins now."""
    text = config(shared_lab, next_hops=hops(shared_lab), core="next_hop_timeout = 0.3")
    with (
        running(shared_lab, tmp_path, text) as pcscf,
        two_cores(shared_lab) as (site, second),
    ):
        alice, bob = phones(site)
        call = alice.invite(bob.identity, alice.sdp)
        there = bob.wait_for_call()
        there.answer(200, bob.sdp)
        call.wait(200)
        there.wait_for_ack()
        assert isinstance(site.core, RoutingCore)
        site.core.deaf = True
        assert call.info(b"x").status == 200
        assert there.bye().status == 200
        assert second.seen["INFO"] == second.seen["BYE"] == 1
        assert alice.message(bob.identity).status == 200
        wait_until(lambda: "next_hop_state" in pcscf.log, "the dead one is left out")


@pytest.mark.parametrize("trouble", ["503", "refused"])
def test_a_core_that_declines_or_is_not_there(
    shared_lab: Lab, tmp_path: Path, trouble: str
) -> None:
    first = f"tcp:{shared_lab.v4.core}:5069" if trouble == "refused" else hops(shared_lab)[1]
    text = config(shared_lab, next_hops=(first, hops(shared_lab)[0]))
    with running(shared_lab, tmp_path, text), two_cores(shared_lab) as (site, second):
        second.answers["REGISTER"] = (503, "Busy", [])
        alice, bob = phones(site)
        assert alice.message(bob.identity).status == 200


def test_options_find_a_dead_core_and_its_return(shared_lab: Lab, tmp_path: Path) -> None:
    health = "interval = 0.2\ntimeout = 0.1\nfailures = 2\nsuccesses = 2"
    text = config(shared_lab, next_hops=hops(shared_lab)).replace(
        "[core.health]\ninterval = 0", f"[core.health]\n{health}"
    )
    with running(shared_lab, tmp_path, text) as pcscf, two_cores(shared_lab) as (site, second):
        wait_until(lambda: second.seen["OPTIONS"] > 1, "both are asked")
        assert isinstance(site.core, RoutingCore)
        site.core.deaf = True
        wait_until(lambda: "inactive" in pcscf.log, "the first is left out")
        phone = site.phone()
        phone.register()
        assert second.seen["REGISTER"] == 2
        site.core.deaf = False
        wait_until(lambda: "state=active" in pcscf.log, "it is back")
        other = site.phone()
        other.register()
        wait_until(lambda: site.core.seen["REGISTER"] == 2, "and is asked first again")


@contextmanager
def name_server(lab: Lab, answers: dict[tuple[str, str], list[str]]) -> Iterator[Address]:
    """A DNS server in the core's namespace."""
    loop = asyncio.new_event_loop()
    at = (lab.v4.core, 5353)
    sock = lab.core.socket(at)
    sock.setblocking(False)

    async def serve() -> None:
        while True:
            data, source = await loop.sock_recvfrom(sock, 4096)
            query = dns.message.from_wire(data)
            question = query.question[0]
            kind = question.to_text().split()[-1]
            response = dns.message.make_response(query)
            for line in answers.get((question.name.to_text(omit_final_dot=True), kind), []):
                response.answer.append(dns.rrset.from_text(question.name, 5, "IN", kind, line))
            await loop.sock_sendto(sock, response.to_wire(), source)

    task = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Address(*at)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        sock.close()


def test_a_core_that_is_named(shared_lab: Lab, tmp_path: Path) -> None:
    """NAPTR, SRV and A (RFC 3263); the second target is taken where the first is dead."""
    zone = {
        (NAME, "NAPTR"): [f'10 10 "s" "SIP+D2U" "" _sip._udp.{NAME}.'],
        (f"_sip._udp.{NAME}", "SRV"): [f"1 1 5999 a.{NAME}.", f"2 1 {PORT} a.{NAME}."],
        (f"a.{NAME}", "A"): [shared_lab.v4.core],
    }
    with name_server(shared_lab, zone) as server:
        text = config(
            shared_lab,
            next_hops=(f"sip:{NAME}",),
            core="next_hop_timeout = 0.2",
            dns=f'servers = ["{server}"]',
        )
        with running(shared_lab, tmp_path, text), two_cores(shared_lab) as (site, _):
            alice, bob = phones(site)
            assert alice.message(bob.identity).status == 200
