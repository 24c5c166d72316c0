"""The security agreement: what the phone offered, what we choose, what must come back.

RFC 3329 with the ipsec-3gpp rules of TS 33.203 section 7.2 and Annex H.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pcscf.errors import ParseError, SipError
from pcscf.sip.security import IPSEC_3GPP, SecMechanism, format_ipsec_3gpp, format_q
from xfrm.algorithms import Suite, suite_named
from xfrm.model import SaSet


@dataclass(frozen=True, slots=True)
class Offer:
    """A Security-Client we can work with.

    ``suite`` is our choice; the numbers are those of the entry that offered it;
    ``lines`` are those of the header as they came, which SM7 has to repeat.
    """

    suite: Suite
    spi_uc: int
    spi_us: int
    port_uc: int
    port_us: int
    lines: tuple[str, ...]


def read_offer(
    values: Sequence[str], suites: Sequence[Suite], *, null_without_ealg: bool
) -> Offer | None:
    """Choose from the lines of Security-Client; None if they offer no ipsec-3gpp at all.

    The first of *our* suites that the phone offered is chosen (TS 33.203 7.2), so
    the order and the q values of its entries do not matter. Raises SipError: 400
    where every entry we could have used is malformed, 494 where none is ours.
    """
    mechanisms = SecMechanism.parse_many(values)
    offered = [m for m in mechanisms if m.name == IPSEC_3GPP]
    if not offered:
        return None
    usable = [m for m in offered if m.problem is None]
    if not usable:
        raise SipError(400, f"Security-Client: {offered[0].problem}")
    entry, suite = _choose(usable, suites, null_without_ealg=null_without_ealg)
    return _offer(entry, suite, tuple(values))


def _choose(
    entries: Iterable[SecMechanism], suites: Sequence[Suite], *, null_without_ealg: bool
) -> tuple[SecMechanism, Suite]:
    by_suite: dict[Suite, SecMechanism] = {}
    for entry in entries:
        if null_without_ealg or "ealg" in entry.values:
            offered = suite_named(entry.alg or "", entry.ealg)
            if offered is not None:
                by_suite.setdefault(offered, entry)
    for suite in suites:
        if suite in by_suite:
            return by_suite[suite], suite
    raise SipError(494, "No common security algorithm")


def _offer(entry: SecMechanism, suite: Suite, lines: tuple[str, ...]) -> Offer:
    numbers = (entry.spi_c, entry.spi_s, entry.port_c, entry.port_s)
    spi_uc, spi_us, port_uc, port_us = (
        n or 0 for n in numbers
    )  # an entry without a problem has all four
    return Offer(suite, spi_uc, spi_us, port_uc, port_us, lines)


def security_server(sa_set: SaSet, suites: Sequence[Suite]) -> str:
    """Print Security-Server: everything we support, against bidding down, the chosen one first.

    All entries carry the same SPIs and ports (TS 33.203 7.2), and all q differ (Annex H).
    """
    ordered = [sa_set.suite, *(s for s in suites if s != sa_set.suite)]
    return ", ".join(
        format_ipsec_3gpp(
            q=_preference(rank),
            alg=suite.alg,
            ealg=suite.ealg,
            spi_c=sa_set.spi_pc,
            spi_s=sa_set.spi_ps,
            port_c=sa_set.port_pc,
            port_s=sa_set.port_ps,
        )
        for rank, suite in enumerate(ordered)
    )


def supported(suites: Sequence[Suite]) -> str:
    """Print Security-Server for a phone without an agreement (421, 494): no SPIs, no ports yet."""
    return ", ".join(
        f"{IPSEC_3GPP}; q={format_q(_preference(rank))}; alg={suite.alg}; ealg={suite.ealg}"
        for rank, suite in enumerate(suites)
    )


def _preference(rank: int) -> float:
    return 0.9 - 0.05 * rank  # eight suites at the most, and no two alike


def same_list(lines: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether header lines list the expected mechanisms in the same order.

    Blanks, case and the order of parameters do not matter (TS 33.203 Annex H).
    """
    if list(lines) == list(expected):
        return True  # most phones repeat a list as it was
    try:
        return _keys_of(lines) == _keys_of(expected)
    except ParseError:
        return False


def _keys_of(lines: Iterable[str]) -> list[object]:
    return [mechanism.key for mechanism in SecMechanism.parse_many(lines)]
