"""``pcscf ues``, ``pcscf ue`` and ``pcscf sas``: phones and their SAs."""

from typing import Any, Final

from pcscf.commands import options
from pcscf.commands.asking import again, asking, print_json
from pcscf.commands.client import Client
from pcscf.commands.tables import BAD, DOUBTFUL, GOOD, STRONG, Cell, Row, say, show
from pcscf.commands.words import bare, count, endpoint, identity, number, span, spi

_STAGES: Final = {"current": GOOD, "temporary": DOUBTFUL}


def ues(  # noqa: PLR0917 - typer calls it by name
    find: options.Find = "",
    first: options.First = 0,
    most: options.Most = 100,
    watch: options.Watch = False,
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """List the phones that are registered."""
    with asking(socket, config) as client:

        def once() -> None:
            found = client.get("ues", first=first, most=most, find=find)
            print_json(found) if as_json else _list_phones(found, first)

        again(once, watch=watch)


def _list_phones(found: dict[str, Any], first: int) -> None:
    rows = [
        [identity(one), one["ue"], _security(one), span(one["expires_in"]), _notes(one)]
        for one in found["ues"]
    ]
    if rows:
        show(["IDENTITY", "ADDRESS", "SECURITY", "EXPIRES", "NOTES"], rows)
    _say_part(len(rows), first, found["total"], "phone", "phones")


def _security(ue: dict[str, Any]) -> Cell:
    if not ue["protected"]:
        return Cell("clear", DOUBTFUL)
    return Cell(ue["sas"][0]["suite"] if ue["sas"] else "-", GOOD)


def _notes(ue: dict[str, Any]) -> str:
    words = [name for name in ("emergency", "guest", "silent") if ue[name]]
    words += [ue["transport"]] if ue["transport"] != "UDP" else []
    words += [count(ue["dialogs"], "dialog", "dialogs")] if ue["dialogs"] else []
    return ", ".join(words)


def _say_part(shown: int, first: int, total: int, one: str, many: str) -> None:
    """Say how many there are, and which of them were shown."""
    if shown == total:
        say(count(total, one, many) if total else f"no {many}")
    elif shown:
        say(f"{first + 1} to {first + shown} of {total} {many} (--first, --most)")
    else:
        say(f"none from {first} on of {total} {many}")


def ue(
    who: options.Who,
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Show one phone: identities, contacts, and its SAs with the kernel's counters."""
    with asking(socket, config) as client:
        found = client.get("ues", who)
        if as_json:
            print_json(found)
            return
        for place, one in enumerate(found["ues"]):
            if place:
                say("")
            _show_phone(one)


def _show_phone(one: dict[str, Any]) -> None:
    say(f"{identity(one)} at {one['ue']}", STRONG)
    kinds = [name for name in ("emergency", "guest", "silent") if one[name]]
    way = f"over {one['transport']}, " + ("under SAs" if one["protected"] else "in clear")
    facts = [
        ("private identity", one["impi"]),
        ("registered", f"for {span(one['expires_in'])} more, {way}{_all(', {}', kinds)}"),
        ("accepted by", one["next_hop"] or "-"),
        ("instance", one["instance"] or "-"),
        ("dialogs", str(one["dialogs"])),
        *(("identity", bare(uri)) for uri in one["identities"]),
        *(("contact", f"{binding['contact']} of {binding['impu']}") for binding in one["bindings"]),
    ]
    for name, value in facts:
        say(f"  {name:16}  {value}")
    for sa_set in one["sas"]:
        _show_sa_set(sa_set)


def _all(form: str, words: list[str]) -> str:
    return "".join(form.format(word) for word in words)


def _show_sa_set(sa_set: dict[str, Any]) -> None:
    more = ", with a TCP connection of the phone" if sa_set["tcp"] else ""
    say("")
    say(
        f"SAs: {sa_set['stage']}, {sa_set['suite']}, for {span(sa_set['expires_in'])}{more}",
        _STAGES.get(sa_set["stage"], ""),
    )
    if "sas" in sa_set:
        head = ["SPI", "FROM", "TO", "PACKETS", "OCTETS", "REPLAYED", "BAD ICV"]
        show(head, [_counted(sa) for sa in sa_set["sas"]])
    else:
        show(["SPI", "FROM", "TO"], _four(sa_set))


def _counted(sa: dict[str, Any]) -> Row:
    return [
        spi(sa["spi"]),
        endpoint(sa["src"], sa["src_port"]),
        endpoint(sa["dst"], sa["dst_port"]),
        number(sa["packets"]),
        number(sa["bytes"]),
        _failures(sa["replay"]),
        _failures(sa["integrity_failed"]),
    ]


def _failures(amount: int | None) -> Cell:
    return Cell(number(amount), BAD if amount else "")


def _four(own: dict[str, Any]) -> list[Row]:
    """The four SAs of a set, each by the port and SPI of who receives (TS 33.203 7.1)."""
    phone, us = (own["ue"], "port_u"), (own["pcscf"], "port_p")
    rows: list[Row] = []
    for (src, from_), (dst, to), ends in (
        (phone, us, "cs"), (us, phone, "cs"), (us, phone, "sc"), (phone, us, "sc"),
    ):  # fmt: skip
        name = f"spi_{to[-1]}{ends[1]}"
        source = endpoint(src, own[from_ + ends[0]])
        rows.append([spi(own[name]), source, endpoint(dst, own[to + ends[1]])])
    return rows


def sas(  # noqa: PLR0917 - typer calls it by name
    first: options.First = 0,
    most: options.Most = 100,
    watch: options.Watch = False,
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """List the SA sets: four SAs each, of every phone and every challenge."""
    with asking(socket, config) as client:
        again(lambda: _list_sas(client, first, most, as_json=as_json), watch=watch)


def _list_sas(client: Client, first: int, most: int, *, as_json: bool) -> None:
    found = client.get("sas", first=first, most=most)
    if as_json:
        print_json(found)
        return
    rows: list[Row] = [
        [
            one["ue"],
            Cell(one["stage"], _STAGES.get(one["stage"], "")),
            one["suite"],
            span(one["expires_in"]),
            spi(one["spi_ps"]),
            spi(one["spi_us"]),
        ]
        for one in found["sas"]
    ]
    if rows:  # of the four SAs these two carry what goes over UDP
        show(["ADDRESS", "STAGE", "ALGORITHMS", "EXPIRES", "SPI PS", "SPI US"], rows)
    _say_part(len(rows), first, found["total"], "SA set", "SA sets")
