"""Why a command was not done."""

from typing import Final

from pcscf.errors import PcscfError

REFUSED: Final = 1
UNREACHABLE: Final = 3


class CommandError(PcscfError):
    """The text is one line for people; ``exit_status`` is that of the command."""

    def __init__(self, text: str, exit_status: int = REFUSED) -> None:
        super().__init__(text)
        self.exit_status = exit_status
