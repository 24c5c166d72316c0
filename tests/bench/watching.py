"""What a message costs more while somebody looks on: a trace of one phone, or the mirror."""

from pcscf.core.flow import Flow
from pcscf.mirror.hep import Agent
from pcscf.mirror.homer import Homer
from pcscf.mirror.trace import Trace
from pcscf.net.observers import Tap
from tests.bench.players import Player, phone, register
from tests.bench.timing import best

OTHERS, OWN, MIRRORED = "trace, of another phone", "trace, of the phone", "mirror by HEP3, unsent"
_WATCHED, _OTHER = 1, 2
_BODY = b"m" * 500  # with its head about a kilobyte, as in the other figures


class _Nowhere:
    def send(self, packet: bytes) -> str:
        return ""


def watching(count: int = 2_000, rounds: int = 10) -> dict[str, float]:
    """Microseconds for one message each."""
    player = Player()
    register(player, 2)
    who = phone(player, _WATCHED).impu
    trace = Trace(player.edge.views, who, clock=lambda: player.now)
    for _ in trace.looking:
        pass
    return {
        OTHERS: _cost(trace, *_message(player, _OTHER), count, rounds),
        OWN: _cost(trace, *_message(player, _WATCHED), count, rounds),
        MIRRORED: _cost(Homer(_Nowhere(), Agent(1)), *_message(player, _OTHER), count, rounds),
    }


def _message(player: Player, number: int) -> tuple[Flow, bytes]:
    sender = phone(player, number)
    lines = ("P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=001010001",)
    data = sender.message("MESSAGE", "sip:bob@example.net", *lines, body=_BODY)
    return sender.protected_flow(), data


def _cost(tap: Tap, flow: Flow, data: bytes, count: int, rounds: int) -> float:
    def look() -> None:
        for _ in range(count):
            tap.seen(flow, data, sent=False)

    return best(rounds, look, count)
