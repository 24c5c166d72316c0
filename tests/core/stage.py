"""A stage for scripts of the core: one edge, a clock, a kernel that only counts, a core.

A test plays events and looks at what left: ``stage.to_core``, ``stage.to_phone``,
``stage.kernel``. Nothing sleeps; ``stage.wait`` moves the clock.

Whatever a test is about, the stage checks at every effect and after every event what
must always hold: see ``_check_send`` and ``check_tables``.
"""

import json
import re
from collections import Counter
from collections.abc import Container
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from pcscf.core import snapshot
from pcscf.core.edge import Edge
from pcscf.core.effects import (
    CloseFlow,
    Effect,
    ExtendSas,
    InstallSas,
    RemoveSas,
    Report,
    SendSip,
)
from pcscf.core.events import (
    DeadlineReached,
    Event,
    InstallFailed,
    PolicyChanged,
    Recalled,
    SendFailed,
    SipReceived,
)
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.ids import Ids
from pcscf.core.policy import EdgePolicy, GmAddress, HealthPolicy, NextHop, RegEventPolicy
from pcscf.core.sa_table import SaRow
from pcscf.core.sa_table import Stage as SaStage
from pcscf.core.state import Registration
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response, parse
from xfrm.algorithms import Suite
from xfrm.model import SaSet

if TYPE_CHECKING:
    from tests.core.phone import Phone

GM, GM6 = "198.51.100.5", "2001:db8:ff::5"
CORE_SIDE = Endpoint("203.0.113.5", 5060)
S_CSCF = Endpoint("203.0.113.9", 5060)
S_CSCF_2 = Endpoint("203.0.113.10", 5060)
UE, UE6 = "192.0.2.10", "2001:db8:1::10"
PORT_PS = 6100
PORTS_PC = range(6112, 6128)
REALM = "ims.mnc001.mcc001.3gppnetwork.org"
IMPI = f"001010123456789@{REALM}"
IMPU = f"sip:{IMPI}"
CK = "b40ba9a3c58b2a05bbf0d987b21bf8cb"
IK = "f769bcd751044604127672711c6d3441"
NONCE = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
AES = Suite("hmac-sha-1-96", "aes-cbc")
NULL = Suite("hmac-sha-1-96", "null")

POLICY = EdgePolicy(
    gm=(GmAddress(GM, 5060, PORT_PS, PORTS_PC), GmAddress(GM6, 5060, PORT_PS, PORTS_PC)),
    core=(CORE_SIDE, Endpoint("2001:db8:c::5", 5060)),
    next_hops=(NextHop(Transport.UDP, S_CSCF),),
    suites=(AES, NULL),
    visited_network="visited.example",
    reg_event=RegEventPolicy(enabled=False),  # its SUBSCRIBE would stand among all else
    health=HealthPolicy(interval=0),  # no OPTIONS among what a test looks at
)


LEGACY = Suite("hmac-md5-96", "des-ede3-cbc")
TWO_HOPS = (NextHop(Transport.UDP, S_CSCF), NextHop(Transport.UDP, S_CSCF_2))
SINCE = 1_800_000_000.0  # what makes the core's clock one of 1970
LATER = 77.0  # what that clock says in a process that begins anew
FROM_CORE = Flow(Transport.UDP, Side.CORE, CORE_SIDE, S_CSCF)
MAX_SETS = 3  # TS 33.203 7.1: six SAs each way for a contact


def digest(ck: str = CK, ik: str = IK, *, scheme: str = "WWW-Authenticate") -> str:
    """A challenge as the S-CSCF sends it."""
    return (
        f'{scheme}: Digest realm="{REALM}", nonce="{NONCE}", algorithm=AKAv1-MD5, '
        f'ck="{ck}", ik="{ik}", qop="auth"'
    )


