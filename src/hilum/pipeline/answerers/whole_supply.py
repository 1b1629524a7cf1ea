"""The instances of one study or series on their way before anybody has listed them.

They are given as they land. What is left when the whole fetch is over, because it was cut, brought
another number than was counted, or went by a slow reader, is listed and fetched the usual way.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from hilum.kernel.names import UID
from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.listing import Listing
from hilum.pipeline.answerers.ports import Cache
from hilum.pipeline.answerers.reader import Reader
from hilum.pipeline.answerers.supplying import BridgedSupply
from hilum.pipeline.archive.ports import Holding, Missing, Named
from hilum.pipeline.closing import closing
from hilum.query.retrieval import Retrieval

if TYPE_CHECKING:
    from hilum.pipeline.answerers.whole_under_way import WholeUnderWay


class WholeSupply:
    """A `pipeline.archive.ports.Supply`. Begun by `begin`, and closed, whatever happens."""

    expected: Sequence[Named] = ()
    holdings: Sequence[Holding] | None = None
    warnings: Sequence[str] = ()

    def __init__(
        self,
        holder: Holder,
        retrieval: Retrieval,
        cache: Cache,
        *,
        count: int,
        listing: Callable[[], Awaitable[Listing]],
        syntaxes: tuple[UID, ...] = (),
    ) -> None:
        """Take whose it is; `listing` asks for the list, when it turns out to be needed."""
        self.count = count
        self._holder = holder
        self._retrieval = retrieval
        self._cache = cache
        self._list = listing
        self._syntaxes = syntaxes
        self._reader = Reader(cache)
        self._fetch: WholeUnderWay | None = None
        self._before: dict[str, Holding] = {}  # landed before, still in the cache
        self._given: set[str] = set()
        self._pinned: dict[str, Holding] = {}
        self._rest: BridgedSupply | None = None

    async def begin(self, *, is_passing: bool = False) -> bool:
        """Follow a whole fetch; False: it cannot be had that way.

        `is_passing`: who reads takes it away (see `Fetching.follow`).
        """
        fetching = self._holder.fetching
        fetch = fetching.follow(
            self._reader,
            self._retrieval,
            self._syntaxes,
            count=self.count,
            is_passing=is_passing,
        )
        self._fetch = fetch
        if fetch is not None and fetch.landed:
            self._before = await fetching.look(list(fetch.landed.values()))
            self._pinned = {one.path: one for one in self._before.values()}
        return fetch is not None

    async def __aiter__(self) -> AsyncIterator[Holding | Missing]:
        """Give each instance once (see the port)."""
        for holding in self._before.values():
            self._given.add(holding.sop_instance_uid)
            yield holding
        async with closing(self._followed()) as landed:
            async for holding in landed:
                yield holding
        listing = await self._left()
        if not listing.expected:
            return
        self.count = len(self._given) + len(listing.expected)
        rest = self._rest = BridgedSupply(
            listing,
            self._retrieval,
            self._cache,
            syntaxes=self._syntaxes,
            has_given=bool(self._given),
        )
        await rest.begin()
        async with closing(aiter(rest)) as given:
            async for one in given:
                yield one

    def done(self, holding: Holding) -> None:
        """Let go of a holding."""
        if self._pinned.pop(holding.path, None) is not None:
            self._cache.unpin(holding)
        elif self._rest is not None:
            self._rest.done(holding)

    async def aclose(self) -> None:
        """Let go of everything; fetches that nobody else waits for are stopped."""
        self.let_go()

    def let_go(self) -> None:
        """Do the same; nothing of it has to be waited for."""
        self._reader.close()
        if self._rest is not None:
            self._rest.let_go()
        while self._pinned:
            self._cache.unpin(self._pinned.popitem()[1])

    async def _followed(self) -> AsyncIterator[Holding]:
        """Give what lands until the whole fetch is over."""
        reader = self._reader
        while True:
            await reader.wait()
            while (holding := reader.take()) is not None:
                self._pinned[holding.path] = holding
                if holding.sop_instance_uid in self._given:
                    self.done(holding)
                    continue
                self._given.add(holding.sop_instance_uid)
                yield holding
            reader.take_passed()  # the fetch knows what it brought
            reader.take_doubted()  # nobody else is known to have it
            if reader.over is not None:
                return

    async def _left(self) -> Listing:
        """List what has not been given."""
        over, fetch = self._reader.over, self._fetch
        assert over is not None  # noqa: S101 - it was followed
        assert fetch is not None  # noqa: S101
        if over.is_stopped and over.failure is not None:
            raise over.failure
        if over.is_sound:
            listing = Listing()
            listing.add(self._holder, list(fetch.landed.values()))
        else:
            listing = await self._list()
        return listing.without(self._given)
