"""REGISTER from a phone: who it is, what it came under, and what to do with it (TS 24.229 5.2.2).

A REGISTER in clear or under a confirmed SA set may lead to a challenge
(``challenge``); one under a temporary set answers a challenge. What the core
accepts is entered by ``confirmation``.
"""

from collections import Counter

from pcscf.core import agreement, rewrite
from pcscf.core.agreement import Offer
from pcscf.core.challenge import Challenges
from pcscf.core.confirmation import Confirmations
from pcscf.core.flow import Side
from pcscf.core.guard import Guard
from pcscf.core.offence import Offence
from pcscf.core.policy import SecAgree
from pcscf.core.register_request import (
    RegisterRelay,
    authorization,
    phone_of,
    policy_for,
    report_rejected,
)
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.source import source
from pcscf.core.state import Attempt, Phone, Registration, Under, attempt_key
from pcscf.core.verification import Verification
from pcscf.core.wire import Wire
from pcscf.errors import SipError
from pcscf.sip.message import Request, Response
from xfrm.model import SelectorMode

_FORBIDDEN = "Forbidden"
_LONGEST_IMPU = 256  # in a report


class Registrar:
    """Takes REGISTER requests of phones and the core's answers to them."""

    def __init__(
        self,
        wire: Wire,
        challenges: Challenges,
        confirmations: Confirmations,
        guard: Guard,
        verification: Verification,
    ) -> None:
        self._wire = wire
        self._guard = guard
        self._verification = verification
        self._context = wire.context
        self._challenges = challenges
        self._confirmations = confirmations
        self._in_clear: Counter[str] = Counter()  # unprotected REGISTERs at the core, by source
        self._all_in_clear = 0

    def on_register(self, server: ServerTransaction) -> None:
        """Take a REGISTER. Raises SipError for what is answered with a failure."""
        phone = phone_of(server.request, server.flow)
        self._context.report(
            "debug",
            "register_received",
            server.request,
            impi=phone.impi,
            impu=server.request.to.sip_uri.aor()[:_LONGEST_IMPU],
            ue=phone.host,
            side=server.flow.side,
        )
        try:
            if server.flow.side is Side.CLEAR:
                self._from_clear(server, phone)
            elif server.row is not None:
                self._from_sa(server, server.row, phone)
        except SipError as error:
            report_rejected(self._context, server.request, phone, error)
            raise

    # --- in clear (SM1) ---

    def _from_clear(self, server: ServerTransaction, phone: Phone) -> None:
        self._check_room(phone)
        offer = self._offer_in_clear(server, phone)
        self._abort_if_rejected_by_phone(server.request, phone)
        relay = RegisterRelay(self._wire, server, phone, self._token(phone), self)
        self._forward(relay, "no", offer=offer)

    def _token(self, phone: Phone) -> str:
        """Keep a phone's Path token while it stays where it is."""
        known = self._context.registry.find(phone)
        if known is not None and known.phone.host == phone.host:
            return known.token
        return self._context.ids.token()

    def _check_room(self, phone: Phone) -> None:
        """Bound what a stranger can make us hold; who is on the way out takes nobody in."""
        policy, registry = self._context.policy, self._context.registry
        if self._context.draining and registry.find(phone) is None and not phone.emergency:
            raise SipError(503, "Service Unavailable")
        if self._all_in_clear + registry.attempts >= policy.max_pending:
            raise SipError(503, "Too many registrations in progress")
        if (
            self._in_clear[source(phone.host)] + registry.attempts_at(phone.host)
            >= policy.max_pending_per_source
        ):
            raise SipError(503, "Too many registrations in progress from this address")
        if registry.find(phone) is not None:
            return
        if len(registry) >= policy.max_registrations:
            raise SipError(503, "Too many registered phones")
        if len(registry.of_user(phone.impi)) >= policy.max_contacts_per_user:
            raise SipError(403, "Too many contacts of this user")

    def _offer_in_clear(self, server: ServerTransaction, phone: Phone) -> Offer | None:
        """Read the offer as the source's policy wants it; None means: go on without IPsec."""
        mode = policy_for(self._context.policy, phone.host)
        if mode is SecAgree.OFF:
            return None
        offer = self._read_offer(server.request)
        if offer is None and mode is SecAgree.PREFER:
            return None
        if len(server.request.elements("via")) > 1:
            raise SipError(502, "Bad Gateway")  # RFC 3329 2.3.2: we are not its first hop
        if offer is None:
            if "security-client" not in server.request:
                raise SipError(421, "Extension Required")
            raise SipError(494, "Security Agreement Required")
        self._challenges.check_free(phone, offer, server.flow.local.host)
        if self._context.policy.selectors is SelectorMode.TOLERANT and self._context.sas.others_at(
            phone.host, phone.impi
        ):
            # Only ports would tell the two users apart, and tolerant selectors let ports vary.
            raise SipError(403, "Address in use by another user")
        return offer

    def _read_offer(self, request: Request) -> Offer | None:
        policy = self._context.policy
        return agreement.read_offer(
            request.values("security-client"),
            policy.suites,
            null_without_ealg=policy.null_without_ealg,
        )

    def _abort_if_rejected_by_phone(self, request: Request, phone: Phone) -> None:
        """A phone that refuses our challenge says so; its new SAs go (TS 33.203 7.3.1)."""
        attempt = self._context.registry.attempt(attempt_key(phone))
        credentials = authorization(request)
        refused = bool(credentials.get("nonce")) and (
            "auts" in credentials or not credentials.get("response")
        )
        if attempt is not None and refused:
            self._context.report(
                "info",
                "challenge_refused",
                request,
                impi=phone.impi,
                ue=phone.host,
                resync=int("auts" in credentials),
            )
            self._challenges.abort(attempt)

    # --- under an SA ---

    def _from_sa(self, server: ServerTransaction, row: SaRow, phone: Phone) -> None:
        if phone.impi != row.owner.impi:
            # TS 24.229 5.2.2: the identity must be the one the SA was made for.
            self._context.report(
                "warning",
                "foreign_identity",
                server.request,
                impi=phone.impi,
                ue=phone.host,
                owner=row.owner.impi,
            )
            self._guard.note(phone.host, Offence.FOREIGN_IDENTITY)
            raise SipError(403, _FORBIDDEN)
        self._check_source(server)
        if isinstance(row.owner, Attempt):
            self._answer_to_challenge(server, row.owner, row)
        elif row.stage is Stage.LEAVING:
            raise SipError(403, _FORBIDDEN)
        else:
            self._renewal(server, row.owner, row, phone)

    def _check_source(self, server: ServerTransaction) -> None:
        """TS 33.203 7.1: the packet's source is the address in Via. A name binds nobody."""
        host = server.request.via.host
        if not rewrite.same_host(host, server.flow.remote.host) and not rewrite.is_name(host):
            raise SipError(403, "Via names another address")

    def _answer_to_challenge(self, server: ServerTransaction, attempt: Attempt, row: SaRow) -> None:
        """SM7: both lists must be what they were (TS 33.203 Annex H)."""
        request = server.request
        if row.stage is not Stage.TEMPORARY:
            raise SipError(403, _FORBIDDEN)
        verified = self._verification.is_mirrored(request, row)
        repeated = agreement.same_list(request.values("security-client"), attempt.offer.lines)
        if not (verified and repeated):
            header = "security-client" if verified else "security-verify"
            self._verification.refuse(server, row, header)
            self._challenges.end(attempt)
            return
        answered = bool(authorization(request).get("response"))
        relay = RegisterRelay(self._wire, server, attempt.phone, attempt.token, self)
        self._forward(relay, "yes" if answered else "no", attempt=attempt)

    def _renewal(
        self, server: ServerTransaction, registration: Registration, row: SaRow, phone: Phone
    ) -> None:
        """A REGISTER under a confirmed set; a new offer in it serves if the core challenges."""
        request = server.request
        if not self._verification.holds(request, row):
            self._verification.refuse(server, row, "security-verify")
            return
        self._abort_if_rejected_by_phone(request, phone)
        if phone.emergency is not registration.phone.emergency:
            self._beside(server, phone)
            return
        # TS 33.203 7.2: a challenge is answered under its own SAs, or its answer proves nothing.
        latest = row is registration.current and not self._answers_pending(request, phone)
        protected = "yes" if latest else "no"
        relay = RegisterRelay(self._wire, server, phone, registration.token, self)
        under = Under(registration, row)
        self._forward(relay, protected, offer=self._read_offer(request), under=under)

    def _answers_pending(self, request: Request, phone: Phone) -> bool:
        """Whether the response in a REGISTER is to the challenge whose set is temporary yet."""
        attempt = self._context.registry.attempt(attempt_key(phone))
        nonce = authorization(request).get("nonce")
        return attempt is not None and bool(nonce) and str(nonce) in attempt.challenge

    def _beside(self, server: ServerTransaction, phone: Phone) -> None:
        """An emergency registration stands beside the other, with its own SAs (TS 33.203 6.1.0)."""
        self._check_room(phone)
        offer = self._read_offer(server.request)
        if offer is None:
            raise SipError(421, "Extension Required")
        self._challenges.check_free(phone, offer, server.flow.local.host)
        relay = RegisterRelay(self._wire, server, phone, self._token(phone), self)
        self._forward(relay, "no", offer=offer)

    # --- to the core and back ---

    def _forward(
        self,
        relay: RegisterRelay,
        protected: str,
        *,
        offer: Offer | None = None,
        under: Under | None = None,
        attempt: Attempt | None = None,
    ) -> None:
        relay.offer, relay.under, relay.attempt = offer, under, attempt
        rewrite.register_upward(
            self._context, relay.request, token=relay.token, protected=protected
        )
        if relay.server.flow.side is Side.CLEAR:
            self._all_in_clear += 1
            self._in_clear[source(relay.phone.host)] += 1
        known = (
            under.registration if under is not None else self._context.registry.find(relay.phone)
        )
        last = known.hop if known is not None else None
        relay.start(self._wire.next_hops.entry_points, last)

    def on_ended(self, relay: RegisterRelay) -> None:
        """Count out a REGISTER that came in clear."""
        if relay.server.flow.side is Side.CLEAR:
            name = source(relay.phone.host)
            self._all_in_clear -= 1
            self._in_clear[name] -= 1
            if not self._in_clear[name]:
                del self._in_clear[name]

    def on_final(self, relay: RegisterRelay, response: Response) -> None:
        """Take the core's final answer."""
        if response.status in (401, 407):
            self._challenges.on_challenge(relay, response)
        elif response.status < 300:
            self._confirmations.on_success(relay, response)
        else:
            self._on_failure(relay, response)

    def _on_failure(self, relay: RegisterRelay, response: Response) -> None:
        """Failure goes out under what the REGISTER came under; the temporary set ends with it."""
        self._context.report(
            "info",
            "registration_refused",
            relay.server.request,
            impi=relay.phone.impi,
            ue=relay.phone.host,
            status=response.status,
            answered=int(relay.attempt is not None),
        )
        if response.status < 500:
            self._guard.note(relay.phone.host, Offence.REFUSED)
        rewrite.response_downward(response)
        self._wire.answer(relay.server, response)
        if relay.attempt is not None:
            self._challenges.end(relay.attempt)
