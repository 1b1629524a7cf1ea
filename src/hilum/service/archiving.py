"""The archive of one process: what doors ask, and the duty that goes ahead of their questions."""

import asyncio
import uuid

from hilum.kernel.clock import Clock
from hilum.ledger.ledger import Ledger
from hilum.pipeline.archive.ahead import Ahead
from hilum.pipeline.archive.indexing import Indexing
from hilum.pipeline.archive.local import LocalArchive
from hilum.pipeline.archive.metadata import Describer
from hilum.pipeline.intake import Intake
from hilum.pipeline.ports import Payloads
from hilum.service.clock import SteadyClock
from hilum.service.config_settings import Config


def indexing_of(config: Config) -> Indexing:
    """Give what is kept for searches besides the catalogue."""
    return Indexing(config.archive.extra_attributes.attributes())


class Archiving:
    """Builds the archive and keeps it going. `archive` is for doors."""

    def __init__(
        self, config: Config, ledger: Ledger, payloads: Payloads, clock: Clock, intake: Intake
    ) -> None:
        self._intake = intake
        self._goes_ahead = config.archive.metadata_ahead
        ledger.search.know(indexing_of(config).attributes)
        describer = Describer(ledger.metadata, payloads, has_room=self._has_room)
        self.archive = LocalArchive.over(ledger, describer, clock)
        self._ahead = Ahead(
            ledger.metadata,
            describer,
            leases=ledger.slots,
            owner=f"metadata-{uuid.uuid4().hex[:12]}",
            clock=clock,
            steady=SteadyClock(),
            is_busy=self._is_busy,
        )

    async def look(self) -> None:
        """Go ahead of questions while nothing else is going on. Raises HilumError."""
        if self._goes_ahead:
            await self._ahead.look()

    async def close(self) -> None:
        """End its threads."""
        await asyncio.to_thread(self.archive.close)

    def _has_room(self) -> bool:
        return self._intake.obstacle is None

    def _is_busy(self) -> bool:
        intake = self._intake
        return bool(intake.open_receptions or intake.waiting) or not self._has_room()
