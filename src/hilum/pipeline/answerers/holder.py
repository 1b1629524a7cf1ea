"""An archive elsewhere, with all that is known of it, held of it and under way from it."""

from collections.abc import AsyncIterator
from functools import partial

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.calls import Calls
from hilum.pipeline.answerers.covering import key_of
from hilum.pipeline.answerers.fetch_under_way import PATIENCE_SECONDS, STALL_SECONDS
from hilum.pipeline.answerers.fetching import Fetching
from hilum.pipeline.answerers.lists import LIST_FRESH_SECONDS, Lists
from hilum.pipeline.answerers.ports import Answerer, Cache
from hilum.pipeline.archive.ports import Batch
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval


class Holder:
    """One answerer as entities see it; all entities that name it share the object.

    It does not own the answerer: who made that closes it.
    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        answerer: Answerer,
        cache: Cache,
        *,
        telemetry: Telemetry,
        clock: Clock,
        list_fresh_seconds: float = LIST_FRESH_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.name = answerer.name
        self.lists = Lists(answerer, clock, fresh_seconds=list_fresh_seconds)
        self.fetching = Fetching(
            answerer,
            cache,
            telemetry=telemetry,
            clock=clock,
            stall_seconds=stall_seconds,
            patience_seconds=patience_seconds,
        )
        self._answerer = answerer
        self._counts = Calls[int | None]()

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether it is who asks (see `Answerer.has_asked`)."""
        return self._answerer.has_asked(asker)

    def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches (see `Answerer.find`)."""
        return self._answerer.find(query)

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances there are (see `Answerer.count`); who asks the same waits."""
        ask = partial(self._answerer.count, retrieval)
        return await self._counts.of(key_of(retrieval), ask)

    async def aclose(self) -> None:
        """Stop what is under way."""
        await self.fetching.aclose()
