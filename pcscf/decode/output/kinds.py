"""The kinds of messages that outputs give a colour."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a message is about, or how a request was answered."""

    REGISTER = "register"
    CALL = "call"
    TEXT = "text"
    EVENT = "event"
    OTHER = "other"
    PROVISIONAL = "provisional"
    SUCCESS = "success"
    CHALLENGE = "challenge"
    FAILURE = "failure"


_OF_METHOD: Final = {
    "REGISTER": Kind.REGISTER,
    **dict.fromkeys(("INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO"), Kind.CALL),
    "REFER": Kind.CALL,
    "MESSAGE": Kind.TEXT,
    **dict.fromkeys(("SUBSCRIBE", "NOTIFY", "PUBLISH"), Kind.EVENT),
}
# What is answered by another try: credentials, and sec-agree (RFC 3329 2.3).
_CHALLENGES: Final = frozenset({401, 407, 421, 494})


def kind_of(method: str, status: int | None) -> Kind:
    """Give the kind of a request (``status`` None) or of a response."""
    if status is None:
        return _OF_METHOD.get(method, Kind.OTHER)
    if status < 200:
        return Kind.PROVISIONAL
    if status < 300:
        return Kind.SUCCESS
    return Kind.CHALLENGE if status in _CHALLENGES else Kind.FAILURE
