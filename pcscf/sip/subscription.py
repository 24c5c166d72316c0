"""Header values of event subscriptions (RFC 6665 section 8.2)."""

import re
from typing import NamedTuple, Self

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.params import Params

# Subscription-State = substate-value *(SEMI subexp-params)
_STATE = re.compile(grammar.token)
# Expires = delta-seconds ; Retry-After may have a comment or parameters behind it
_SECONDS = re.compile(r"[0-9]++")

_LONGEST = 2**31  # seconds, RFC 3261 20.19: some 68 years


class SubscriptionState(NamedTuple):
    """``state`` and ``reason`` in lower case, "" without a reason; times in seconds."""

    state: str
    reason: str = ""
    expires: int | None = None
    retry_after: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Subscription-State; raises ParseError 400. A time that is none is as if absent."""
        match = _STATE.match(text)
        if match is None:
            raise ParseError(400, "Bad Subscription-State")
        params = Params.parse(text[match.end() :])
        return cls(
            match[0].lower(),
            (params.get("reason") or "").lower(),
            delta_seconds(params.get("expires")),
            delta_seconds(params.get("retry-after")),
        )


def delta_seconds(text: str | None) -> int | None:
    """Read the seconds that Expires or Retry-After begin with; None if they do not."""
    match = _SECONDS.match(text or "")
    return min(int(match[0][:12]), _LONGEST) if match else None


def event_package(text: str | None) -> str:
    """Give the event package that Event names, as sent; its parameters do not count."""
    return (text or "").partition(";")[0].strip(" \t")
