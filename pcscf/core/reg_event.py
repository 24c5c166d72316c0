"""The P-CSCF's own subscription to its users' registration state (TS 24.229 5.2.3, RFC 3680).

A user has one, whatever the number of phones: the registrar tells of all contacts of the
identities that are registered together. It ends with the user's last registration, without
a word to the core, which ends it on its side by then; a NOTIFY that still comes gets a 481.
Whatever becomes of it, registrations stay as they are.
"""

from math import ceil, inf
from typing import Protocol

from pcscf.core.context import Context
from pcscf.core.own_request import Sender
from pcscf.core.policy import RegEventRoute
from pcscf.core.reg_changes import Drop, Farewell, RegChanges
from pcscf.core.state import Registration
from pcscf.core.subscription import EVENT, SOONEST, Subscription
from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response
from pcscf.sip.reginfo import CONTENT_TYPE, RegInfo
from pcscf.sip.subscription import SubscriptionState, delta_seconds, event_package
from pcscf.sip.uri import SipUri

_LONGEST = 2**31  # seconds
# RFC 6665 4.1.2.2: a refresh that is answered so ends the subscription.
_OVER = {404, 405, 410, 416, *range(480, 486), 489, 501, 604}
_RENEWED = {408, 481}  # then another one may do
# RFC 6665 4.1.3: not to be tried again; to be tried at once, whatever Retry-After says.
_FINAL_REASONS = {"rejected", "noresource", "invariant"}
_PASSING_REASONS = {"deactivated", "timeout"}


class Ask(Protocol):
    """Sends a request to the core and tells ``sender`` what comes of it, in any case.

    ``towards`` is the URI of the element that it goes to; None: the entry points in their
    order, as REGISTER goes. Via is not there yet.
    """

    def __call__(self, request: Request, sender: Sender, towards: str | None) -> None:
        """Send."""


class _Subscriber:
    """Who sent one SUBSCRIBE."""

    __slots__ = ("_events", "_subscription")

    def __init__(self, events: "RegEvents", subscription: Subscription) -> None:
        self._events = events
        self._subscription = subscription

    def on_response(self, response: Response) -> None:
        """Take the final response."""
        if response.status >= 200:
            self._events.on_answer(self._subscription, response)

    def may_send_again(self) -> bool:
        """Not once nobody wants to know any more."""
        return self._events.holds(self._subscription)

    def on_no_answer(self, _reason: str) -> None:
        """RFC 3261 8.1.3.1: as if it were a 408."""
        self._events.on_refused(self._subscription, 408)


