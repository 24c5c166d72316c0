"""Tables in a pipe, and on a terminal of 80 columns."""

import io
import re
import sys

import pytest

from pcscf.commands.tables import BAD, GOOD, Cell, Row, say, show

HEAD = ["IDENTITY", "ADDRESS", "SECURITY", "EXPIRES", "NOTES"]
LONG = "sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
ROWS: list[Row] = [
    [LONG, "2001:db8:1::10", Cell("hmac-sha-1-96/aes-cbc", GOOD), "9m 58s", "TCP"],
    ["sip:b\x1b[2J@c", "192.0.2.11", Cell("clear", BAD), "2h 05m", ""],
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, colours: bool = True) -> Terminal:
    """Let standard output be a terminal of 80 columns; pytest puts its own back after a fixture."""
    made = Terminal()
    monkeypatch.setattr(sys, "stdout", made)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    if colours:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", "1")
    return made


def uncoloured(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def test_in_a_pipe_all_is_there_and_nothing_but_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(HEAD, ROWS)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == HEAD
    assert [first.index(LONG), first.index("2001")] == [0, len(LONG) + 2]
    assert second.startswith("sip:b\\x1b[2J@c ")
    assert second == second.rstrip()


def test_on_80_columns_the_identity_alone_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_terminal(monkeypatch)
    show(HEAD, ROWS)
    lines = uncoloured(terminal.getvalue())
    assert len(lines) == 3
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert lines[1].startswith("sip:0010101234")
    assert "…" in lines[1]
    for text in ("2001:db8:1::10", "hmac-sha-1-96/aes-cbc", "9m 58s", "TCP"):
        assert text in lines[1]
    assert "\\x1b[2J" in lines[2]


def test_what_is_good_or_bad_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    show(HEAD, ROWS)
    say("not ready", BAD)
    assert "\x1b[32mhmac-sha-1-96/aes-cbc" in terminal.getvalue()
    assert "\x1b[1;31mnot ready" in terminal.getvalue()


def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch, colours=False)
    show(HEAD, ROWS)
    say("x", GOOD)
    assert "\x1b[32m" not in terminal.getvalue()
    assert uncoloured(terminal.getvalue())[-1] == "x"


def test_a_long_text_goes_on_below(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    show(["COUNTER", "MEANING"], [["XfrmInNoStates", "word " * 30]], wraps=True)
    lines = uncoloured(terminal.getvalue())
    assert len(lines) > 2
    assert " ".join(line[16:].strip() for line in lines[1:]) == ("word " * 30).strip()


def test_square_brackets_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    show(["A"], [["[bold]x[/]"]])
    say("[red]y", GOOD)
    assert "[bold]x[/]" in terminal.getvalue()
    assert "[red]y" in terminal.getvalue()