class Stage:
    """One edge and everything around it."""

    def __init__(self, *, seed: int = 1, **policy: object) -> None:
        self.policy = replace(POLICY, **policy)  # type: ignore[arg-type]
        self.edge = Edge(self.policy, Ids(Random(seed).randbytes))
        self.now = 1000.0
        self.kernel: dict[SaSet, float] = {}  # installed sets, and when the kernel would drop them
        self.refuse_install = ""
        self.store: dict[str, str] = {}  # what would outlive the process, as JSON by token
        self._seed = seed
        self.edge.track_changes()
        self.log: list[Effect] = []
        self.secrets = {CK, IK}  # never in an effect's text
        self._core_call = 0
        self._asked_in_clear: set[bytes] = set()  # branches of requests that came in clear

    def play(self, event: Event) -> list[Effect]:
        """Hand in an event, carry its effects out; also those of a refused install."""
        if isinstance(event, SipReceived) and event.flow.side is Side.CLEAR:
            self._asked_in_clear.add(_branch(event.data))
        effects = self.edge.handle(event, self.now)
        for place, effect in enumerate(effects):
            failed = self._carry_out(effect)
            if failed is not None:
                del effects[place + 1 :]
                return effects + self.play(failed)
        self.check_tables()
        return effects

    def keeps(self) -> None:
        """Write down what has changed."""
        for token, values in self.edge.take_changes(SINCE).items():
            if values is None:
                self.store.pop(token, None)
            else:
                self.store[token] = json.dumps(values, allow_nan=False)

    def restarts(self, *, lost: Container[SaSet] = ()) -> None:
        """Let another process go on, with what was written down and the kernel's SAs.

        ``lost`` are sets that the kernel does not hold any more. Its clock has nothing to do
        with the old one's.
        """
        saved = {token: json.loads(text) for token, text in self.store.items()}
        sets = {sa_set for one in saved.values() for sa_set in snapshot.sa_sets(one)}
        self.kernel = {
            sa_set: end
            for sa_set, end in self.kernel.items()
            if sa_set in sets and sa_set not in lost
        }
        self._seed += 1
        since = SINCE + self.now - LATER
        self.kernel = {sa_set: end - self.now + LATER for sa_set, end in self.kernel.items()}
        self.now = LATER
        self.edge = Edge(self.policy, Ids(Random(self._seed).randbytes))
        self.edge.track_changes()
        self.play(Recalled(saved, frozenset(self.kernel), since))

    def decide(self, **policy: object) -> None:
        """Let the operator change the policy."""
        self.policy = replace(self.policy, **policy)  # type: ignore[arg-type]
        self.play(PolicyChanged(self.policy))

    def _carry_out(self, effect: Effect) -> InstallFailed | None:
        assert not any(secret in repr(effect) for secret in self.secrets)
        if isinstance(effect, Report):
            _check_report(effect)
        elif isinstance(effect, SendSip):
            self._check_send(effect)
        elif isinstance(effect, InstallSas):
            if self.refuse_install:
                return InstallFailed(effect.sa_set, self.refuse_install)
            assert effect.sa_set not in self.kernel
            self._check_unique(effect.sa_set)
            self.kernel[effect.sa_set] = self.now + effect.lifetime
        elif isinstance(effect, ExtendSas):
            assert effect.sa_set in self.kernel
            self.kernel[effect.sa_set] = self.now + effect.lifetime
        elif isinstance(effect, RemoveSas):
            self.kernel.pop(effect.sa_set, None)
        self.log.append(effect)
        return None

    def _check_unique(self, new: SaSet) -> None:
        """The kernel's own rule: destination and SPI name one SA."""
        held = {sa for sa_set in self.kernel for sa in sa_set.ids}
        assert held.isdisjoint(new.ids)
        assert len(set(new.ids)) == 4

    def _check_send(self, effect: SendSip) -> None:
        """Under SAs that are there, or in clear to whom asked or registered in clear."""
        flow = effect.flow
        if flow.side is Side.PROTECTED:
            assert any(_covers(sa_set, flow) for sa_set in self.kernel), effect
        elif flow.side is Side.CLEAR and _branch(effect.data) not in self._asked_in_clear:
            assert self.edge._context.registry.by_clear_flow(flow) is not None, effect

    @property
    def rows(self) -> list[SaRow]:
        return list(self.edge._context.sas)

    def check_tables(self) -> None:
        """The SA table says what the kernel holds; no contact has more than three sets."""
        rows = self.rows
        assert {row.sa_set for row in rows} == set(self.kernel)
        for row in rows:
            owner = row.owner
            if row.stage in {SaStage.CURRENT, SaStage.PREVIOUS}:
                assert isinstance(owner, Registration)
                assert row in owner.sets
            elif row.stage is SaStage.TEMPORARY:
                assert not isinstance(owner, Registration)
                assert owner.row is row
        sets = Counter((row.owner.impi, row.sa_set.ue, row.owner.phone.emergency) for row in rows)
        assert all(count <= MAX_SETS for count in sets.values()), sets

    def left_over(self) -> dict[str, int]:
        """What every table of the edge still holds, without the empty ones."""
        context, wire, intake = self.edge._context, self.edge._wire, self.edge._intake
        registry, registrar, life = context.registry, intake._registrar, intake._life
        held: dict[str, int] = {
            "registrations": len(registry),
            "users": len(registry._by_impi),
            "clear flows": len(registry._by_clear),
            "attempts": registry.attempts,
            "attempts by address": len(registry._attempts_at),
            "registers in clear": len(registrar._in_clear) + registrar._all_in_clear,
            "transactions": len(wire.servers) + len(wire.clients),
            "asked on connections": len(wire.clients._asked_on),
            "waits for hooks": len(wire.gate) + len(wire.gate._responses),
            "subscriptions": len(self.edge._reg_events),
            "watched": len(self.edge._liveness) + self.edge._liveness.silent,
            "dialogs": sum(len(one.dialogs) for one in registry._by_token.values()),
            "sa ports": len(context.sas._by_ports),
            "sas": len(context.sas._by_spi) + len(context.sas._by_peer),
            "sas by address": len(context.sas._at_host),
            "leaving": len(life._leaving),
            "owners with a deadline": context.deadlines._live,
            "kernel": len(self.kernel),
        }
        return {name: number for name, number in held.items() if number}

    def receive(self, flow: Flow, data: bytes) -> list[Effect]:
        return self.play(SipReceived(flow, data))

    def wait(self, seconds: float) -> None:
        """Let time pass, each deadline handed in when it comes."""
        end = self.now + seconds
        while (at := self.edge.next_deadline()) is not None and at <= end:
            self.now = max(self.now, at)
            self.play(DeadlineReached())
        self.now = end

    def _sent(self, *sides: Side) -> list[SendSip]:
        return [e for e in self.log if isinstance(e, SendSip) and e.flow.side in sides]

    @property
    def to_core(self) -> list[SendSip]:
        return self._sent(Side.CORE)

    @property
    def to_phone(self) -> list[SendSip]:
        return self._sent(Side.CLEAR, Side.PROTECTED)

    @property
    def reports(self) -> list[Report]:
        return [effect for effect in self.log if isinstance(effect, Report)]

    @property
    def closed(self) -> list[Flow]:
        return [effect.flow for effect in self.log if isinstance(effect, CloseFlow)]

    def last_to_core(self) -> Request:
        message = parse(self.to_core[-1].data)
        assert isinstance(message, Request)
        return message

    def last_to_phone(self) -> Response:
        message = parse(self.to_phone[-1].data)
        assert isinstance(message, Response)
        return message

    def send_fails(self, effect: SendSip, reason: str = "connection refused") -> None:
        """Let a message not leave."""
        self.play(SendFailed(effect.flow, effect.ref, reason))

    def token(self) -> str:
        """The user part of our Path in the last request that went to the core."""
        return NameAddr.parse(self.last_to_core().elements("path")[0]).sip_uri.user or ""

    def core_asks(
        self,
        token: str,
        *lines: str,
        method: str = "MESSAGE",
        uri: str = IMPU,
        to_tag: str = "",
    ) -> None:
        """Let the core send a request to a phone; with ``to_tag`` within a dialog."""
        self._core_call += 1
        number = self._core_call
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {S_CSCF};branch=z9hG4bKcore{number}",
            f"Route: <sip:{token}@{CORE_SIDE};lr>",
            "Max-Forwards: 60",
            "From: <sip:other@example.net>;tag=c1",
            f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: core-{number}",
            f"CSeq: 1 {method}",
            *lines,
            "Content-Length: 0",
        ]
        self.receive(FROM_CORE, ("\r\n".join(head) + "\r\n\r\n").encode())

    def last_answer_to_core(self) -> Response:
        message = parse(self.to_core[-1].data)
        assert isinstance(message, Response)
        return message

    def last_asked_of_phone(self) -> Request:
        message = parse(self.to_phone[-1].data)
        assert isinstance(message, Request)
        return message

    def core_says(self, request: Request, status: int, *lines: str, body: bytes = b"") -> None:
        """Let the core answer a request it got from us."""
        head = [f"SIP/2.0 {status} X"]
        head += [
            line
            for name in ("via", "from", "to", "call-id", "cseq")
            for line in request.lines(name)
        ]
        head += [*lines, f"Content-Length: {len(body)}", "", ""]
        self.receive(FROM_CORE, "\r\n".join(head).encode("utf-8", "surrogateescape") + body)

    def challenge(self, request: Request | None = None, *, ck: str = CK, ik: str = IK) -> Response:
        """Let the core challenge the last REGISTER; give what the phone got."""
        request = request or self.last_to_core()
        self.secrets |= {ck, ik}
        self.core_says(request, 401, digest(ck, ik))
        return self.last_to_phone()

    def accept_answer_of(self, phone: "Phone") -> Response:
        """SM7 to SM12."""
        phone.says(phone.answer())
        return self.accept()

    def core_refuses(self, status: int) -> int:
        """Let the core refuse the last request; give the status the phone got."""
        self.core_says(self.last_to_core(), status)
        return self.last_to_phone().status

    def accept_silently(self, request: Request) -> None:
        """Let the core accept a REGISTER whose answer may not reach the phone."""
        contacts = [f"Contact: <{contact.uri}>;expires=600" for contact in request.contacts]
        self.core_says(request, 200, *contacts)

    def accept(self, request: Request | None = None, *, expires: int | None = 600) -> Response:
        """Let the core accept the last REGISTER."""
        request = request or self.last_to_core()
        contacts = [
            f"Contact: <{c.uri}>;expires={expires}" for c in request.contacts if c.uri != "*"
        ]
        self.core_says(
            request,
            200,
            *(contacts if expires else []),
            "Service-Route: <sip:orig@203.0.113.9:5060;lr>",
            f"P-Associated-URI: <{request.to.uri}>, <tel:+491701234567>",
            "P-Charging-Vector: icid-value=secret",
        )
        return self.last_to_phone()


def _check_report(report: Report) -> None:
    """Who names a user names the phone too, but where all phones of a user are meant."""
    about_a_user = report.event.startswith("reg_event_")
    assert about_a_user or "impi" not in report.fields or report.fields.get("ue"), report


def _branch(data: bytes) -> bytes:
    """Read the first branch off a message, however broken it is."""
    found = re.search(rb";branch=([^;,\s]*)", data)
    return found[1] if found else b""


def _covers(sa_set: SaSet, flow: Flow) -> bool:
    """Whether the kernel finds an outbound SA of this set for a packet of the flow."""
    pairs = {(sa_set.port_pc, sa_set.port_us), (sa_set.port_ps, sa_set.port_uc)}
    ends = (flow.local.host, flow.remote.host)
    return ends == (sa_set.pcscf, sa_set.ue) and (flow.local.port, flow.remote.port) in pairs
