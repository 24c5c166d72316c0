"""The phone of the tests: registers with IMS AKA and IPsec, sends and answers requests.

Each step of a registration is a method, and ``register`` is all of them in a row::

    answer = phone.sm1()            # REGISTER with Security-Client -> 401
    phone.take_challenge(answer)    # AKA, and the choice from Security-Server
    phone.install()                 # four SAs, and sockets on the protected ports
    answer = phone.sm7()            # REGISTER with the response, under the new SAs -> 200
    phone.accept(answer)            # the new set is the current one; the old one stays

Run by itself: ``python -m tests.peers.phone --help``.
"""

import argparse
import secrets
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.peers.agreement import Agreement, draw
from tests.peers.aka import Challenge, Credentials, SyncError, Usim, initial_authorization
from tests.peers.calls import CallingHandset
from tests.peers.cleanliness import violations
from tests.peers.handset import CLEAR_PORT
from tests.peers.offers import PROFILES, Offer, choose, mirrored, samsung
from tests.peers.peer import Received, Sent, UnexpectedAnswerError
from tests.peers.registering import EXPIRES, Dialogue, Knobs, register
from tests.peers.sas import IpXfrm, Numbers, SaInstaller
from tests.peers.subscription import Subscription, load
from tests.peers.text import Address, Message, auth_parameters, host_port, parameters, uri_of
from tests.peers.wire import Pump, SocketFactory


