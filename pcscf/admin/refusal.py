"""A request that is not granted."""

from collections.abc import Iterable


class Refusal(Exception):  # noqa: N818 - nothing has gone wrong here
    """``status`` is of HTTP, ``reason`` one readable line, ``headers`` go with the answer."""

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)
