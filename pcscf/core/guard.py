"""The guard: who floods, scans or overloads us is limited, blocked or told to come later.

Blocks and rates of sources concern the unprotected port alone: under SAs a source
proves who it is, and the limit is the user's. A phone that registered in clear, as
policy allowed, counts as such a user where it registered from.
"""

from ipaddress import ip_address

from pcscf.core.blocks import Block, Blocked, Blocks
from pcscf.core.context import Context
from pcscf.core.flow import Flow, Side
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.meter import Meters
from pcscf.core.networks import Networks
from pcscf.core.offence import WEIGHT, Offence
from pcscf.core.overload import Load, Overload
from pcscf.core.source import source
from pcscf.core.state import Attempt, Registration
from pcscf.errors import SipError
from pcscf.sip.message import Request

# Bursts by which a source is ahead of its rate: an answer to each message of a flood would
# make us a flood's amplifier, and who does not slow down in silence either is no phone.
_SILENCE, _BLOCK = 2, 10
_FLOOD = "flood"
_NEVER_INITIAL = frozenset({"REGISTER", "ACK", "CANCEL"})


class Guard:
    """What may come in; what was kept out is counted in ``Context.counters``."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._take_words(context.policy.guard)
        policy = context.policy.guard
        self._messages = Meters(policy.source_rate, policy.max_sources)
        self._requests = Meters(policy.user_rate, context.policy.max_registrations)
        self._points = Meters(policy.points_fade, policy.max_sources)
        self._blocks = Blocks(context)
        self._overload = Overload(context)

    def _take_words(self, policy: GuardPolicy) -> None:
        self._policy = policy
        self._trusted = Networks(policy.trusted)
        self._barred = Networks(policy.blocked) if policy.blocked else None
        self._agents = tuple(word.lower() for word in policy.user_agents)
        self._silent_above = _SILENCE * policy.source_burst

    def on_policy(self) -> None:
        """Go by other rates and ranges; what is counted and who is blocked stays."""
        context, policy = self._context, self._context.policy.guard
        self._take_words(policy)
        self._messages.change(policy.source_rate, policy.max_sources, context.now)
        self._requests.change(policy.user_rate, context.policy.max_registrations, context.now)
        self._points.change(policy.points_fade, policy.max_sources, context.now)

    # --- before a message is read ---

    def admits(self, flow: Flow) -> bool:
        """Count a message in clear. False: drop it unread and unanswered."""
        if flow.side is not Side.CLEAR:
            return True
        host = flow.remote.host
        name = source(host)
        if name in self._blocks.in_force or (self._barred is not None and host in self._barred):
            return self._keep_out(flow, "guard_dropped_blocked")
        level = self._messages.add(name, self._context.now)
        if level <= self._silent_above:
            return True
        return self._on_flood(flow, name, level)

    def _on_flood(self, flow: Flow, name: str, level: float) -> bool:
        if self._is_exempt(flow):
            return True
        if level > _BLOCK * self._policy.source_burst:
            self._messages.forget(name)
            self._blocks.add(name, _FLOOD)
        return self._keep_out(flow, "guard_dropped_flood")

    def _keep_out(self, flow: Flow, what: str) -> bool:
        if self._is_exempt(flow):
            return True
        self._context.count(what)
        return False

    def _is_exempt(self, flow: Flow) -> bool:
        """Whether the operator trusts this address, or a phone registered in clear from it."""
        return (
            flow.remote.host in self._trusted
            or self._context.registry.by_clear_flow(flow) is not None
        )

    # --- requests ---

    def admits_request(self, request: Request, flow: Flow) -> bool:
        """Look at who a request in clear says it is from. False: a scanner; do not answer."""
        if flow.side is not Side.CLEAR:
            return True
        agent = (request.get("user-agent") or "").lower()
        if not any(word in agent for word in self._agents) or self._is_exempt(flow):
            return True
        self.note(flow.remote.host, Offence.SCANNER)
        return False

    def check_source(self, flow: Flow) -> None:
        """Raise SipError 503 if a request in clear is from a source that is above its rate."""
        name = source(flow.remote.host)
        level = self._messages.level(name, self._context.now)
        if level > self._policy.source_burst and not self._is_exempt(flow):
            raise self._later("guard_refused_source", "Too Many Requests")

    def check_user(self, user: Registration | Attempt) -> None:
        """Count a request of a registered user; raise SipError 503 if there are too many.

        Not to be asked about an ACK, which nobody answers, nor about emergencies.
        """
        if user.phone.host in self._trusted:
            return
        if self._requests.add(user.impi, self._context.now) > self._policy.user_burst:
            raise self._later("guard_refused_user", "Too Many Requests")

    def check_load(self, request: Request, flow: Flow, *, emergency: bool) -> None:
        """Raise SipError 503 for what we do not take on under the load that there is.

        First go the requests of strangers, then those of phones that begin something new.
        A REGISTER under SAs is not new: refusing it costs more than taking it.
        """
        state = self._overload.state
        if state is Load.NORMAL or emergency or flow.side is Side.CORE:
            return
        if flow.side is Side.CLEAR and self._context.registry.by_clear_flow(flow) is None:
            refused = request.method != "ACK"
        else:
            refused = state is Load.SEVERE and _is_initial(request)
        if refused:
            raise self._later("guard_refused_load", "Service Unavailable")

    def _later(self, what: str, reason: str) -> SipError:
        """Answer 503; phones that were refused together do not come back together."""
        self._context.count(what)
        policy = self._policy
        seconds = self._context.ids.between(policy.retry_after_min, policy.retry_after_max)
        return SipError(503, reason, (("retry-after", str(seconds)),))

    # --- what went wrong, load, time ---

    def note(self, host: str, offence: Offence) -> None:
        """Hold an offence against the source of an address; many in a short time block it."""
        self._context.count(f"guard_{offence}")
        name = source(host)
        if name in self._blocks.in_force or host in self._trusted:
            return
        points = self._points.add(name, self._context.now, WEIGHT[offence])
        if points > self._policy.block_points:
            self._points.forget(name)
            self._blocks.add(name, offence)

    def on_load(self, lag: float) -> None:
        """Take what the event loop is late by, in seconds."""
        self._overload.on_measured(lag)

    def on_deadline(self, block: Block) -> None:
        """End a block, or the memory of it."""
        self._blocks.on_deadline(block)

    # --- for the operator ---

    def blocked(self) -> list[Blocked]:
        """List what is blocked now; ranges of the settings, blocked for good, are not in it."""
        return [
            Blocked(block.source, block.until, block.reason)
            for block in self._blocks.in_force.values()
        ]

    def block(self, host: str, seconds: float, reason: str) -> None:
        """Block the source of an address. ValueError if it is none, or is trusted."""
        name = _named(host)
        if _address(host) in self._trusted:
            raise ValueError(f"{host} is trusted by the settings")
        self._blocks.add(name, reason, seconds)

    def unblock(self, host: str) -> bool:
        """Let the source of an address free. False: it was not blocked. ValueError: no address."""
        return self._blocks.remove(_named(host))


def _is_initial(request: Request) -> bool:
    """Whether a request is outside all dialogs and transactions."""
    return request.method not in _NEVER_INITIAL and request.to.tag is None


def _address(text: str) -> str:
    """Read an address, or a source's name, as the kernel prints addresses."""
    host = text.removesuffix("/64") if ":" in text else text
    return str(ip_address(host))


def _named(text: str) -> str:
    return source(_address(text))
