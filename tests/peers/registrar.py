"""The S-CSCF's registrar with its HSS: decides, opens no socket (TS 24.229 5.4.1).

It verifies what a real one verifies: private against public identity, the
nonce that is outstanding, the Digest response, MAC-S of an AUTS, and that a
challenge response came protected.
"""

import base64
import binascii
import hmac
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from secrets import token_bytes

from tests.peers.aka import AkaError, Credentials, HomeSubscriber, Vector
from tests.peers.subscription import Subscription
from tests.peers.text import (
    Headers,
    Message,
    auth_parameters,
    make_response,
    parameters,
    uri_of,
)

DEFAULT_EXPIRES = 600_000


@dataclass(frozen=True, slots=True)
class Spelling:
    """How WWW-Authenticate is written: where ck and ik stand, and in which manner.

    ``position`` is "first", "middle", "last" or "none" (a core that keeps the keys).
    ``decoy`` adds a parameter whose quoted value contains ``ck=``.
    """

    position: str = "last"
    upper: bool = False
    quoted: bool = True
    blank: bool = True
    decoy: bool = False
    qop: str = ""

    def write(self, realm: str, vector: Vector) -> str:
        """The header's value for a challenge."""
        others = [f'realm="{realm}"', f'nonce="{vector.challenge.nonce}"', "algorithm=AKAv1-MD5"]
        if self.qop:
            others.append(f'qop="{self.qop}"')
        if self.decoy:
            others.append('opaque="a, ck=\\"0\\", ik=1"')
        keys = self._keys(vector)
        spot = {"first": 0, "middle": 2, "last": len(others), "none": 0}[self.position]
        parts = others[:spot] + keys + others[spot:]
        return "Digest " + (", " if self.blank else ",").join(parts)

    def _keys(self, vector: Vector) -> list[str]:
        if self.position == "none":
            return []
        pairs = {"ik": vector.expected.ik.hex(), "ck": vector.expected.ck.hex()}
        mark = '"' if self.quoted else ""
        return [
            f"{name.upper() if self.upper else name}={mark}{value}{mark}"
            for name, value in pairs.items()
        ]


@dataclass(slots=True)
class Behaviour:
    """How the registrar behaves until told otherwise.

    ``max_expires``       the longest expiry granted, in seconds
    ``expires_header``    grant in the Expires header instead of in Contact
    ``challenge_refresh`` challenge a protected re-REGISTER too
    ``require_protected`` take a challenge response only with integrity-protected="yes"
    ``path_in_401``       echo Path in the 401 as well
    ``more_in_401`` and ``more_in_200`` are headers to add
    """

    spelling: Spelling = Spelling()
    max_expires: int = DEFAULT_EXPIRES
    expires_header: bool = False
    challenge_refresh: bool = True
    require_protected: bool = True
    path_in_401: bool = False
    service_route: tuple[str, ...] | None = None
    more_in_401: Headers = field(default_factory=list)
    more_in_200: Headers = field(default_factory=list)


@dataclass(slots=True)
class Binding:
    """One contact of a registered user; ``path`` leads to it (RFC 3327)."""

    impi: str
    contact: str
    path: list[str]
    expires_at: float
    call_id: str

    @property
    def uri(self) -> str:
        """The contact's URI."""
        return uri_of(self.contact)


@dataclass(slots=True)
class Record:
    """What the registrar knows of one private identity."""

    subscription: Subscription
    home: HomeSubscriber
    outstanding: Vector | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)


