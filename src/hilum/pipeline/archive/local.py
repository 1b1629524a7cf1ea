"""Our own archive: the catalogue of the ledger, payloads of the vault, and account of every access.

Nothing is given out before its audit record is durable. What may block is done in a few threads of
its own, so that neither commits of intake nor the loop wait for a search.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Final, Protocol, Self, TypeVar

from hilum.kernel.clock import Clock
from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.ledger.holdings import Held, Holding
from hilum.ledger.ledger import Ledger
from hilum.ledger.readers import READERS, AllBusy
from hilum.ledger.search import Found, Place
from hilum.pipeline.archive.accounts import Accounts, settled
from hilum.pipeline.archive.at_hand import AtHand
from hilum.pipeline.archive.metadata import Describer
from hilum.pipeline.archive.ports import Batch, Purpose
from hilum.pipeline.archive.wording import of_holdings, of_query
from hilum.pipeline.crew import Crew
from hilum.pipeline.reading import Reading
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

# The first answers come soon: a page of a hundred, and one that tells whether there are more. The
# others take fewer ways to a thread.
FIRST_BATCH: Final = 101
BATCH: Final = 500
# Instances whose metadata is made or read at a time.
METADATA_BATCH: Final = 50
# Done many times by viewers for one study; the others are told each time.
REPEATED: Final = frozenset((Purpose.RETRIEVE, Purpose.METADATA, Purpose.RENDER))

_T = TypeVar("_T")


class Catalogue(Protocol):
    """What searches need of the ledger: see `hilum.ledger.search`. Raises LedgerUnavailable."""

    def find(
        self, query: Query, *, limit: int = ..., after: Place | None = ..., skip: int = ...
    ) -> Found:
        """Give a page of matches."""
        ...


class Holdings(Protocol):
    """What retrievals need of the ledger: see `hilum.ledger.holdings`. Raises LedgerUnavailable."""

    def of(self, retrieval: Retrieval) -> Held:
        """Give the instances of a retrieval."""
        ...


class LocalArchive:
    """What this gateway holds (see `hilum.pipeline.archive.ports.Archive`)."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        holdings: Holdings,
        audit: Callable[..., None],
        describer: Describer,
        clock: Clock,
        holdings_at_once: Holdings | None = None,
    ) -> None:
        """Begin; `audit` is Ledger.audit. What is found at once is not looked for in threads."""
        self._catalogue = catalogue
        self._holdings = holdings
        self._holdings_at_once = holdings_at_once
        self._reading = Reading()
        self._describer = describer
        self._threads = Crew("archive", READERS)
        self._accountant = Crew("accounts", 1)
        self.accounts = Accounts(audit, crew=self._accountant, clock=clock)

    @classmethod
    def over(cls, ledger: Ledger, describer: Describer, clock: Clock) -> Self:
        """Make it of what a gateway has."""
        return cls(
            catalogue=ledger.search,
            holdings=ledger.holdings,
            holdings_at_once=ledger.holdings_at_once,
            audit=ledger.audit,
            describer=describer,
            clock=clock,
        )

    async def find(self, query: Query, asker: Origin) -> AsyncIterator[Batch]:
        """Give all matches of a question, batch by batch (see the port)."""
        # Written while it is looked for; waited for before anything is given.
        written = self.accounts.begin([of_query(query, asker)])
        async with aclosing(self.pages(query)) as pages:
            async for batch in pages:
                if not written.done():
                    await settled(written)
                written.result()
                yield batch

    async def pages(self, query: Query) -> AsyncGenerator[Batch, None]:
        """Give all matches for somebody who keeps account of it."""
        left = query.limit
        place: Place | None = None
        skip, size = query.offset, FIRST_BATCH
        while True:
            limit = size if left is None else min(size, left)
            found = await self._in_thread(self._page, query, limit, place, skip)
            yield Batch(found.matches, found.ignored)
            left = None if left is None else left - len(found.matches)
            if found.next is None or left == 0:
                return
            place, skip, size = found.next, found.skip, BATCH

    async def holdings(
        self, retrieval: Retrieval, asker: Origin, purpose: Purpose
    ) -> Sequence[Holding]:
        """Give the instances of a retrieval (see the port)."""
        held = await self.held(retrieval)
        records = of_holdings(
            held.holdings, held.patient_ids, retrieval, asker=asker, event=purpose.value
        )
        if purpose in REPEATED:
            await self.accounts.keep_once(records)
        else:
            await settled(self.accounts.begin(records))
        return held.holdings

    async def supply(
        self,
        retrieval: Retrieval,
        asker: Origin,
        purpose: Purpose,
        *,
        syntaxes: tuple[UID, ...] = (),  # noqa: ARG002 - all is given as it is stored
    ) -> AtHand:
        """Give the instances of a retrieval, all of which are here (see the port)."""
        return AtHand(await self.holdings(retrieval, asker, purpose))

    async def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each holding (see the port)."""
        for start in range(0, len(holdings), METADATA_BATCH):
            part = holdings[start : start + METADATA_BATCH]
            for one in await self._in_thread(self._describer.describe, part, bulk_root):
                yield one

    def close(self) -> None:
        """End the threads, when what they were doing is done."""
        self._threads.close()
        self._accountant.close()

    async def held(self, retrieval: Retrieval) -> Held:
        """Look for instances, for somebody who keeps account of it.

        For one on the loop, since the way to a thread takes far longer.
        """
        is_one = retrieval.level is Level.IMAGE and len(retrieval.keys[Level.IMAGE]) == 1
        if is_one and self._holdings_at_once is not None:
            with suppress(AllBusy):
                return await self._reading.call(partial(self._holdings_at_once.of, retrieval))
        return await self._in_thread(self._holdings.of, retrieval)

    def _page(self, query: Query, limit: int, place: Place | None, skip: int) -> Found:
        return self._catalogue.find(query, limit=limit, after=place, skip=skip)

    async def _in_thread(self, act: Callable[..., _T], *values: object) -> _T:
        return await self._threads.run(partial(act, *values))