class Phone(CallingHandset):
    """One UE with one card.

    ``pcscf`` is the P-CSCF's unprotected address. ``sas`` installs the SAs (None:
    ``ip xfrm`` in this namespace). ``offer`` makes Security-Client (None: a phone
    without IPsec, which stays in clear). ``knobs`` hold for every REGISTER, the
    keyword arguments of a step change them for that registration. ``answers`` maps
    a method to the (status, reason, headers) of its answer, None to none; others
    get 200. ``answer_from_us`` makes a phone that answers over UDP from us, not uc.
    """

    def __init__(
        self,
        subscription: Subscription,
        address: str,
        pcscf: Address,
        *,
        sas: SaInstaller | None = None,
        offer: Offer | None = samsung,
        transport: str = "UDP",
        clear_port: int = CLEAR_PORT,
        instance: str = "",
        socket_factory: SocketFactory = socket.socket,
        pump: Pump | None = None,
    ) -> None:
        super().__init__(
            subscription,
            address,
            pcscf,
            sas=sas or IpXfrm(),
            transport=transport,
            clear_port=clear_port,
            socket_factory=socket_factory,
            pump=pump,
        )
        self.offer = offer
        self.instance = instance
        self.knobs = Knobs()
        self.usim = Usim(subscription.functions)
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of any registration."""
        self.current = None
        self.pending: Agreement | None = None
        self.granted = 0
        self.service_route, self.identities = [], []
        self._authorization = self._contact = ""
        self._call_id, self._tag, self._cseq = self.new_id(), self.new_id(), 0

    # -- registration as a whole

    def register(self, **changes: Any) -> Received:
        """Register from SM1 to the 200; an SQN out of range is resynchronised once.

        UnexpectedAnswerError (nothing is undone then), MacError, NothingCameError.
        """
        answer = self.sm1(**changes)
        if answer.status == 200:  # a refresh that the core did not challenge
            return self.accept(answer)
        try:
            self.take_challenge(answer)
        except SyncError as failure:
            self.take_challenge(self.resync(failure, **changes))
        self.install()
        return self.accept(self.sm7())

    def deregister(self, **changes: Any) -> Received:
        """Register for 0 seconds, and drop every SA after the 200."""
        answer = self.register(expires=0, **changes)
        self.drop(*self.sets)
        self._forget()
        return answer

    def restart(self, address: str | None = None) -> None:
        """Forget everything without a word to the network; come back at ``address``."""
        self.drop(*self.sets)
        self._forget()
        self.forget_calls()
        self._close_clear()
        self.address = address or self.address
        self._open_clear()

    def abandon(self) -> None:
        """Give up the pending set: its SAs and ports go."""
        if self.pending is not None and self.pending.sas is not None:
            self.drop(self.pending)
        self.pending = None

    def drop_old(self) -> None:
        """Remove every set but the current and the pending one."""
        self.drop(*(one for one in self.sets if one not in {self.current, self.pending}))

    # -- registration, step by step

    def sm1(self, **changes: Any) -> Received:
        """The REGISTER without a response, and its answer."""
        return self.finish(self.send_sm1(**changes))

    def send_sm1(self, *, numbers: Numbers | None = None, **changes: Any) -> Sent:
        """Send SM1; ``numbers`` are the phone's SPIs and ports, drawn unless given."""
        self.abandon()
        knobs = replace(self.knobs, **changes)
        over = None if knobs.protected is False else self.current
        own = numbers or draw(self.current.own if self.current else None)
        client = knobs.client(self.offer(own)) if self.offer else []
        self.pending = Agreement(own, client, replace(knobs, client=mirrored))
        # TS 24.229 5.1.1.4: a re-REGISTER repeats the credentials of the last challenge.
        known = self._authorization if over else ""
        return self._send_register(self.pending.knobs, over, known or self._initial())

    def take_challenge(self, answer: Received) -> None:
        """Run AKA on a 401 and choose from Security-Server.

        MacError or SyncError from the card, ValueError for a challenge or a list
        that cannot be used, UnexpectedAnswerError if it is no 401.
        """
        if answer.status != 401:
            raise UnexpectedAnswerError(answer, "401")
        pending = self._pending()
        pending.challenge = auth_parameters(answer.message.header("www-authenticate"))
        pending.server = answer.message.values("security-server")
        pending.result = self.usim.answer(Challenge.parse(pending.challenge["nonce"]))
        self.aka_runs.append(pending.result)
        if pending.client and pending.server:
            pending.chosen = choose(pending.client, pending.server)

    def install(self) -> None:
        """Bring the pending set up; without an agreed mechanism the phone stays as it is."""
        if self._pending().chosen is not None:
            self.bring_up(self._pending())

    def sm7(self, **changes: Any) -> Received:
        """The REGISTER with the response, and its answer."""
        return self.finish(self.send_sm7(**changes))

    def send_sm7(self, **changes: Any) -> Sent:
        """Send SM7 under the pending set; SM1's knobs hold unless changed."""
        pending = self._pending()
        knobs = replace(replace(pending.knobs, authorization=None, via_port=0), **changes)
        if pending.result is None:
            raise ValueError("no challenge was taken")
        res = pending.result.res if knobs.res is None else knobs.res
        self._authorization = self._credentials(res).authorization()
        over = pending if pending.sas else self.current
        return self._send_register(knobs, over, self._authorization)

    def accept(self, answer: Received) -> Received:
        """Take a 200: routes, identities, expiry; the pending set becomes the current one.

        The old set is kept until ``drop_old``.
        """
        if answer.status != 200:
            raise UnexpectedAnswerError(answer, "200")
        if self._pending().sas is not None:
            self.current = self.pending
        self.pending = None
        message = answer.message
        self.service_route = message.elements("service-route")
        self.identities = [uri_of(value) for value in message.elements("p-associated-uri")]
        self.granted = self._granted(message)
        return answer

    def resync(self, failure: SyncError, **changes: Any) -> Received:
        """Answer a challenge out of range with AUTS and a new offer (TS 24.229 5.1.1.5.3)."""
        made = replace(self._credentials(b""), auts=failure.auts)
        return self.sm1(**{**changes, "authorization": made.authorization()})

    def mac_failure(self, **changes: Any) -> Received:
        """Answer a false challenge: empty response, no AUTS (TS 24.229 5.1.1.5.3)."""
        made = self._credentials(b"").authorization(response="")
        return self.sm1(**{**changes, "authorization": made})

    # -- what came

    def assert_clean(self) -> None:
        """AssertionError with every rule of Gm that what came has broken."""
        with self.lock:
            found = violations(self)
        assert not found, "\n".join(found)

    # -- text

    def _pending(self) -> Agreement:
        if self.pending is None:
            raise ValueError("no registration is under way")
        return self.pending

    def _initial(self) -> str:
        card = self.subscription
        return initial_authorization(card.impi, card.realm, card.domain_uri)

    def _credentials(self, password: bytes) -> Credentials:
        """Digest over the pending challenge, with qop if the challenge asks for it."""
        card, challenge = self.subscription, self._pending().challenge
        offered = [one.strip() for one in challenge.get("qop", "").split(",")]
        return Credentials(
            card.impi,
            challenge.get("realm", card.realm),
            challenge["nonce"],
            card.domain_uri,
            password,
            qop="auth" if "auth" in offered else offered[0],
            cnonce=secrets.token_hex(8) if offered[0] else "",
        )

    def _send_register(self, knobs: Knobs, over: Agreement | None, authorization: str) -> Sent:
        self._cseq += 1
        transport = knobs.transport or self.transport
        at = Dialogue(
            self.subscription.domain_uri,
            knobs.impu or self.subscription.impus[0],
            self.contact_at(over),
            self.new_branch(),
            self._tag,
            self._call_id,
            self._cseq,
            self.instance,
        )
        shown = authorization if knobs.authorization is None else knobs.authorization
        if shown and knobs.integrity_protected is not None:
            shown += f', integrity-protected="{knobs.integrity_protected}"'
        request = register(
            knobs,
            at,
            transport,
            client=self._pending().client,
            server=over.server if over else [],
            authorization=shown,
        )
        self._contact = uri_of(request.header("contact"))
        return self.send_over(over, request, transport)

    def _granted(self, message: Message) -> int:
        """Seconds granted to the contact last sent (RFC 3261 section 10.2.4)."""
        for contact in message.elements("contact"):
            if uri_of(contact) == self._contact:
                return int(parameters(contact).get("expires") or message.get("expires") or 0)
        return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A phone that registers, and may send a MESSAGE.")
    parser.add_argument("--subscribers", type=Path, required=True, help="JSON, see subscription.py")
    parser.add_argument("--impi", default="", help="which subscriber; the first by default")
    parser.add_argument("--address", required=True, help="the phone's own address")
    parser.add_argument("--port", type=int, default=CLEAR_PORT, help="its unprotected port")
    parser.add_argument("--pcscf", type=host_port, required=True, help="HOST:PORT, unprotected")
    parser.add_argument("--transport", choices=("UDP", "TCP"), default="UDP")
    parser.add_argument("--offer", choices=tuple(PROFILES), default="samsung")
    parser.add_argument(
        "--claim-protection",
        action="store_true",
        help="send integrity-protected=yes: for a core with no P-CSCF before it",
    )
    parser.add_argument("--expires", type=int, default=EXPIRES)
    parser.add_argument("--message", metavar="URI", help="send a MESSAGE once registered")
    parser.add_argument("--stay", type=float, default=0, help="seconds to answer requests")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _perform(phone: Phone, given: argparse.Namespace) -> None:
    claim = "yes" if given.claim_protection else None
    phone.knobs = Knobs(expires=given.expires, integrity_protected=claim)
    phone.register()
    _say(f"registered {phone.identity} for {phone.granted} s")
    if phone.current and phone.current.chosen:
        _say(f"security: {phone.current.chosen.alg} {phone.current.chosen.ealg}")
    if given.message:
        _say(f"MESSAGE {given.message}: {phone.message(given.message).message.start}")
    time.sleep(given.stay)
    for received in phone.received:
        if received.message.is_request:
            _say(f"answered {received.message.start}")
    phone.deregister()
    phone.assert_clean()
    _say("deregistered")


def main() -> None:
    """Register, do what was asked, deregister; in the network namespace it is started in."""
    given = _arguments()
    cards = load(given.subscribers)
    card = next(card for card in cards if given.impi in {"", card.impi})
    phone = Phone(
        card,
        given.address,
        given.pcscf,
        offer=PROFILES[given.offer],
        transport=given.transport,
        clear_port=given.port,
    )
    try:
        _perform(phone, given)
    finally:
        phone.close()


if __name__ == "__main__":
    main()
