from pcscf.commands.errors import REFUSED, UNREACHABLE, CommandError
from pcscf.errors import PcscfError


def test_an_error_knows_the_exit_status() -> None:
    assert CommandError("no").exit_status == REFUSED == 1
    assert CommandError("no", UNREACHABLE).exit_status == 3
    assert isinstance(CommandError("no"), PcscfError)
