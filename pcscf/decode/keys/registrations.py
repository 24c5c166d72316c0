"""What REGISTER and its 401 say about SAs (RFC 3329, RFC 3310, TS 33.203 7.2).

One message may say several things: a 401 on Gm has Security-Server, one behind the P-CSCF has
CK and IK, the phone's answer to it has what both sides have said.
"""

import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from pcscf.decode.model import SipMessage
from pcscf.errors import ParseError
from pcscf.sip.auth import AuthValue, parse_auth
from pcscf.sip.message import Request, Response
from pcscf.sip.security import IPSEC_3GPP, SecMechanism
from xfrm.algorithms import Suite, suite_named
from xfrm.model import KEY_SIZE, AkaKeys

_UNAUTHORIZED: Final = 401
_MAX_ENTRIES: Final = 32  # of one list; phones send up to six
_MAX_NAME: Final = 256  # of what is kept of identities, Call-IDs and nonces

Transaction = tuple[str, int]  # Call-ID and number of CSeq


class Numbers(NamedTuple):
    """One side's SPIs and ports (TS 33.203 7.1): those of its client and of its server port."""

    spi_c: int
    spi_s: int
    port_c: int
    port_s: int


class Entry(NamedTuple):
    """One usable entry of a Security-Client or -Server list; algorithms in lower case."""

    alg: str
    ealg: str
    numbers: Numbers
    q: float

    @property
    def suite(self) -> Suite | None:
        """The algorithms, or None for ones that are not in the table."""
        return suite_named(self.alg, self.ealg)


@dataclass(frozen=True, slots=True)
class Offer:
    """A phone's REGISTER: what it could do, and which SPIs and ports it has chosen."""

    transaction: Transaction
    user: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A 401 on Gm: what the P-CSCF has chosen. Also made of the phone's answer to it.

    ``user`` is empty where the message does not say, ``offer`` None where it has to be found
    by the transaction.
    """

    number: int
    time: int
    ue: str
    pcscf: str
    transaction: Transaction
    nonce: str
    user: str
    entries: tuple[Entry, ...]
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """CK and IK of a challenge, in a 401 behind the P-CSCF."""

    number: int
    nonce: str
    keys: AkaKeys


@dataclass(frozen=True, slots=True)
class Answered:
    """The challenge that a phone has answered, seen without its SAs: its nonce says the RAND."""

    number: int
    nonce: str
    user: str


Statement = Offer | Challenge | FoundKeys | Answered


def may_state(data: bytes) -> bool:
    """Whether a message may say something about SAs: a REGISTER, or a 401 to whatever."""
    return data.startswith((b"REGISTER ", b"SIP/2.0 401"))


def statements(message: SipMessage) -> list[Statement]:
    """Read all that a message says about SAs; nothing if it is no REGISTER and no 401 to one."""
    if not may_state(message.data):
        return []
    parsed = message.parsed
    try:
        if isinstance(parsed, Request):
            return list(_of_request(message, parsed))
        if isinstance(parsed, Response):
            return list(_of_response(message, parsed))
    except ParseError:
        pass
    return []


def _of_request(message: SipMessage, request: Request) -> Iterator[Statement]:
    transaction, user = _transaction(request), _user(request)
    credentials = request.credentials
    nonce = credentials.params.get("nonce", "")[:_MAX_NAME] if credentials else ""
    offered = _entries(request.values("security-client"))
    if offered:
        offer = Offer(transaction, user, offered)
        yield offer
        verified = _entries(request.values("security-verify"))
        if nonce and verified and _is_under(message, offered[0].numbers, verified):
            ends = (message.src.host, message.dst.host)
            yield Challenge(
                message.number, message.time, *ends, transaction, nonce, user, verified, offer
            )
    if nonce:
        yield Answered(message.number, nonce, user)


def _is_under(message: SipMessage, ue: Numbers, verified: Iterable[Entry]) -> bool:
    """Whether a REGISTER came under the very SAs that its lists name.

    That is so for the answer to a challenge. A later REGISTER verifies the list of the SAs in
    use too, but it offers new ones.
    """
    return message.src.port == ue.port_c and any(
        message.dst.port == entry.numbers.port_s
        and (message.sa is None or message.sa.spi == entry.numbers.spi_s)
        for entry in verified
    )


def _of_response(message: SipMessage, response: Response) -> Iterator[Statement]:
    if response.status != _UNAUTHORIZED or response.cseq.method != "REGISTER":
        return
    challenges = list(_challenges(response))
    for one in challenges:
        keys = _aka_keys(one)
        if keys is not None:
            yield FoundKeys(message.number, _nonce(one), keys)
    entries = _entries(response.values("security-server"))
    if entries and challenges:
        yield Challenge(
            message.number,
            message.time,
            ue=message.dst.host,
            pcscf=message.src.host,
            transaction=_transaction(response),
            nonce=_nonce(challenges[0]),
            user="",
            entries=entries,
        )


def _challenges(response: Response) -> Iterator[AuthValue]:
    for value in response.values("www-authenticate"):
        try:
            auth = parse_auth(value)
        except ParseError:
            continue
        if auth.is_digest and auth.params.get("nonce"):
            yield auth


def _nonce(challenge: AuthValue) -> str:
    return challenge.params["nonce"][:_MAX_NAME]


def _aka_keys(challenge: AuthValue) -> AkaKeys | None:
    try:
        ck, ik = (binascii.unhexlify(challenge.params.get(name, "")) for name in ("ck", "ik"))
    except ValueError:
        return None
    return AkaKeys(ck, ik) if len(ck) == len(ik) == KEY_SIZE else None


def _transaction(message: Request | Response) -> Transaction:
    return message.call_id[:_MAX_NAME], message.cseq.number


def _user(request: Request) -> str:
    """Give the private identity, or the public one where that is not said."""
    credentials = request.credentials
    impi = credentials.params.get("username", "") if credentials else ""
    return (impi or request.to.uri)[:_MAX_NAME]


def _entries(values: Iterable[str]) -> tuple[Entry, ...]:
    """Read the usable ipsec-3gpp entries of a list, the preferred first.

    UDP-enc-tun counts as well (TS 33.203 annex M), and numbers that a P-CSCF would refuse.
    """
    entries = []
    for mechanism in SecMechanism.parse_many(values)[:_MAX_ENTRIES]:
        numbers = _numbers(mechanism)
        if mechanism.name == IPSEC_3GPP and mechanism.prot == "esp" and mechanism.alg and numbers:
            entries.append(Entry(mechanism.alg, mechanism.ealg, numbers, mechanism.q or 0.0))
    return tuple(sorted(entries, key=lambda entry: -entry.q))  # stable: else in their order


def _numbers(mechanism: SecMechanism) -> Numbers | None:
    spi_c, spi_s = mechanism.spi_c, mechanism.spi_s
    port_c, port_s = mechanism.port_c, mechanism.port_s
    if not (spi_c and spi_s and port_c and port_s) or spi_c == spi_s:
        return None
    return Numbers(spi_c, spi_s, port_c, port_s)
