"""Two phones register, call each other and deregister through the real P-CSCF."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.demo.recorder import Record, recording
from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.netns.xfrm_listing import XfrmPolicy, XfrmState
from tests.peers.aka import AkaError
from tests.peers.core import Core, Reaction
from tests.peers.offers import Offer, null_only, sha1_aes
from tests.peers.peer import PeerError
from tests.peers.phone import Phone
from tests.peers.router import RoutingCore
from tests.peers.sas import IpXfrm
from tests.peers.subscription import subscriber
from tests.peers.text import Address
from tests.peers.wire import placed_in

REALM = "home.example"
CLEAR_PORT = 5060
# One second for what is under way, instead of 32: the demo waits for the last SA to go.
# Two algorithms keep Security-Verify short, and with it every datagram in one packet.
SECURITY = 'algorithms = ["hmac-sha-1-96/aes-cbc", "hmac-sha-1-96/null"]\nsa_linger = 1.0'
PHONES: tuple[tuple[str, str, Offer], ...] = (
    ("ue1", "UDP", null_only),
    ("ue2", "TCP", sha1_aes),
)


Step = tuple[int, str]  # when it began, in nanoseconds since 1970, and its title


class Tables(NamedTuple):
    """What the kernel held: SAs and policies of the P-CSCF, SAs of the phones."""

    states: list[XfrmState]
    policies: list[XfrmPolicy]
    phones: list[XfrmState]


@dataclass(frozen=True, slots=True)
class Actor:
    """A phone, and what its own sockets sent and received."""

    name: str
    phone: Phone
    record: Record


@dataclass(slots=True)
class Story:
    """What the actors know of a run, to be held against the captures.

    ``names`` are those of the hosts. ``tables`` has "before", "registered", "deregistered"
    and "stopped"; after a ``failure`` it may lack all but the last. ``call_id`` is that of the
    call. ``status`` is the exit status of the P-CSCF.
    """

    pcscf: Address
    names: dict[str, str]
    actors: list[Actor] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tables: dict[str, Tables] = field(default_factory=dict)
    failure: str = ""
    call_id: str = ""
    status: int | None = None


def perform(directory: Path, say: Callable[[str], None]) -> Story:
    """Play it all; ``gm.pcap`` and ``core.pcap`` are in the directory then.

    What the P-CSCF does wrong is the story's ``failure``; what fails in the lab raises.
    """
    with open_lab(phones=len(PHONES)) as lab:
        at = lab.v4
        names = {at.pcscf_gm: "pcscf", at.pcscf_core: "pcscf", at.core: "core"}
        story = Story(Address(at.pcscf_gm, CLEAR_PORT), names)
        text = config(lab, security=SECURITY)
        say("".join(f"    {line}\n" for line in text.splitlines()))
        with running(lab, directory, text) as pcscf:
            with _captures(lab, directory), _actors(lab, story) as core:
                _play_to_the_end(lab, core, story)
            story.status = pcscf.stop()
        story.tables["stopped"] = _tables(lab)
        return story


@contextlib.contextmanager
def _captures(lab: Lab, directory: Path) -> Iterator[None]:
    with lab.pcscf.capture("gm") as gm, lab.pcscf.capture("core") as core:
        try:
            yield
        finally:  # a capture of what went wrong is worth the most
            gm.write(directory / "gm.pcap")
            core.write(directory / "core.pcap")


@contextlib.contextmanager
def _actors(lab: Lab, story: Story) -> Iterator[Core]:
    cards = [subscriber(number, REALM) for number in range(1, len(PHONES) + 1)]
    in_core = placed_in(lab.core.entered)
    with contextlib.ExitStack() as stack:
        core = RoutingCore(Address(lab.v4.core, CLEAR_PORT), cards, socket_factory=in_core)
        stack.callback(core.close)
        for (name, transport, offer), card, host in zip(PHONES, cards, lab.v4.phones, strict=True):
            record: Record = []
            phone = Phone(
                card,
                host,
                story.pcscf,
                sas=IpXfrm(lab.ue.name),
                offer=offer,
                transport=transport,
                socket_factory=recording(lab.ue.entered, record),
            )
            stack.callback(phone.close)
            story.actors.append(Actor(name, phone, record))
            story.names[host] = name
        yield core


def _play_to_the_end(lab: Lab, core: Core, story: Story) -> None:
    try:
        _play(lab, core, story)
    except (PeerError, AkaError, ValueError, OSError, RuntimeError) as error:
        story.failure = f"{story.steps[-1][1]}: {error}"


def _play(lab: Lab, core: Core, story: Story) -> None:
    story.tables["before"] = _tables(lab)
    for actor in story.actors:
        _begin(story, f"{actor.name} registers")
        actor.phone.register()
    story.tables["registered"] = _tables(lab)
    for actor in story.actors:
        _begin(story, f"{actor.name} registers again: new keys, new SAs")
        actor.phone.register()
    for actor, other in (story.actors, story.actors[::-1]):
        _begin(story, f"{actor.name} writes to {other.name}, and is done with its old SAs")
        actor.phone.message(other.phone.identity, "hello")
        actor.phone.drop_old()
    _call(story, *story.actors)
    for actor in story.actors:
        _begin(story, f"{actor.name} deregisters")
        core.next.append(Reaction(challenge=False))
        actor.phone.deregister()
    with contextlib.suppress(AssertionError):  # a claim tells what is left
        wait_until(lambda: not lab.pcscf.xfrm_states(), "the P-CSCF removes the last SA", 10)
    story.tables["deregistered"] = _tables(lab)


def _call(story: Story, caller: Actor, callee: Actor) -> None:
    """A call as phones of VoLTE make it: a reliable 183 first, whose PRACK has its own 200."""
    alice, bob = caller.phone, callee.phone
    _begin(story, f"{caller.name} calls {callee.name}")
    call = alice.invite(bob.identity, alice.sdp)
    story.call_id = call.invite.message.header("call-id")
    there = bob.wait_for_call()
    there.ring(183, reliable=True, body=bob.sdp)
    call.prack(call.wait(183))
    there.ring(180)
    call.wait(180)
    _begin(story, f"{callee.name} picks up")
    there.answer(200)
    call.wait(200)
    there.wait_for_ack()
    _begin(story, f"{callee.name} hangs up")
    there.bye()


def _begin(story: Story, title: str) -> None:
    story.steps.append((time.time_ns(), title))


def _tables(lab: Lab) -> Tables:
    return Tables(lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies(), lab.ue.xfrm_states())
