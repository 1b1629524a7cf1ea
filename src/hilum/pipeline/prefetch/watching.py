"""An archive whose searches are noticed: what they are about may set off prefetching."""

from collections.abc import AsyncIterator, Callable, Sequence

from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.pipeline.archive.ports import Archive, Batch, Holding, Purpose, Supply
from hilum.pipeline.closing import closing
from hilum.pipeline.prefetch.occasion import Impression, Occasion
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval


class WatchedArchive:
    """Answers as the archive behind it (`pipeline.archive.ports.Archive`)."""

    def __init__(self, archive: Archive, notice: Callable[[Occasion], None]) -> None:
        self.archive = archive
        self._notice = notice

    async def find(self, query: Query, asker: Origin) -> AsyncIterator[Batch]:
        """Give all matches of a question; notice whom they are about when they have been read."""
        impression = Impression(query, asker)
        try:
            async with closing(self.archive.find(query, asker)) as given:
                async for batch in given:
                    if impression.is_of_interest:
                        impression.add(batch.matches)
                    yield batch
        finally:
            occasion = impression.occasion()
            if occasion is not None:
                self._notice(occasion)

    async def holdings(
        self, retrieval: Retrieval, asker: Origin, purpose: Purpose
    ) -> Sequence[Holding]:
        """Give the instances of a retrieval."""
        return await self.archive.holdings(retrieval, asker, purpose)

    async def supply(
        self,
        retrieval: Retrieval,
        asker: Origin,
        purpose: Purpose,
        *,
        syntaxes: tuple[UID, ...] = (),
    ) -> Supply:
        """Begin to give the instances of a retrieval."""
        return await self.archive.supply(retrieval, asker, purpose, syntaxes=syntaxes)

    def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each holding."""
        return self.archive.metadata(holdings, bulk_root)
