"""Keys found in the capture: what was said on Gm joined with what was said behind the P-CSCF.

A challenge's nonce is its RAND and AUTN (RFC 3310 3.2). It is the same in the 401 that brings
CK and IK to the P-CSCF, in the one that goes on to the phone, and in the phone's answer, and in
no other challenge. So it joins them, in whatever order they come, even if one was never seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pcscf.decode.keys.registrations import (
    Answered,
    Challenge,
    Entry,
    FoundKeys,
    Numbers,
    Offer,
    Transaction,
    statements,
)
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.usim import Usims
from pcscf.decode.keys.wildcards import Wildcards
from pcscf.decode.model import Candidate, Sa, SipMessage
from xfrm.algorithms import SUITES, Suite
from xfrm.model import AkaKeys

MAX_REMEMBERED: Final = 4096  # offers, challenges and keys each; a registration takes seconds

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Keys:
    aka: AkaKeys = field(repr=False)
    origin: str


@dataclass(slots=True, eq=False)
class Agreement:
    """One security agreement: a challenge on Gm and the SAs that came of it.

    ``sas`` are up to four; two if the phone's SPIs were not seen. ``nonce`` names its keys.
    """

    number: int  # frame and time of the challenge
    time: int
    ue: str
    pcscf: str
    user: str
    nonce: str = field(repr=False)
    sas: list[Sa] = field(default_factory=list)
    _entries: tuple[Entry, ...] = field(default=(), repr=False)
    _offer: Offer | None = field(default=None, repr=False)

    @property
    def has_offer(self) -> bool:
        """Whether the phone's SPIs and ports are known too."""
        return self._offer is not None

    def complete(self, table: SaTable, offer: Offer | None, keys: _Keys | None) -> list[Sa]:
        """Put in what has become known; give the SAs that are new or have changed."""
        self._offer = self._offer or offer
        if self._offer:
            self.user = self.user or self._offer.user
        candidates = self._candidates(keys) if keys else ()
        changed = []
        for wanted in self._wanted():
            sa = self._find(wanted)
            if sa is None:
                _improve(wanted, wanted, candidates)
                sa = table.add(wanted)
                self.sas.append(sa)
                changed.append(sa)
            elif _improve(sa, wanted, candidates):
                changed.append(sa)
        return changed

    def _find(self, wanted: Sa) -> Sa | None:
        ids = (wanted.dst, wanted.spi)
        return next((sa for sa in self.sas if (sa.dst, sa.spi) == ids), None)

    def _wanted(self) -> Iterator[Sa]:
        """Make the SAs of TS 33.203 7.1, as far as their SPIs are known."""
        ours = self._chosen()[0].numbers
        theirs = self._offered()
        up = (self.ue, self.pcscf)
        down = (self.pcscf, self.ue)
        if theirs is None:
            yield self._sa(ours.spi_s, up, None)
            yield self._sa(ours.spi_c, up, None)
            return
        yield self._sa(ours.spi_s, up, (theirs.port_c, ours.port_s))
        yield self._sa(theirs.spi_c, down, (ours.port_s, theirs.port_c))
        yield self._sa(theirs.spi_s, down, (ours.port_c, theirs.port_s))
        yield self._sa(ours.spi_c, up, (theirs.port_s, ours.port_c))

    def _sa(self, spi: int, ends: tuple[str, str], ports: tuple[int, int] | None) -> Sa:
        suite = self._chosen()[0].suite
        return Sa(spi, *ends, suite=suite, ports=ports, user=self.user, since=self.time)

    def _offered(self) -> Numbers | None:
        """Give the phone's numbers: those beside the chosen algorithms, else of its first entry."""
        if self._offer is None:
            return None
        chosen = self._chosen()[0]
        for entry in self._offer.entries:
            if (entry.alg, entry.ealg) == (chosen.alg, chosen.ealg):
                return entry.numbers
        return self._offer.entries[0].numbers

    def _chosen(self) -> list[Entry]:
        """Give the P-CSCF's entries: first those that the phone has offered, by preference."""
        if self._offer is None:
            return list(self._entries)
        offered = {(entry.alg, entry.ealg) for entry in self._offer.entries}
        return sorted(self._entries, key=lambda one: (one.alg, one.ealg) not in offered)

    def _candidates(self, keys: _Keys) -> tuple[Candidate, ...]:
        """Give what the algorithms may be, the most likely first; all if it is none of ours."""
        numbers = self._chosen()[0].numbers
        suites: dict[Suite, None] = {}
        for entry in self._chosen():
            if entry.suite and entry.numbers == numbers:
                suites[entry.suite] = None
        return tuple(_candidate(suite, keys) for suite in suites or SUITES)


