from collections.abc import Iterator
from itertools import count

from pcscf.net.entropy import Entropy


def pages(asked: list[int]) -> Iterator[bytes]:
    for number in count(1):
        yield bytes([number]) * asked[-1]


def test_no_octet_is_given_twice() -> None:
    asked: list[int] = []
    made = pages(asked)

    def source(size: int) -> bytes:
        asked.append(size)
        return next(made)

    entropy = Entropy(source)
    given = b"".join(entropy(12) for _ in range(1_000))
    assert len(given) == 12_000
    assert all(given.count(page) <= asked[0] for page in set(given))
    # 341 pieces of 12 fit into 4,096; what is left of a page is dropped.
    assert asked == [4096] * 3


def test_the_kernel_is_the_source() -> None:
    entropy = Entropy()
    drawn = {entropy(16) for _ in range(1_000)}
    assert len(drawn) == 1_000
    assert {len(each) for each in drawn} == {16}
