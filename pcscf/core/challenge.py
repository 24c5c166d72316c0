"""The core's challenge: keys out, SA set in, only then the 401 (TS 33.203 7.2, SM5 and SM6)."""

from pcscf.core import agreement, rewrite
from pcscf.core.agreement import Offer
from pcscf.core.register_request import RegisterRelay
from pcscf.core.sa_life import SaLife
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Attempt, Phone, attempt_key
from pcscf.core.wire import Wire
from pcscf.errors import SipError
from pcscf.sip.message import Request, Response
from xfrm.model import AkaKeys


class Challenges:
    """Turns a challenge into an attempt with a temporary SA set, and ends attempts."""

    def __init__(self, wire: Wire, life: SaLife) -> None:
        self._wire = wire
        self._context = wire.context
        self._life = life
        self._challenged: ServerTransaction | None = None  # whose 401 waits for the kernel

    def check_free(self, phone: Phone, offer: Offer, pcscf: str) -> SaRow | None:
        """Give the set that must go before this offer can be used, if there is one.

        Raises SipError 400 where a port or SPI belongs to a live set (TS 33.203 7.1) that
        cannot be replaced: the phone's own temporary set can, and one that is done with.
        """
        ps = self._context.gm_address(pcscf).port_ps
        row = self._context.sas.clash(phone.host, offer, ps)
        if row is None or row.stage is Stage.LEAVING:
            return row
        own = row.owner.impi == phone.impi
        if own and (row.stage is Stage.TEMPORARY or self._context.policy.replace_on_clash):
            return row
        raise SipError(400, "Security-Client names a port or SPI in use")

    def on_challenge(self, relay: RegisterRelay, response: Response) -> None:
        """Take a 401 or 407: install, then pass it on with Security-Server."""
        keys = rewrite.strip_keys(response)
        rewrite.response_downward(response)
        if relay.attempt is not None:
            self._challenged_again(relay, response)
        elif relay.offer is not None and keys is not None:
            self._challenge(relay, relay.offer, response, keys)
        elif relay.offer is not None:
            # No keys, no agreement; and what was to be protected does not go on in clear.
            self._context.report(
                "error",
                "challenge_without_keys",
                relay.server.request,
                impi=relay.phone.impi,
                ue=relay.phone.host,
            )
            raise SipError(500, "No usable challenge from the core")
        elif relay.under is not None and keys is not None:
            raise SipError(421, "Security-Client Required")
        else:
            self._wire.answer(relay.server, response)

    def _challenge(
        self, relay: RegisterRelay, offer: Offer, response: Response, keys: AkaKeys
    ) -> None:
        pcscf = relay.server.flow.local.host
        self._wipe_older(relay)
        while (row := self.check_free(relay.phone, offer, pcscf)) is not None:
            self._discard(row)
        attempt = Attempt(relay.phone, relay.token, offer, relay.under, relay.began)
        attempt.challenge = response.get("www-authenticate") or ""
        row = self._life.install(attempt, pcscf, keys)
        self._context.registry.put_attempt(attempt)
        self._context.deadlines.set(
            attempt, self._context.now + self._context.policy.reg_await_auth
        )
        response.set("security-server", agreement.security_server(row.sa_set, row.offered))
        self._challenged = relay.server
        self._wire.answer(relay.server, response)
        self._report(row, relay.server.request)

    def _wipe_older(self, relay: RegisterRelay) -> None:
        """Wipe the incomplete set (TS 33.203 7.3), unless a later REGISTER led to it.

        Raises SipError 500 then: the phone has begun anew, and its core answered out of order.
        """
        other = self._context.registry.attempt(attempt_key(relay.phone))
        if other is None:
            return
        if other.began > relay.began:
            raise SipError(500, "Overtaken by a later REGISTER")
        self._report_end("challenge_superseded", other)
        self.abort(other)

    def _discard(self, row: SaRow) -> None:
        if isinstance(row.owner, Attempt) and row.stage is Stage.TEMPORARY:
            self.abort(row.owner)
        else:
            self._life.discard(row)

    def _challenged_again(self, relay: RegisterRelay, response: Response) -> None:
        """A challenge to the answer of a challenge fails this authentication.

        The phone repeats its Security-Client in SM7, so a new set could not be told
        from the temporary one that this 401 has to leave under.
        """
        self._context.report(
            "info",
            "registration_refused",
            relay.server.request,
            impi=relay.phone.impi,
            ue=relay.phone.host,
            status=response.status,
            answered=1,
        )
        self._wire.answer(relay.server, response)
        if relay.attempt is not None:
            self.end(relay.attempt)

    def on_install_failed(self, row: SaRow, reason: str) -> None:
        """Undo the attempt and tell the phone; its 401 never left."""
        self._context.report(
            "error",
            "sa_install_failed",
            impi=row.owner.impi,
            ue=row.sa_set.ue,
            spi_ps=row.sa_set.spi_ps,
            reason=reason,
        )
        self._context.sas.remove(row)
        if isinstance(row.owner, Attempt):
            row.owner.row = None
            self.abort(row.owner)
        if self._challenged is not None:
            self._wire.reject(self._challenged, 500, "Security association refused")
            self._challenged = None

    def on_deadline(self, attempt: Attempt) -> None:
        """Nobody answered the challenge in time (TS 24.229 7.8, reg-await-auth)."""
        self._report_end("challenge_unanswered", attempt)
        self.abort(attempt)

    def abort(self, attempt: Attempt) -> None:
        """Forget an attempt and remove its set now."""
        self._drop(attempt)
        if attempt.row is not None:
            self._life.discard(attempt.row)

    def end(self, attempt: Attempt) -> None:
        """Forget an attempt; its set stays until the failure that went under it has arrived."""
        self._drop(attempt)
        if attempt.row is not None:
            self._life.leave(attempt.row)

    def _drop(self, attempt: Attempt) -> None:
        self._context.deadlines.cancel(attempt)
        self._context.registry.drop_attempt(attempt)

    def _report_end(self, event: str, attempt: Attempt) -> None:
        fields: dict[str, str | int] = {"impi": attempt.impi, "ue": attempt.phone.host}
        if attempt.row is not None:
            fields["spi_ps"] = attempt.row.sa_set.spi_ps
        self._context.report("info", event, **fields)

    def _report(self, row: SaRow, about: Request) -> None:
        sa_set = row.sa_set
        fields: dict[str, str | int] = {
            "impi": row.owner.impi,
            "ue": sa_set.ue,
            "alg": sa_set.suite.alg,
            "ealg": sa_set.suite.ealg,
            "spi_ps": sa_set.spi_ps,
            "spi_pc": sa_set.spi_pc,
            "spi_uc": sa_set.spi_uc,
            "spi_us": sa_set.spi_us,
        }
        if row.owner.phone.emergency:
            fields["emergency"] = 1
        self._context.report("info", "challenged", about, **fields)