def _improve(sa: Sa, wanted: Sa, candidates: tuple[Candidate, ...]) -> bool:
    """Add to an SA what it lacks; say whether anything was."""
    is_better = False
    if sa.ports is None and wanted.ports is not None:
        sa.ports, is_better = wanted.ports, True
    if wanted.user and not sa.user:
        sa.user, is_better = wanted.user, True
    if candidates and sa.keys is None:
        sa.suite, sa.keys, sa.origin, sa.checked = candidates[0]
        sa.candidates, sa.icv_size, is_better = candidates[1:], None, True
    return is_better


def _candidate(suite: Suite, keys: _Keys) -> Candidate:
    return Candidate(suite, suite.keys(keys.aka), keys.origin)


class Keyring:
    """Learns SAs from the SIP messages of a capture, given in their order, into a table.

    Keys whose SPIs are not known go to ``wildcards``, to be tried with unknown SPIs. All it
    remembers is bounded, the oldest goes first.
    """

    def __init__(
        self,
        table: SaTable,
        wildcards: Wildcards | None = None,
        usims: Usims | None = None,
    ) -> None:
        self._table = table
        self._wildcards = wildcards or Wildcards()
        self._usims = usims or Usims()
        self._offers: dict[Transaction, Offer] = {}
        self._keys: dict[str, _Keys] = {}  # by nonce
        self._agreements: dict[tuple[str, Numbers], Agreement] = {}
        self._by_nonce: dict[str, Agreement] = {}  # the last one

    @property
    def agreements(self) -> list[Agreement]:
        """The agreements seen, in the order of the capture."""
        return list(self._agreements.values())

    @property
    def notes(self) -> list[str]:
        """Lines to tell the user: whose card does not fit."""
        return self._usims.notes

    def observe(self, message: SipMessage) -> list[Sa]:
        """Take note of a message; give the SAs that are new, or of which more is known now."""
        changed: list[Sa] = []
        for statement in statements(message):
            match statement:
                case Offer():
                    _remember(self._offers, statement.transaction, statement)
                case Challenge():
                    changed += self._on_challenge(statement)
                case FoundKeys(number, nonce, keys):
                    origin = f"CK and IK of the 401 in frame {number}"
                    changed += self._on_keys(nonce, _Keys(keys, origin))
                case Answered(number, nonce, user):
                    changed += self._derive(nonce, user, number)
        return changed

    def _on_challenge(self, challenge: Challenge) -> list[Sa]:
        offer = challenge.offer or self._offers.get(challenge.transaction)
        key = (challenge.nonce, challenge.entries[0].numbers)
        agreement = self._agreements.get(key)
        if agreement is None:
            agreement = Agreement(
                challenge.number,
                challenge.time,
                challenge.ue,
                challenge.pcscf,
                challenge.user,
                challenge.nonce,
                _entries=challenge.entries,
            )
            _remember(self._agreements, key, agreement)
            _remember(self._by_nonce, challenge.nonce, agreement)
        user = agreement.user or (offer.user if offer else "")
        derived = self._derive(challenge.nonce, user, challenge.number)
        changed = agreement.complete(self._table, offer, self._keys.get(challenge.nonce))
        if agreement.has_offer:
            self._wildcards.claim(challenge.nonce)
        return changed + [sa for sa in derived if sa not in changed]

    def _on_keys(self, nonce: str, keys: _Keys) -> list[Sa]:
        if nonce in self._keys:
            return []  # the same 401 at another hop, or sent again
        _remember(self._keys, nonce, keys)
        agreement = self._by_nonce.get(nonce)
        if agreement is None or not agreement.has_offer:
            self._wildcards.find(nonce, [_candidate(suite, keys) for suite in SUITES])
        return agreement.complete(self._table, None, keys) if agreement else []

    def _derive(self, nonce: str, user: str, number: int) -> list[Sa]:
        """Find the keys of a challenge by the cards, if they are not known."""
        if nonce in self._keys or not self._usims:
            return []
        derived = self._usims.derive(user, nonce, number)
        if derived is None:
            return []
        origin = f"USIM of {derived.usim.impi or user}, RAND in frame {number}"
        return self._on_keys(nonce, _Keys(derived.keys, origin))


def _remember(table: dict[K, V], key: K, value: V) -> None:
    table[key] = value
    if len(table) > MAX_REMEMBERED:
        del table[next(iter(table))]
