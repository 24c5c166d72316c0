"""The closing table: every time also as a multiple of the same kernel's UDP echo."""

from dataclasses import dataclass

from rich.box import SIMPLE
from rich.table import Table

from tests.bench.decoding import THEIRS, WHOLE, DecodeFigures
from tests.bench.kernel import BATCHED, KernelFigures
from tests.bench.proxying import ProxyFigures
from tests.bench.sip import Handling
from tests.bench.storing import Cost
from tests.bench.udp import ECHO_SIZE
from tests.bench.watching import OTHERS

SIP_TARGET = 300  # microseconds, on a kernel of its own
SENDS_TARGET = 1
OCTETS_TARGET = 2048
WATCHING_TARGET = 5  # microseconds, of a message that a trace is not about
RATIO_TARGET = 1.25  # of Kamailio's CPU for the same work
STORE_TARGET = 0.05  # of a whole registration, in the same run
DECODE_TARGET = 4  # times tshark's packets in the same time
_LEAST = {WHOLE: DECODE_TARGET}  # it tells what we tell
COMPILED, AS_PYTHON = "compiled", "as Python"  # forms of ours
_TARGETS = {COMPILED: RATIO_TARGET}  # that is how it is deployed


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds of CPU for one registration; octets by the number of phones."""

    echo: float
    handling: Handling
    parsing: float
    carrying: float
    encoding: float
    kernel: KernelFigures
    octets: dict[int, float]
    protected: dict[str, ProxyFigures]  # by the form of ours
    plain: dict[str, ProxyFigures]
    decoded: dict[str, DecodeFigures]  # by suite
    watching: dict[str, float]  # by who looks on
    kept: dict[str, Cost]  # by store


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is, how much, how many UDP echoes that is, and what it may or has to be."""

    name: str
    figure: float
    echoes: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    decimals: int = 0  # of what is not a time

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """As they are printed: times with a decimal, what is counted without."""
        if self.echoes is None:
            return self.name, f"{self.figure:,.{self.decimals}f}", "", self._verdict()
        return self.name, f"{self.figure:,.1f}", f"{self.echoes:,.1f}", self._verdict()

    def _verdict(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:,} {_judged(self.figure >= self.at_least)}"
        if self.at_most is None:
            return ""
        return f"{self.at_most:,} {_judged(self.figure <= self.at_most)}"


def _judged(is_met: bool) -> str:
    return "met" if is_met else "missed"


def render(figures: Figures) -> Table:
    """Lay out the sections, one below the other."""
    table = Table("", "figure", "x echo", "at most", box=SIMPLE, caption=_where(figures.kernel))
    for column in table.columns[1:]:
        column.justify = "right"
    for title, rows in sections(figures):
        table.add_section()
        table.add_row(title, style="bold")
        for row in rows:
            name, *others = row.cells
            table.add_row(f"  {name}", *others)
    return table


def sections(figures: Figures) -> list[tuple[str, list[Row]]]:
    """Titles, and what stands below them."""
    return [
        ("two REGISTERs and four SAs; CPU us", _registration(figures)),
        ("four SAs in the kernel; CPU us", _set_up(figures)),
        ("four SAs; netlink sends", _sends(figures.kernel.sends)),
        ("one registered phone; octets", _memory(figures.octets)),
        *(
            (f"MESSAGE relayed, {form} (kernel); CPU us", _relayed(each, _TARGETS.get(form)))
            for form, each in figures.protected.items()
        ),
        *(
            (f"MESSAGE relayed, {form}, no ESP; CPU us", _relayed(each))
            for form, each in figures.plain.items()
        ),
        ("a registration kept by a store; CPU us", _kept(figures)),
        *(
            (f"ESP decoded, {suite}; CPU us a packet", _decoded(each))
            for suite, each in figures.decoded.items()
        ),
        ("a message that is looked on; CPU us more", _watched(figures)),
        (f"yardstick: UDP echo of {ECHO_SIZE:,} octets; CPU us", _echoes(figures)),
    ]


