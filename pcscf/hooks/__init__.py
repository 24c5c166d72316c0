"""An operator's own rules: Python functions that see and change messages (docs/hooks.md)."""

from pcscf.hooks.api import (
    MessageView,
    NotAllowedError,
    PhoneInfo,
    Reject,
    RequestView,
    ResponseView,
    number_of,
)

__all__ = [
    "MessageView",
    "NotAllowedError",
    "PhoneInfo",
    "Reject",
    "RequestView",
    "ResponseView",
    "number_of",
]
