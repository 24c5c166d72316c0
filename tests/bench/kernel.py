"""SA set-up in a real kernel: four SAs in one send, against one at a time.

``python -m tests.bench.kernel`` prints JSON; it needs a kernel with ESP.
"""

import json
import sys
import time
from collections.abc import Callable

from tests.bench.players import Player, best, register
from xfrm.kernel import XfrmKernel
from xfrm.model import SaSet, SelectorMode
from xfrm.netlink import XfrmSocket
from xfrm.wire import new_sa

_REQID = 7
_ROUNDS = 5
_SETS = 100


def measure() -> dict[str, float]:
    """CPU microseconds per phone: install batched, one by one, remove, encode only."""
    player = Player(keep=True)
    register(player, _SETS)
    kernel = XfrmKernel(_REQID, ())
    sets = [effect.sa_set for effect in player.installs]
    keys = player.installs[0].keys
    netlink = XfrmSocket()

    def batched(sa_set: SaSet) -> None:
        kernel.install(sa_set, keys, 300)

    def one_by_one(sa_set: SaSet) -> None:
        for sa in sa_set.associations(keys, _REQID, SelectorMode.STRICT, 300):
            netlink.ask(new_sa, [sa])

    def encode(sa_set: SaSet) -> None:
        for number, sa in enumerate(sa_set.associations(keys, _REQID, SelectorMode.STRICT, 300)):
            new_sa(sa, number)

    try:
        return {
            "batched": _per_set(sets, batched, kernel.remove),
            "one by one": _per_set(sets, one_by_one, kernel.remove),
            "remove": _per_set(sets, kernel.remove, None, lambda s: kernel.install(s, keys, 300)),
            "encode": _per_set(sets, encode, None),
        }
    finally:
        for sa_set in sets:
            kernel.remove(sa_set)
        kernel.close()


def _per_set(
    sets: list[SaSet],
    act: Callable[[SaSet], None],
    undo: Callable[[SaSet], None] | None,
    prepare: Callable[[SaSet], None] | None = None,
) -> float:
    def once() -> float:
        for sa_set in sets if prepare else []:
            assert prepare
            prepare(sa_set)
        start = time.process_time()
        for sa_set in sets:
            act(sa_set)
        seconds = time.process_time() - start
        for sa_set in sets if undo else []:
            assert undo
            undo(sa_set)
        return seconds

    return best(_ROUNDS, once) / len(sets) * 1e6


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