class Registrar:
    """Answers REGISTERs. ``address`` is its own ``host:port`` for Service-Route."""

    def __init__(
        self,
        subscriptions: Iterable[Subscription],
        address: str,
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.records = {
            one.impi: Record(one, HomeSubscriber(one.functions)) for one in subscriptions
        }
        self._by_impu = {
            impu: record for record in self.records.values() for impu in record.subscription.impus
        }
        self._address = address
        self._clock = clock

    def bindings(self, impu: str) -> list[Binding]:
        """The contacts that are registered for a public identity now."""
        record = self._by_impu.get(impu)
        if record is None:
            return []
        now = self._clock()
        record.bindings = {k: b for k, b in record.bindings.items() if b.expires_at > now}
        return list(record.bindings.values())

    def answer(self, request: Message, *, challenge: bool | None = None) -> Message:
        """The response to a REGISTER; ``challenge`` True forces a 401, False forbids one."""
        credentials = auth_parameters(request.get("authorization") or "")
        record = self.records.get(credentials.get("username", ""))
        impu = uri_of(request.header("to"))
        if record is None or impu not in record.subscription.impus:
            return make_response(request, 403, "Forbidden")
        if challenge is None:
            refusal, challenge = self._judge(request, record, credentials)
            if refusal:
                return make_response(request, 403, refusal)
        if challenge:
            return self._challenge(request, record)
        return self._accept(request, record, impu)

    # -- authentication

    def _judge(
        self, request: Message, record: Record, credentials: dict[str, str]
    ) -> tuple[str, bool]:
        """A reason to refuse (or ""), and whether to challenge."""
        if credentials.get("auts"):
            return self._resynchronise(request, record, credentials), True
        protected = credentials.get("integrity-protected") == "yes"
        if credentials.get("response") and self._outstanding(record, credentials):
            if self.behaviour.require_protected and not protected:
                # TS 24.229 5.4.1.1: without protection it is an initial registration.
                return "", True
            return self._check_response(request, record, credentials), False
        if self._outstanding(record, credentials):  # and an empty response: MAC failure
            record.outstanding = None
            return "Network Not Authenticated By UE", False
        refresh = protected and bool(self.bindings(uri_of(request.header("to"))))
        return "", not refresh or self.behaviour.challenge_refresh

    @staticmethod
    def _outstanding(record: Record, credentials: dict[str, str]) -> bool:
        vector = record.outstanding
        return vector is not None and credentials.get("nonce") == vector.challenge.nonce

    def _check_response(self, request: Message, record: Record, credentials: dict[str, str]) -> str:
        vector, record.outstanding = record.outstanding, None
        assert vector is not None  # _outstanding() was true
        right = expected_response(request, record, credentials, vector.expected.res)
        if hmac.compare_digest(right, credentials["response"].lower()):
            return ""
        return "Wrong Response"

    def _resynchronise(self, request: Message, record: Record, credentials: dict[str, str]) -> str:
        """RFC 3310 section 3.2: response from the empty password, MAC-S right."""
        if not self._outstanding(record, credentials):
            return "Unknown Nonce"
        right = expected_response(request, record, credentials, b"")
        if not hmac.compare_digest(right, credentials.get("response", "").lower()):
            return "Wrong Response"
        vector, record.outstanding = record.outstanding, None
        assert vector is not None  # _outstanding() was true
        try:
            auts = base64.b64decode(credentials["auts"], validate=True)
            record.home.resynchronise(vector.challenge.rand, auts)
        except (AkaError, binascii.Error):
            return "Wrong AUTS"
        return ""

    def _challenge(self, request: Message, record: Record) -> Message:
        vector = record.home.vector(token_bytes(16))
        record.outstanding = vector
        value = self.behaviour.spelling.write(record.subscription.realm, vector)
        headers = [("WWW-Authenticate", value), *self.behaviour.more_in_401]
        if self.behaviour.path_in_401:
            headers += [("Path", path) for path in request.values("path")]
        return make_response(request, 401, "Unauthorized", headers, to_tag=_tag(request))

    # -- bindings

    def _accept(self, request: Message, record: Record, impu: str) -> Message:
        for contact in request.elements("contact"):
            self._bind(request, record, contact)
        headers = self._granted(impu)
        headers += [("Path", path) for path in request.values("path")]
        headers += [("Service-Route", route) for route in self._service_route(record)]
        shown = [one for one in record.subscription.impus if one not in record.subscription.barred]
        headers.append(("P-Associated-URI", ", ".join(f"<{one}>" for one in shown)))
        headers += self.behaviour.more_in_200
        return make_response(request, 200, "OK", headers, to_tag=_tag(request))

    def _bind(self, request: Message, record: Record, contact: str) -> None:
        seconds = self._seconds(request, contact)
        if contact == "*":
            record.bindings.clear()
            return
        key = binding_key(contact)
        if seconds == 0:
            record.bindings.pop(key, None)
            return
        record.bindings[key] = Binding(
            record.subscription.impi,
            re.sub(r";\s*expires=\d+", "", contact, flags=re.IGNORECASE),
            request.elements("path"),
            self._clock() + seconds,
            request.header("call-id"),
        )

    def _seconds(self, request: Message, contact: str) -> int:
        """RFC 3261 section 10.2.1.1: the contact's own expires counts before the header."""
        asked = parameters(contact).get("expires") or request.get("expires")
        return min(int(asked or DEFAULT_EXPIRES), self.behaviour.max_expires)

    def _granted(self, impu: str) -> Headers:
        """All current bindings with what is left of them (RFC 3261 section 10.3 step 8)."""
        now = self._clock()
        left = [(one, round(one.expires_at - now)) for one in self.bindings(impu)]
        if self.behaviour.expires_header:
            contacts: Headers = [("Contact", one.contact) for one, _ in left]
            return [*contacts, ("Expires", str(max((s for _, s in left), default=0)))]
        return [("Contact", f"{one.contact};expires={seconds}") for one, seconds in left]

    def _service_route(self, record: Record) -> Iterable[str]:
        if not record.bindings:
            return ()
        if self.behaviour.service_route is not None:
            return self.behaviour.service_route
        return (f"<sip:orig@{self._address};lr>",)


def _tag(request: Message) -> str:
    """One To tag for each REGISTER, the same for its repetitions."""
    return f"core{request.branch[-8:]}"


def binding_key(contact: str) -> str:
    """What makes two contacts one: instance, flow and emergency, else the URI (RFC 5626 6)."""
    found = parameters(contact)
    if "+sip.instance" in found:
        sos = "sos" in found or ";sos" in uri_of(contact)
        return f"{found['+sip.instance']} {found.get('reg-id', '')} {sos}"
    return uri_of(contact)


def expected_response(
    request: Message, record: Record, credentials: dict[str, str], password: bytes
) -> str:
    """The Digest response over this request that ``password`` gives.

    Realm and URI are those of the request and of this core, not the ones claimed.
    """
    return Credentials(
        record.subscription.impi,
        record.subscription.realm,
        credentials["nonce"],
        request.uri,
        password,
        request.method,
        credentials.get("qop", ""),
        credentials.get("nc", ""),
        credentials.get("cnonce", ""),
        request.body,
    ).response
