"""Has the steps of a script happen, and looks whether all is as the script says."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.netns.lab import Addresses, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pair import open_pair
from tests.netns.site import PORT, Site, came_under, open_site
from tests.peers.core import DROP, Reaction
from tests.peers.incoming import IncomingCall
from tests.peers.outgoing import Call
from tests.peers.peer import NothingCameError
from tests.peers.registrar import Binding
from tests.peers.router import RoutingCore
from tests.peers.text import Address
from tests.soak.accounts import Memory, Name
from tests.soak.machine import Machine, single
from tests.soak.phones import LastingPhone
from tests.soak.script import PLACES, VERSIONS, Member, Step
from tests.soak.twins import twins
from xfrm.model import SaId

CHALLENGED = Reaction(challenge=True)
UNCHALLENGED = Reaction(challenge=False)
LATE = Reaction(delay=0.7)  # seconds: the P-CSCF has asked again by then
REFUSED = range(400, 600)
PATIENCE = 10.0  # seconds of a phone that is not answered
NOBODY = (404, 480)  # to who asks for somebody who is not registered


class Talk(NamedTuple):
    """A call: its two phones, and each one's side of it."""

    caller: int
    callee: int
    call: Call
    there: IncomingCall

    def side(self, number: int) -> Call | IncomingCall:
        """Give the side of a phone."""
        return self.call if number == self.caller else self.there


