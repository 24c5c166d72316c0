"""One line per SIP message: when, who to whom, how it travelled, and what matters in it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tests.demo.wiretap import Segment
from tests.peers.offers import read
from tests.peers.text import Message, auth_parameters, parameters, parse

Step = tuple[float, str]  # when it began, and its title


class Rung(NamedTuple):
    """A line. ``kind`` is "step" for a heading, else how the message travelled."""

    kind: str  # "step", "ESP", "clear", "core"
    text: str


def ladder(
    gm: Iterable[Segment],
    core: Iterable[Segment],
    names: Mapping[str, str],
    steps: Iterable[Step],
) -> list[Rung]:
    """Messages of both links and headings in the order of time; ``names`` are those of hosts."""
    timed = [(at, Rung("step", title)) for at, title in steps]
    start = min(at for at, _ in timed)
    timed += [(one.time, _rung(one, start, names, on_gm=True)) for one in gm]
    timed += [(one.time, _rung(one, start, names, on_gm=False)) for one in core]
    return [rung for _, rung in sorted(timed, key=lambda pair: pair[0])]


def _rung(said: Segment, start: float, names: Mapping[str, str], *, on_gm: bool) -> Rung:
    message = parse(said.data)
    kind = ("ESP" if said.esp else "clear") if on_gm else "core"
    # SPI as `ip xfrm` and Wireshark show it; of several packets the number of the last.
    how = f"ESP 0x{said.esp.spi:08x} #{said.esp.sequence}" if said.esp else "clear"
    src, dst = names[said.flow.src.host], names[said.flow.dst.host]
    notes = "; ".join(_gm_notes(message) if on_gm else _core_notes(message))
    text = (
        f"{said.time - start:7.3f}  {src:>5} -> {dst:<5}  {said.flow.transport}  {how:<18}  "
        f"{message.start.removesuffix(' SIP/2.0'):<26}  {notes}"
    )
    return Rung(kind, text.rstrip())


def _gm_notes(message: Message) -> Iterator[str]:
    yield from _expiry(message)
    if "security-client" in message:
        yield f"offers {', '.join(_suites(message.values('security-client')))}"
    if "security-verify" in message:
        yield "Security-Verify"
    if "security-server" in message:
        best = max(read(message.values("security-server")), key=lambda one: one.q or 0)
        yield f"chosen {best.alg}/{best.ealg}, port-s {best.numbers.port_s}"
    yield from _keys(message)


def _core_notes(message: Message) -> Iterator[str]:
    yield from _expiry(message)
    if message.is_request and message.method == "REGISTER":
        credentials = auth_parameters(message.get("authorization") or "")
        yield f"integrity-protected={credentials.get('integrity-protected', '(absent)')}"
    yield from _keys(message)


def _keys(message: Message) -> Iterator[str]:
    """Whether a challenge holds keys; never what they are."""
    if message.status == 401:
        found = auth_parameters(message.get("www-authenticate") or "")
        yield "with ck and ik" if {"ck", "ik"} & found.keys() else "no ck, no ik"


def _expiry(message: Message) -> Iterator[str]:
    if message.is_request and message.get("expires") == "0":
        yield "Expires: 0"
    if message.status == 200 and (message.get("cseq") or "REGISTER").endswith("REGISTER"):
        granted = [parameters(value).get("expires") for value in message.elements("contact")]
        yield f"registered for {granted[0]} s" if granted else "no contact left"


def _suites(offer: list[str]) -> Iterator[str]:
    for one in read(offer):
        yield f"{one.alg}/{one.ealg}"