class RegEvents:
    """Subscribes for registered users, keeps it up, and acts on what it is told."""

    def __init__(self, context: Context, ask: Ask, drop: Drop) -> None:
        self._context = context
        self._ask = ask
        self._changes = RegChanges(context, drop)
        self._by_user: dict[str, Subscription] = {}
        self._by_token: dict[str, Subscription] = {}

    def __len__(self) -> int:
        """How many entries all tables have; none once every registration is gone."""
        return len(self._by_user) + len(self._by_token) + len(self._changes)

    def holds(self, subscription: Subscription) -> bool:
        """Whether this is its user's subscription at present."""
        return self._by_user.get(subscription.impi) is subscription

    # --- registrations come and go ---

    def on_registered(self, registration: Registration) -> None:
        """Take note of a 200 to a REGISTER, once it has left: subscribe if there is need."""
        self._changes.forget(registration)
        if registration.phone.emergency or not self._context.policy.reg_event.enabled:
            return
        known = self._by_user.get(registration.impi)
        if known is None:
            self._subscribe(registration.impi, self._context.now)
        elif known.remote_tag:
            self._review(known)

    def on_policy(self) -> None:
        """End all subscriptions if there are to be none; a NOTIFY that still comes gets 481.

        The other way round each user's next REGISTER brings one: no storm of SUBSCRIBEs.
        """
        if not self._context.policy.reg_event.enabled:
            for known in list(self._by_user.values()):
                self._end(known)

    def _review(self, known: Subscription) -> None:
        """Ask for the whole state where there are other identities now, and for the right one."""
        identities = self._identities(known.impi)
        if known.resource not in map(_uri_of, identities):
            self._renew(known, self._context.now)
        elif known.identities != hash(identities):
            known.identities = hash(identities)
            known.review_soon(self._context.now)
            self._schedule(known)

    def on_removed(self, registration: Registration) -> None:
        """Take note that a registration is gone; with the user's last one goes the subscription."""
        self._changes.forget(registration)
        known = self._by_user.get(registration.impi)
        others = self._context.registry.of_user(registration.impi)
        if known is not None and not any(
            one is not registration and not one.phone.emergency for one in others
        ):
            self._end(known)

    def _served(self, impi: str) -> list[Registration]:
        """Give the user's registrations that it is about: emergency ones are nobody's resource."""
        registrations = self._context.registry.of_user(impi)
        return [one for one in registrations if one.bindings and not one.phone.emergency]

    def _identities(self, impi: str) -> tuple[str, ...]:
        """Give the registered identities, the default one first; each once."""
        texts = (text for one in self._served(impi) for text in one.identities)
        return tuple(dict.fromkeys(texts))

    # --- SUBSCRIBE ---

    def _subscribe(self, impi: str, at: float) -> None:
        """Subscribe anew, now or later. Without anything registered there is no need any more."""
        identities = self._identities(impi)
        if not identities:
            return
        ids = self._context.ids
        known = Subscription(impi, _uri_of(identities[0]), ids.token(), ids.tag())
        self._by_user[impi] = self._by_token[known.token] = known
        known.refresh_at = at
        if at <= self._context.now:
            self._send(known)
        self._schedule(known)

    def _renew(self, known: Subscription, at: float) -> None:
        """Have another subscription in this one's place: new Call-ID, new tags."""
        self._end(known)
        self._subscribe(known.impi, at)

    def _end(self, known: Subscription) -> None:
        self._context.deadlines.cancel(known)
        del self._by_user[known.impi], self._by_token[known.token]

    def _send(self, known: Subscription) -> None:
        registrations = self._served(known.impi)
        last = max(binding.expires for one in registrations for binding in one.bindings)
        expires = last - self._context.now + self._context.policy.reg_event.expires_margin
        request = known.next_request(self._context, min(ceil(expires), _LONGEST))
        route = known.route if known.remote_tag else self._first_route(registrations[0])
        for element in route:
            request.append("route", element)
        known.identities = hash(self._identities(known.impi))
        towards = _uri_of(route[0]) if route else known.remote_target or None
        self._ask(request, _Subscriber(self, known), towards)

    def _first_route(self, registration: Registration) -> tuple[str, ...]:
        if self._context.policy.reg_event.route is RegEventRoute.ENTRY_POINT:
            return ()
        return registration.bindings[0].service_route

    def on_answer(self, known: Subscription, response: Response) -> None:
        """Take the final response to a SUBSCRIBE."""
        if response.status >= 300:
            self.on_refused(known, response.status, delta_seconds(response.get("retry-after")))
        elif self.holds(known):
            self._accept(known, response)

    def _accept(self, known: Subscription, response: Response) -> None:
        known.asking, known.reported = False, False
        known.on_accepted(response)
        seconds = delta_seconds(response.get("expires"))
        known.lasts(known.expires if seconds is None else seconds, self._context.now)
        if not known.notified:
            # Timer N (RFC 6665 4.1.2.4), from here: entry points may have been tried in turn.
            known.notify_by = self._context.now + self._context.policy.core_timers.transaction
        self._context.report("debug", "reg_event_subscribed", impi=known.impi)
        self._schedule(known)

    def on_refused(self, known: Subscription, status: int, retry_after: int | None = None) -> None:
        """A SUBSCRIBE failed. Nobody is asked again unasked, but as RFC 6665 4.1.2.2 has it."""
        if not self.holds(known):
            return
        known.asking = False
        self._report_once(known, "reg_event_refused", status)
        if status == 503 and retry_after is not None:
            known.refresh_at = self._context.now + max(retry_after, SOONEST)
            self._schedule(known)
        elif known.remote_tag and status in _RENEWED:
            self._renew(known, self._context.now)
        elif not known.remote_tag or status in _OVER:
            self._end(known)  # until the next REGISTER
        else:
            known.refresh_at = inf  # it is valid for the time that it has
            self._schedule(known)

    def _report_once(self, known: Subscription, event: str, status: int | str) -> None:
        if not known.reported:
            self._context.report("warning", event, impi=known.impi, reason=status)
        known.reported = True

    # --- time ---

    def _schedule(self, known: Subscription) -> None:
        if not self.holds(known):  # asking failed at once
            return
        if known.due == inf:
            self._context.deadlines.cancel(known)
        else:
            self._context.deadlines.set(known, known.due)

    def on_deadline(self, owner: Subscription | Farewell) -> None:
        """Act on the deadline of one of ours."""
        if isinstance(owner, Farewell):
            self._changes.on_deadline(owner)
            return
        now = self._context.now
        if now >= min(owner.ends_at, owner.notify_by):
            self._report_once(owner, "reg_event_lost", "no answer")
            self._end(owner)
        elif not self._served(owner.impi):
            self._end(owner)
        else:
            self._send(owner)
            self._schedule(owner)

    # --- NOTIFY ---

    def on_notify(self, request: Request) -> int:
        """Take a NOTIFY of the core that is for us; give the status to answer it with.

        481 where it belongs to no subscription, 489 for another event package.
        """
        try:
            return self._notified(request)
        except SipError as error:
            return error.status

    def _notified(self, request: Request) -> int:
        if event_package(request.get("event")) != EVENT:
            return 489
        known = self._by_token.get(SipUri.parse(request.uri).user or "")
        if known is None or not known.is_of(request):
            return 481
        if request.cseq.number < known.remote_cseq:
            return 500  # RFC 3261 12.2.2
        if request.cseq.number == known.remote_cseq:
            return 200  # the same one, by another way
        state = SubscriptionState.parse(request.required("subscription-state"))
        known.on_notify(request)
        status = self._read(known, request)
        self._follow(known, state)
        return status

    def _read(self, known: Subscription, request: Request) -> int:
        if not request.body:
            return 200
        content_type = (request.get("content-type") or "").partition(";")[0]
        if content_type.strip().lower() != CONTENT_TYPE:
            return 415
        try:
            info = RegInfo.parse(request.body)
        except ParseError as error:
            self._context.report(
                "warning", "reg_event_unreadable", request, impi=known.impi, reason=error.reason
            )
            return error.status
        if known.takes(info, self._context.now):
            self._changes.apply(known.impi, info)
        return 200

    def _follow(self, known: Subscription, state: SubscriptionState) -> None:
        """Take what the core says of the subscription itself (RFC 6665 4.1.3)."""
        now = self._context.now
        if state.state == "terminated":
            if state.reason in _FINAL_REASONS:
                self._report_once(known, "reg_event_terminated", state.reason)
                self._end(known)
            else:
                wait = 0 if state.reason in _PASSING_REASONS else state.retry_after or 0
                self._renew(known, max(now + wait, known.asked_at + SOONEST))
            return
        if state.expires is not None:
            known.lasts(state.expires, now)
        self._schedule(known)

    # --- the phone's own NOTIFY ---

    def awaits_notify(self, registration: Registration) -> bool:
        """Whether a registration without bindings has SAs left for its phone's NOTIFY alone."""
        return self._changes.awaits_notify(registration)

    def on_relayed_notify(self, registration: Registration, request: Request) -> None:
        """Take note that the phone answered a NOTIFY of the package reg."""
        self._changes.on_relayed_notify(registration, request)


def _uri_of(text: str) -> str:
    try:
        return NameAddr.parse(text).uri
    except ParseError:
        return text.strip("<>")
