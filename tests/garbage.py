"""What is dropped must go at once: the P-CSCF makes the garbage collector's full runs rare."""

import contextlib
import gc
from collections import Counter
from collections.abc import Iterator


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """AssertionError with the types, if only the collector can free what was made within."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
        found = _unreachable()
    finally:
        gc.enable()
        gc.unfreeze()
    assert not found, found


def _unreachable() -> Counter[str]:
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return Counter(type(one).__qualname__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