class Player:
    """Phones and a core around a machine. ``members`` are those of the script."""

    def __init__(self, site: Site, core: RoutingCore, made: Machine, members: list[Member]) -> None:
        self.machine, self.core = made, core
        self._site, self.members = site, members
        core.record = False
        self.phones = [self._phone(member) for member in members]
        self._talks: list[Talk] = []
        self._left: dict[int, Binding] = {}  # what the core had of a phone that deregistered
        self._acts: dict[str, Callable[[Step], None]] = {
            "register": self._register,
            "reregister": self._reregister,
            "refresh": self._refresh,
            "late register": self._late_register,
            "deregister": self._deregister,
            "lapse": self._lapse,
            "restart": self._restart,
            "abandon": self._abandon,
            "refused register": self._refused_register,
            "silent register": self._silent_register,
            "message": self._message,
            "refused message": self._refused_message,
            "silent message": self._silent_message,
            "call": self._call,
            "hang up": self._hang_up,
            "crash": lambda _: self.machine.crash(),
            "crash, kernel flushed": lambda _: self.machine.crash(flushed=True),
            "stop": lambda _: self.machine.stop(),
            "crash in haste": self._crash_in_haste,
            "takeover": self._takeover,
            "upgrade": lambda _: self.machine.upgrade(),
        }

    def perform(self, step: Step) -> None:
        """Have a step happen. AssertionError, or an error of the peers, if it goes otherwise."""
        self._acts[step.what](step)

    # -- looking

    def differences(self) -> list[str]:
        """Say what is not as it should be with kernel, store, memory and the phones' own SAs."""
        return self.machine.settle(self._wrong)

    def _wrong(self, memory: Memory) -> list[str]:
        """Hold the registrations against the script, and their SAs against the phones' own."""
        wanted = {name for member in self.members for name in self._names(member)}
        there = set(memory.holders)
        found = [f"{name} is registered, and should not be" for name in sorted(there - wanted)]
        found += [f"{name} should be registered, and is not" for name in sorted(wanted - there)]
        for member in self.members:
            if member.registered and not self._fits(member, memory):
                found.append(f"phone {member.number} has other current SAs than the P-CSCF for it")
        return found

    def _names(self, member: Member) -> Iterator[Name]:
        if member.registered:
            yield self._name(member, member.place)
        if member.ghost is not None:
            yield self._name(member, member.ghost)

    def _name(self, member: Member, place: int) -> Name:
        phone = self.phones[member.number]
        return phone.subscription.impi, self._at(member.number, place)[1]

    def _fits(self, member: Member, memory: Memory) -> bool:
        """Whether what the P-CSCF has as current is what the phone has."""
        phone = self.phones[member.number]
        holder = memory.holders.get(self._name(member, member.place))
        if holder is None or phone.current is None:
            return False
        own, peer = phone.current.own, phone.current.peer
        host, pcscf = phone.address, phone.pcscf.host
        ids = {SaId(host, own.spi_c), SaId(host, own.spi_s)}
        ids |= {SaId(pcscf, peer.spi_c), SaId(pcscf, peer.spi_s)}
        return any(one.stage == "current" and one.ids == ids for one in holder.sets)

    def probe(self, number: int) -> None:
        """See a phone served that is registered, and one that is not refused. AssertionError."""
        if self.members[number].registered:
            self._is_served(self.phones[number])
        elif number in self._left:
            self._is_refused(self.phones[number], self._left[number])

    def _is_served(self, phone: LastingPhone) -> None:
        """It writes to itself: both ways under the SAs that it has as its current ones."""
        before = len(phone.received)
        answer = phone.message(phone.identity)
        assert answer.status == 200, f"its MESSAGE got {answer.status}"
        came = phone.wait_for(lambda message: message.is_request, since=before)
        assert came_under(phone, came) is phone.current, "its MESSAGE came under other SAs"

    def _is_refused(self, phone: LastingPhone, binding: Binding) -> None:
        """The core still believes in it, and is told better."""
        target = phone.subscription.impus[0]
        headers = [("From", f"<{target}>;tag=1"), ("To", f"<{target}>"), ("CSeq", "1 MESSAGE")]
        headers.append(("Call-ID", self.core.new_id()))
        sent = self.core.send_along("MESSAGE", binding.uri, binding.path, headers=headers)
        status = self.core.finish(sent).status
        assert status in NOBODY, f"a MESSAGE to it got {status}"

    def let_go_of_the_past(self) -> None:
        """See that no phone was sent what breaks a rule of Gm, and forget what came so far."""
        for phone in self.phones:
            phone.let_go_of_the_past()

    # -- registration

    def _phone(self, member: Member) -> LastingPhone:
        _, address = self._at(member.number, member.place)
        return self._site.phone_of(
            LastingPhone,
            VERSIONS[member.place],
            address=address,
            instance=f"urn:uuid:00000000-0000-4000-8000-{member.number:012x}",
        )

    def _at(self, number: int, place: int) -> tuple[Addresses, str]:
        at = self._site.lab.addresses(VERSIONS[place])
        return at, at.phones[number * PLACES + place]

    def _register(self, step: Step) -> None:
        self.phones[step.who].register()

    def _reregister(self, step: Step) -> None:
        self.core.next.append(CHALLENGED)
        self.phones[step.who].register()

    def _refresh(self, step: Step) -> None:
        self.core.next.append(UNCHALLENGED)
        phone = self.phones[step.who]
        before = phone.current
        phone.register()
        assert phone.current is before

    def _late_register(self, step: Step) -> None:
        self.core.next.append(LATE)
        self.phones[step.who].register()

    def _deregister(self, step: Step) -> None:
        phone = self.phones[step.who]
        (self._left[step.who],) = self.core.bindings(phone.identity)
        phone.deregister()

    def _lapse(self, step: Step) -> None:
        phone = self.phones[step.who]
        phone.register(expires=1)
        (self._left[step.who],) = self.core.bindings(phone.identity)
        phone.restart()

    def _restart(self, step: Step) -> None:
        phone = self.phones[step.who]
        for talk in [talk for talk in self._talks if step.who in (talk.caller, talk.callee)]:
            self._talks.remove(talk)
            for number in (talk.caller, talk.callee):
                self.phones[number].leave(talk.side(number).dialog)
        at, address = self._at(step.who, step.number)
        phone.pcscf, phone.transport = Address(at.pcscf_gm, PORT), step.how
        phone.restart(address)

    def _challenged(self, phone: LastingPhone) -> None:
        self.core.next.append(CHALLENGED)
        phone.take_challenge(phone.sm1())

    def _abandon(self, step: Step) -> None:
        phone = self.phones[step.who]
        self._challenged(phone)
        if step.how == "installed":
            phone.install()
        phone.abandon()

    def _refused_register(self, step: Step) -> None:
        phone = self.phones[step.who]
        send = phone.sm1
        if step.how == "answered":
            self._challenged(phone)
            phone.install()
            send = phone.sm7
        self.core.next.append(Reaction(status=step.number))
        assert send().status in REFUSED
        phone.abandon()

    def _silent_register(self, step: Step) -> None:
        phone = self.phones[step.who]
        send = phone.send_sm1
        if step.how == "answered":
            self._challenged(phone)
            phone.install()
            send = phone.send_sm7
        with self._arriving("REGISTER"):
            self.core.next.append(DROP)
            send()
        phone.abandon()

    @contextlib.contextmanager
    def _arriving(self, method: str) -> Iterator[None]:
        """What is sent within the block arrives at the core."""
        before = self.core.seen[method]
        yield
        wait_until(lambda: self.core.seen[method] > before, f"a {method} at the core")

    # -- requests and calls

    def _message(self, step: Step) -> None:
        sender, other = self.phones[step.who], self.phones[step.other]
        status = sender.message(other.identity).status
        wanted = 200 if self.members[step.other].registered else 404
        assert status == wanted, f"the MESSAGE got {status}, not {wanted}"

    def _refused_message(self, step: Step) -> None:
        phone = self.phones[step.who]
        self.core.troubles.append(Reaction(status=step.number))
        assert phone.message(phone.identity).status in REFUSED

    def _silent_message(self, step: Step) -> None:
        phone = self.phones[step.who]
        with self._arriving("MESSAGE"):
            self.core.troubles.append(DROP)
            phone.start_request("MESSAGE", phone.identity, headers=[("Content-Type", "text/plain")])

    def _call(self, step: Step) -> None:
        caller, callee = self.phones[step.who], self.phones[step.other]
        call = caller.invite(callee.identity, caller.sdp)
        there = callee.wait_for_call()
        there.ring(180)
        call.wait(180)
        there.answer(200, callee.sdp)
        call.wait(200)
        there.wait_for_ack()
        self._talks.append(Talk(step.who, step.other, call, there))

    def _hang_up(self, step: Step) -> None:
        (talk,) = (talk for talk in self._talks if step.who in (talk.caller, talk.callee))
        other = talk.side(talk.caller + talk.callee - step.who)
        assert talk.side(step.who).bye().status == 200
        other.dialog.wait_for("BYE")
        self._talks.remove(talk)

    # -- restarts

    def _crash_in_haste(self, step: Step) -> None:
        """What was not written down is lost; then the phone is refused, and begins anew."""
        phone, member = self.phones[step.who], self.members[step.who]
        if any(step.who in (talk.caller, talk.callee) for talk in self._talks):
            self._hang_up(step)
        if step.how == "leaving":
            phone.deregister()
        else:
            phone.register()
        self.machine.crash()
        if not self._fits(member, self.machine.memory()):
            phone.restart()
            phone.register()

    def _takeover(self, step: Step) -> None:
        """What was under way is lost with the machine, and so are the phones' connections."""
        self.machine.take_over(step.how)
        for member, phone in zip(self.members, self.phones, strict=True):
            phone.leave_clear_connection()
            if member.registered:
                self._comes_back(phone)

    def _comes_back(self, phone: LastingPhone) -> None:
        """It writes until it is answered. Its connection may lead to a machine that is gone."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(NothingCameError, OSError):
                phone.message(phone.identity, timeout=1.0)
                return
            phone.connect_anew()
        raise AssertionError(f"phone {phone.address} is not served again")


@contextlib.contextmanager
def playing(members: list[Member], *, twins: bool = False) -> Iterator[Player]:
    """Build namespaces with one machine, or two, a core and phones; take all down at the end."""
    with TemporaryDirectory() as directory, ExitStack() as stack:
        site, made = (_two if twins else _one)(stack, len(members) * PLACES, Path(directory))
        assert isinstance(site.core, RoutingCore)
        yield Player(site, site.core, made, members)


def _one(stack: ExitStack, phones: int, directory: Path) -> tuple[Site, Machine]:
    lab = stack.enter_context(open_lab(phones))
    made = stack.enter_context(single(lab, directory))
    return stack.enter_context(open_site(lab, kind=RoutingCore)), made


def _two(stack: ExitStack, phones: int, directory: Path) -> tuple[Site, Machine]:
    pair = stack.enter_context(open_pair(phones))
    made = stack.enter_context(twins(pair, directory))
    return stack.enter_context(open_site(pair.one, kind=RoutingCore)), made
