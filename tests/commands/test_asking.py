"""Again and again; interruption; JSON."""

import io
import sys

import pytest
import typer

from pcscf.commands import asking
from pcscf.commands.asking import again, print_json
from pcscf.commands.errors import CommandError


def test_once_is_once() -> None:
    shown: list[int] = []
    again(lambda: shown.append(1), watch=False)
    assert shown == [1]


def test_a_terminal_is_cleared_between_and_a_pipe_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        tty = True

        def isatty(self) -> bool:
            return self.tty

    for tty, expected in ((True, "x\x1b[H\x1b[Jx"), (False, "x\nx")):
        made = Terminal()
        made.tty = tty
        pauses = iter((None, KeyboardInterrupt))
        monkeypatch.setattr(sys, "stdout", made)
        monkeypatch.setattr("time.sleep", lambda _, pauses=pauses: pause(next(pauses)))
        with pytest.raises(KeyboardInterrupt):
            again(lambda made=made: made.write("x"), watch=True)  # type: ignore[misc]
        assert made.getvalue() == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [(CommandError("no\x1b", 1), 1), (CommandError("no\x1b", 3), 3), (KeyboardInterrupt(), 130)],
)
def test_what_fails_is_one_line_and_the_exit_status(
    error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, asking.asking("/x", None):
        raise error
    assert caught.value.exit_code == status
    said = capsys.readouterr().err
    assert said == ("no\\x1b\n" if isinstance(error, CommandError) else "")


def pause(error: type[KeyboardInterrupt] | None) -> None:
    if error:
        raise error


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"impi": "é\udcff"})
    assert capsys.readouterr().out == '{\n  "impi": "\\u00e9\\udcff"\n}\n'
