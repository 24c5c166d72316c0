"""Random octets that nobody can guess, asked of the kernel by the page, not by the message."""

import os
from collections.abc import Callable

_PAGE = 4096  # octets


class Entropy:
    """Gives octets of ``source``, each of them once. Not for use on both sides of a fork."""

    def __init__(self, source: Callable[[int], bytes] = os.urandom) -> None:
        self._source = source
        self._page = b""
        self._used = 0

    def __call__(self, size: int) -> bytes:
        """Give ``size`` octets; at most a page of them."""
        if self._used + size > len(self._page):
            self._page, self._used = self._source(_PAGE), 0
        start = self._used
        self._used += size
        return self._page[start : self._used]
