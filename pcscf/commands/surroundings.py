"""``pcscf status``, ``next-hops`` and ``blocked``: the P-CSCF itself, and who is around it."""

from typing import Any, Final

from pcscf.commands import options
from pcscf.commands.asking import asking, print_json
from pcscf.commands.tables import BAD, DOUBTFUL, GOOD, STRONG, Cell, say, show
from pcscf.commands.words import count, plain, span

_STATES: Final = {"active": GOOD, "probing": DOUBTFUL, "inactive": BAD, "disabled": DOUBTFUL}


def status(
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Show the P-CSCF at a glance: is it ready, what it holds, what it has counted."""
    with asking(socket, config) as client:
        found = client.get("status")
        print_json(found) if as_json else _show_status(found)


def _show_status(found: dict[str, Any]) -> None:
    say(f"pcscf {found['version']}, up since {found['started']}", STRONG)
    if found["ready"]:
        say("ready", GOOD)
    for reason in found["reasons"]:
        say(f"not ready: {plain(reason)}", BAD)
    for note in found["notes"]:
        say(f"note: {plain(note)}", DOUBTFUL)
    facts = {
        "Gm": ", ".join(found["gm"]),
        "algorithms": ", ".join(found["suites"]),
        "log level": found["log_level"],
        "store": _store(found["store"]),
        "hooks": _hooks(found["hooks"]),
    }
    for name, value in facts.items():
        _fact(name, value)
    for title in ("held", "counted"):
        if found[title]:
            say("")
            say(title, STRONG)
        for name, value in found[title].items():
            _fact(name.replace("_", " "), value)


def _store(found: dict[str, Any] | None) -> str:
    if not found:
        return "none: a restart forgets all phones"
    waiting = f", {count(found['waiting'], 'change waits', 'changes wait')}"
    return f"{found['kind']}, {found['state']} since {found['since']}{waiting}"


def _hooks(found: dict[str, Any] | None) -> str:
    return f"{found['file']}: {', '.join(found['functions'])}" if found else "none"


def _fact(name: str, value: object) -> None:
    say(f"  {name:28}  {value}")


def next_hops(
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """List the next hops, and whether they answer."""
    with asking(socket, config) as client:
        found = client.get("next-hops")
    if as_json:
        print_json(found)
        return
    rows = [
        [
            one["next_hop"],
            Cell(one["state"], _STATES.get(one["state"], "")),
            one["flags"],
            str(one["failures"]),
            one["reason"] or "-",
        ]
        for one in found["next_hops"]
    ]
    if rows:
        show(["NEXT HOP", "STATE", "FLAGS", "FAILURES", "REASON"], rows)
    else:
        say("no next hop is known yet: all are names, and none was looked up")


def blocked(
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """List the sources that are blocked, why, and for how long."""
    with asking(socket, config) as client:
        found = client.get("blocked")
    if as_json:
        print_json(found)
        return
    rows = [[one["source"], one["reason"], span(one["expires_in"])] for one in found["blocked"]]
    if rows:
        show(["SOURCE", "REASON", "FREE IN"], rows)
    say(count(len(rows), "source is blocked", "sources are blocked"))
