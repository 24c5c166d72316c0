"""What the operator decided about hooks; ``config/pcscf.toml`` says what each is for."""

from dataclasses import dataclass
from enum import StrEnum


class OnFailure(StrEnum):
    """What becomes of a request whose function has failed."""

    GO_ON = "go-on"  # it goes on as if the function were not there
    REFUSE = "refuse"  # 500


@dataclass(frozen=True, slots=True)
class HookPolicy:
    """Times in seconds. ``file`` is empty if there are no hooks."""

    file: str = ""
    time_limit: float = 0.05  # that a function may keep the event loop
    async_time_limit: float = 2.0  # from call to answer of one that waits
    slow: float = 0.005  # of the event loop, from which on a call counts as slow
    max_waiting: int = 1000  # calls that wait at a time
    on_failure: OnFailure = OnFailure.GO_ON
