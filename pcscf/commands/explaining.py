"""``pcscf why`` and ``pcscf drops``: what went wrong, in sentences."""

from typing import Any, Final

from pcscf.commands import options
from pcscf.commands.asking import asking, print_json
from pcscf.commands.tables import BAD, DOUBTFUL, GOOD, Row, say, show

_LEVELS: Final = {"ok": ("ok  ", GOOD), "note": ("note", DOUBTFUL), "bad": ("bad ", BAD)}


def why(
    who: options.Who,
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Say why a phone is not registered, or what is wrong with its ESP."""
    with asking(socket, config) as client:
        found = client.get("why", who)
        if as_json:
            print_json(found)
            return
        for one in found["sentences"]:
            mark, style = _LEVELS.get(one["level"], (one["level"], ""))
            time = f"{one['time']}  " if one["time"] else ""
            say(f"{mark}  {time}{one['text']}", style)


def drops(
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Say what ESP the kernel dropped, and what that means."""
    with asking(socket, config) as client:
        found = client.get("drops")
        print_json(found) if as_json else _show_drops(found)


def _show_drops(found: dict[str, Any]) -> None:
    rows: list[Row] = [
        [one["name"], str(one["count"]), str(one["recent"]), one["meaning"]]
        for one in found["counters"]
        if one["count"] or one["recent"]
    ]
    if rows:
        show(["COUNTER", "COUNT", "RECENT", "MEANING"], rows, wraps=True)
    else:
        say(f"the kernel has dropped nothing since {found['since']}")
    for one in found["unknown_spis"]:
        say(f"{one['time']}  {one['sentence']}", BAD)
    if found["note"]:
        say(found["note"])
