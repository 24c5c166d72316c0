"""Security-Verify: whether a phone repeats the list that it was given (RFC 3329 2.3.1).

What does not match is answered with 494 and the list as it was sent: somebody in between
may have bid the agreement down.
"""

from pcscf.core import agreement
from pcscf.core.guard import Guard
from pcscf.core.offence import Offence
from pcscf.core.sa_table import SaRow
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.wire import Wire
from pcscf.sip.message import Request

_MOST_REMEMBERED = 4096


class Verification:
    """Compares lists, and answers for those that do not match."""

    def __init__(self, wire: Wire, guard: Guard) -> None:
        self._wire = wire
        self._context = wire.context
        self._guard = guard
        self._lists: dict[int, str] = {}  # of the sets in use lately, by spi_ps

    def holds(self, request: Request, row: SaRow) -> bool:
        """Whether a request mirrors the list of its set; one without is right unless required."""
        if "security-verify" not in request:
            return not self._context.policy.require_verify
        return self.is_mirrored(request, row)

    def is_mirrored(self, request: Request, row: SaRow) -> bool:
        """Whether a request has the list of its set: SM7 must (TS 33.203 Annex H)."""
        return agreement.same_list(request.values("security-verify"), [self._listed(row)])

    def refuse(self, server: ServerTransaction, row: SaRow, header: str) -> None:
        """Answer 494 with the list as we sent it; ``header`` is what does not match."""
        self._context.report(
            "warning",
            "security_mismatch",
            server.request,
            impi=row.owner.impi,
            ue=row.sa_set.ue,
            spi_ps=row.sa_set.spi_ps,
            header=header,
        )
        self._guard.note(row.sa_set.ue, Offence.MISMATCH)
        headers = [("require", "sec-agree"), ("security-server", self._listed(row))]
        self._wire.reject(server, 494, "Security Agreement Required", headers)

    def _listed(self, row: SaRow) -> str:
        text = self._lists.get(row.sa_set.spi_ps)
        if text is None:
            if len(self._lists) >= _MOST_REMEMBERED:
                self._lists.clear()
            text = agreement.security_server(row.sa_set, row.offered)
            self._lists[row.sa_set.spi_ps] = text
        return text
