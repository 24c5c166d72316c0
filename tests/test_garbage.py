import gc

import pytest

from tests.garbage import no_garbage


class Knot:
    def __init__(self) -> None:
        self.end = self


def test_what_holds_itself_is_named() -> None:
    with pytest.raises(AssertionError, match="Knot"), no_garbage():
        Knot()
    assert gc.isenabled()
    assert gc.garbage == []


def test_what_goes_by_itself_is_fine() -> None:
    with no_garbage():
        _ = [Knot.__name__ for _ in range(3)]
