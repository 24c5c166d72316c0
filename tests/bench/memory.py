"""Memory of a registered phone, with its share of every index."""

import gc
import tracemalloc
from collections.abc import Iterable, Iterator

from pcscf.sip.address import NameAddr
from pcscf.sip.cseq import CSeq
from pcscf.sip.via import Via
from tests.bench.players import Player, register

_FAR_AWAY = 9_000_000  # a number beyond those of all phones that are counted
# Far more than ``pcscf.sip.remembered`` keeps: a full table is made anew now and then, and one that
# was made before the count began would be counted where it happens.
_TEXTS = 10_000


def per_phone(counts: Iterable[int]) -> Iterator[tuple[int, float]]:
    """Let one edge grow; give its octets for each phone at each count.

    It is the interpreter's own account of what was asked of the allocator and not given
    back. Transactions are over by then.
    """
    registered = 0
    tracemalloc.start()
    try:
        player = Player()
        register(player, 1, first=_FAR_AWAY)  # what is made once is not counted
        _fill_remembered()
        before = _taken()
        for count in counts:
            register(player, count - registered, first=registered + 1)
            registered = count
            yield count, (_taken() - before) / count
    finally:
        tracemalloc.stop()


def _fill_remembered() -> None:
    """Read so many texts that further ones only take the place of others."""
    for number in range(_TEXTS):
        Via.parse(f"SIP/2.0/UDP 192.0.2.1:{number}")
        CSeq.parse(f"{number} REGISTER")
        text = f"<sip:00101{number:010d}@home.example>;expires=7200"
        _ = NameAddr.parse(text).sip_uri


def _taken() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
