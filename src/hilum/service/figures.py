"""The live figures of one process that intake, doors and the ledger have, among its metrics."""

from collections.abc import Callable

from hilum.console.board import Board
from hilum.ledger.entry import Counts
from hilum.pipeline.intake import Intake
from hilum.pipeline.retention.keeper import Keeper
from hilum.pipeline.room import Room
from hilum.service import readings
from hilum.service.metrics import Metrics
from hilum.sources.dimse.desk import Desk


def show(  # noqa: PLR0913 - parts of one process, by keyword
    metrics: Metrics,
    *,
    board: Board,
    desk: Desk,
    intake: Intake,
    room: Room,
    keeper: Keeper,
    counts: Callable[[], Counts],
) -> None:
    """Show them from now on."""
    watch = metrics.watch
    watch(readings.WORKERS_READY, board.is_ready)
    watch(readings.ASSOCIATIONS_OPEN, lambda: desk.associations)
    watch(readings.RECEPTIONS_OPEN, lambda: intake.open_receptions)
    watch(readings.COMMITS_WAITING, lambda: intake.waiting)
    watch(readings.VAULT_FREE_BYTES, lambda: room.left + room.reserve_bytes)
    watch(readings.VAULT_RESERVE_BYTES, lambda: room.reserve_bytes)
    watch(readings.RETENTION_PERCENT, lambda: keeper.percent)
    watch(readings.LEDGER_STUDIES, lambda: counts().studies)
    watch(readings.LEDGER_SERIES, lambda: counts().series)
    watch(readings.LEDGER_INSTANCES, lambda: counts().instances)
    watch(readings.LEDGER_PAYLOAD_BYTES, lambda: counts().bytes)