def _where(kernel: KernelFigures) -> str:
    if kernel.in_uml:
        return (
            f"kernel: user-mode-linux {kernel.release}, where system calls cost several times more"
        )
    return f"kernel: {kernel.release}, native"


def _registration(figures: Figures) -> list[Row]:
    """Each part in echoes of the kernel that it was measured on, and so their sum."""
    echo, messages = figures.echo, figures.handling.messages
    parsing = _time("parse", figures.parsing, echo)
    deciding = _time("decide and rewrite", messages - figures.parsing, echo)
    sip_work = _time("SIP work, both together", messages, echo, SIP_TARGET)
    others = [
        _time("timers, later", figures.handling.timers, echo),
        _time(f"netlink, {BATCHED} (kernel)", figures.kernel.cost[BATCHED], figures.kernel.echo),
        _time("send and receive", figures.carrying, echo),
    ]
    return [parsing, deciding, sip_work, *others, _sum("whole", [sip_work, *others])]


def _set_up(figures: Figures) -> list[Row]:
    kernel = figures.kernel
    ways = [_time(name, spent, kernel.echo) for name, spent in kernel.cost.items()]
    return [*ways, _time("encoding alone (here)", figures.encoding, figures.echo)]


def _sends(sends: dict[str, int]) -> list[Row]:
    targets = {BATCHED: SENDS_TARGET}
    return [Row(name, count, at_most=targets.get(name)) for name, count in sends.items()]


def _memory(octets: dict[int, float]) -> list[Row]:
    """The last row leaves out what the first phones have brought about once, such as caches."""
    (few, of_few), (many, of_many) = octets.items()
    added = (many * of_many - few * of_few) / (many - few)
    return [
        Row(f"of {few:,}", of_few, at_most=OCTETS_TARGET),
        Row(f"of {many:,}", of_many, at_most=OCTETS_TARGET),
        Row("each further one", added),
    ]


def _relayed(figures: ProxyFigures, at_most: float | None = None) -> list[Row]:
    """The best round of each proxy, and the ratio of rounds side by side with its spread."""
    smallest, middle, largest = figures.spread()
    return [
        *(Row(name, figures.best(name), decimals=1) for name in figures.cost),
        Row("ratio to Kamailio, median", middle, at_most=at_most, decimals=2),
        Row("smallest", smallest, decimals=2),
        Row("largest", largest, decimals=2),
    ]


def _decoded(figures: DecodeFigures) -> list[Row]:
    """The best round of each decoder, and how often tshark's packets we decode in its time."""
    rows = [Row(name, figures.best(name), decimals=1) for name in figures.cost]
    for theirs in THEIRS, WHOLE:
        smallest, middle, largest = figures.spread(theirs)
        rows += [
            Row(f"times {theirs}", middle, at_least=_LEAST.get(theirs), decimals=2),
            Row("smallest", smallest, decimals=2),
            Row("largest", largest, decimals=2),
        ]
    return rows


def _watched(figures: Figures) -> list[Row]:
    targets = {OTHERS: WATCHING_TARGET}
    return [
        _time(name, spent, figures.echo, targets.get(name))
        for name, spent in figures.watching.items()
    ]


def _kept(figures: Figures) -> list[Row]:
    """The store's part in the P-CSCF; what a server takes is another machine's as a rule."""
    rows = []
    whole = _registration(figures)[-1].figure
    for name, cost in figures.kept.items():
        rows.append(_time(name, cost.ours, figures.echo, round(STORE_TARGET * whole, 1)))
        if cost.theirs:
            rows.append(_time(f"{name}, the server", cost.theirs, figures.echo))
    return rows


def _echoes(figures: Figures) -> list[Row]:
    return [
        _time("here", figures.echo, figures.echo),
        _time("kernel", figures.kernel.echo, figures.kernel.echo),
    ]


def _time(name: str, spent: float, echo: float, at_most: float | None = None) -> Row:
    return Row(name, spent, spent / echo, at_most)


def _sum(name: str, rows: list[Row]) -> Row:
    return Row(name, sum(row.figure for row in rows), sum(row.echoes or 0 for row in rows))
