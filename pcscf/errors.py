"""The errors of this package.

::

    PcscfError                  everything below; str() is one readable line
    +-- SipError                carries the SIP status to answer with, and headers for it
    |   +-- ParseError          the message cannot be read; keeps what could be
    +-- ConfigError             a setting is wrong: file, key and reason
    +-- StartError              the machine lacks something the P-CSCF needs
    +-- CaptureError            a capture cannot be read at all
    +-- KeyFileError            keys that were given to the decoder cannot be used
    +-- StoreError              what is to survive cannot be kept or had
    |   +-- StoreLostError      the store answers, but has lost what it had confirmed
    |   +-- LeaseLostError      another process has taken over
    |   +-- SealError           a record cannot be opened, or the keys for it cannot be used
    +-- NotAllowedError         an operator's function asks for what it may not have

``xfrm`` has a tree of its own (``xfrm.errors``): it knows no SIP.
"""

from collections.abc import Iterable


class PcscfError(Exception):
    """Base of every error this package raises on purpose."""


class SipError(PcscfError):
    """A message that is answered with a failure.

    ``status`` is the SIP status code, ``reason`` the reason phrase sent to the
    peer. Neither may quote key material or unbounded input. ``headers`` are those
    that the answer needs beside the usual ones, by folded name.
    """

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)


class ParseError(SipError):
    """Bytes that are no acceptable SIP message (RFC 3261 section 16.3, 18.3, 21.4).

    ``head`` is the message's head as far as it could be read, as raw bytes; it
    serves to build an answer where the head still names a Via.
    """

    def __init__(self, status: int, reason: str, head: bytes = b"") -> None:
        super().__init__(status, reason)
        self.head = head


class ConfigError(PcscfError):
    """A setting that cannot be used; the text names file, key and reason."""


class StartError(PcscfError):
    """The machine lacks what the P-CSCF needs; the text says what, and what mends it."""


class CaptureError(PcscfError):
    """A capture that cannot be read from the start on; the text names it and the reason."""


class KeyFileError(PcscfError):
    """Keys given to the decoder that cannot be used; the text says which, and never the keys."""


class StoreError(PcscfError):
    """The store cannot be used now; the text says why, and what mends it if something does."""


class StoreLostError(StoreError):
    """The store is there without what it had confirmed: all that is known is to be put again."""


class LeaseLostError(StoreError):
    """Another process serves the phones of this one: nothing of ours may be written any more."""


class SealError(StoreError):
    """A sealed record or a file of keys cannot be used; the text never shows any of them."""


class NotAllowedError(PcscfError):
    """A change that an operator's function may not make; the text says which, and why not."""
