"""SAs that the kernel no longer holds: they ran out there, or somebody removed them."""

from pcscf.core.challenge import Challenges
from pcscf.core.confirmation import Confirmations
from pcscf.core.context import Context
from pcscf.core.sa_life import SaLife
from pcscf.core.sa_table import SaRow
from pcscf.core.state import Attempt
from xfrm.model import SaId


class LostSas:
    """Brings the tables in line with the kernel."""

    def __init__(
        self, context: Context, life: SaLife, challenges: Challenges, confirmations: Confirmations
    ) -> None:
        self._context = context
        self._life = life
        self._challenges = challenges
        self._confirmations = confirmations

    def on_expired(self, sa: SaId) -> None:
        """One SA ran out in the kernel: its set is of no use any more."""
        row = self._context.sas.find_sa(sa)
        if row is not None:
            self._lose(row, sa.spi)

    def on_present(self, sas: frozenset[SaId]) -> None:
        """After lost notifications: every set that is not whole in the kernel is lost."""
        for row in [row for row in self._context.sas if not sas.issuperset(row.sa_set.ids)]:
            self._lose(row, next(sa.spi for sa in row.sa_set.ids if sa not in sas))

    def _lose(self, row: SaRow, spi: int) -> None:
        self._context.report(
            "warning",
            "sa_lost",
            impi=row.owner.impi,
            ue=row.sa_set.ue,
            spi=spi,
            spi_ps=row.sa_set.spi_ps,
        )
        owner = row.owner
        if isinstance(owner, Attempt):
            self._challenges.abort(owner)
        elif row is owner.current:
            self._confirmations.drop(owner, "unprotected")
        self._life.discard(row)
