"""The errors of this package.

::

    XfrmError                   everything below; str() is one readable line, free of keys
    +-- KernelRefusal           the kernel answered a request with an error
    +-- MonitorOverrunError     notifications of the kernel were lost
    +-- EspError                an ESP packet that cannot be opened
        +-- EspIntegrityError   the ICV is wrong
"""


class XfrmError(Exception):
    """Base of every error this package raises on purpose."""


class KernelRefusal(XfrmError):  # noqa: N818 - the word says it
    """The kernel refused a request.

    ``code`` is the positive errno, ``hint`` what usually mends it (empty if unknown).
    """

    def __init__(self, request: str, code: int, text: str, hint: str = "") -> None:
        super().__init__(f"{request}: {text}" + (f" ({hint})" if hint else ""))
        self.request = request
        self.code = code
        self.hint = hint


class MonitorOverrunError(XfrmError):
    """Notifications were lost for want of room (ENOBUFS): ask anew which SAs are there."""


class EspError(XfrmError):
    """An ESP packet that cannot be opened: too short, bad padding, unknown SPI."""


class EspIntegrityError(EspError):
    """The integrity check value does not match: a wrong key or a damaged packet."""
