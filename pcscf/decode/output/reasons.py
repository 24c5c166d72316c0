"""Why some of an SA's packets could not be read, or were not all there: in words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from pcscf.decode.model import Fault, Sa

_MANY: Final = 3  # bad packets in a row: no accident


def reasons(sas: Iterable[Sa]) -> list[tuple[Sa, str]]:
    """Give each SA with a phrase; empty where everything was there and was read."""
    known = list(sas)
    by_spi: dict[tuple[str, int], list[Sa]] = {}
    for sa in known:
        by_spi.setdefault((sa.dst, sa.spi), []).append(sa)
    return [(sa, "; ".join(_phrases(sa, by_spi))) for sa in known]


def _phrases(sa: Sa, by_spi: Mapping[tuple[str, int], list[Sa]]) -> Iterator[str]:
    if not sa.packets:
        return
    if sa.faults[Fault.UNKNOWN_SPI]:
        yield _unknown(sa, by_spi[sa.dst, sa.spi])
    elif sa.first_sequence > 1:
        yield f"started in mid-session: the first packet is number {sa.first_sequence}"
    for fault, told in _TOLD.items():
        if count := sa.faults[fault]:
            yield told(sa, _packets(count))
    if sa.missing:
        yield f"{_packets(sa.missing)} missing: lost on the way, or by the capture"
    if not sa.checked:
        yield "the ICV is not checked"


def _bad_icv(sa: Sa, _packets_in_all: str) -> str:
    """Tell damage from what came to be another SA."""
    bad, run = sa.faults[Fault.BAD_ICV], sa.bad_run
    if run < _MANY or run > bad or sa.bad_after != sa.last_sequence:
        return _damaged(bad)
    replaced = (
        f"SA expired or replaced: the last {run} packets have no good ICV, those before have; "
        "their SA's keys are not known"
    )
    return f"{replaced}; {_damaged(bad - run)}" if bad > run else replaced


def _damaged(count: int) -> str:
    return f"{_packets(count)} damaged on the way, or forged: others are good"


def _unknown(sa: Sa, same_spi: list[Sa]) -> str:
    """Tell what is most likely where there were no keys."""
    if sa.keys is not None:
        return (
            f"{_packets(sa.faults[Fault.UNKNOWN_SPI])} before their keys: {sa.origin}; "
            "give them with --keys"
        )
    for other in same_spi:
        if other is not sa and other.until is not None and other.until <= sa.first_time:
            return "SA expired or replaced: the keys known for this SPI are those of an earlier one"
        if other is not sa and other.since is not None and other.since >= sa.last_time:
            return "the keys known for this SPI are those of a later SA"
    if sa.ports:
        return (
            "keys not in the capture: it has the registration on Gm, not the 401 of the core; "
            "give --keys, or --usim"
        )
    if sa.first_sequence > 1:
        return (
            f"started in mid-session: the first packet is number {sa.first_sequence}, the "
            "registration was before; give --keys"
        )
    return (
        "unknown SPI: its registration is not in the capture, or in ESP that was not read; "
        "give --keys"
    )


def _packets(count: int) -> str:
    return f"{count} packet" if count == 1 else f"{count} packets"


def _wrong_key(sa: Sa, packets: str) -> str:
    keys = sa.tried or sa.origin or "unknown"
    return f"wrong key: {packets} without a good ICV, none with one; keys: {keys}"


def _selector(sa: Sa, packets: str) -> str:
    agreed = f"{sa.ports[0]} to {sa.ports[1]}, which were" if sa.ports else "those"
    return f"selector: {packets} between other ports or addresses than {agreed} agreed"


# Called only where there is such a fault.
_TOLD: Final[Mapping[Fault, Callable[[Sa, str], str]]] = {
    Fault.WRONG_KEY: _wrong_key,
    Fault.BAD_ICV: _bad_icv,
    Fault.MALFORMED: lambda _, packets: f"{packets} malformed",
    Fault.CUT: lambda _, packets: f"{packets} cut by the snap length: capture whole ones (-s 0)",
    Fault.SELECTOR: _selector,
    Fault.REPLAYED: lambda _, packets: f"{packets} seen before: captured twice, or replayed",
    Fault.LATE: lambda _, packets: f"{packets} too late for a receiver's window, which drops them",
}
