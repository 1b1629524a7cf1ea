"""What is being fetched from one answerer, so that who wants the same waits for it.

Fifty clients that ask for one study cause one fetch; a client that wants one instance of a series
that is under way waits for that instance, and no longer.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.names import UID
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.covering import covers, key_of, overlap
from hilum.pipeline.answerers.events import RivalAsked
from hilum.pipeline.answerers.fetch_under_way import (
    PATIENCE_SECONDS,
    STALL_SECONDS,
    FetchUnderWay,
)
from hilum.pipeline.answerers.fitting import fits
from hilum.pipeline.answerers.narrowing import fetches_of
from hilum.pipeline.answerers.once import Once
from hilum.pipeline.answerers.ports import Answerer, Cache, Fetch
from hilum.pipeline.answerers.reader import Reader
from hilum.pipeline.answerers.whole_under_way import WholeUnderWay
from hilum.pipeline.archive.ports import Holding, Named
from hilum.query.retrieval import Retrieval

_Syntaxes = tuple[UID, ...]
# An instance, and the transfer syntaxes it was asked for in.
_Wish = tuple[str, frozenset[UID]]
# Instances of which it is known that they do not come in the syntaxes that were asked for.
_STUBBORN_MAX: Final = 20_000
# Who gave nothing while another one gave is asked last for so long.
SILENT_SECONDS: Final = 60.0


class Fetching:
    """All fetches from one answerer. One object a process, on the event loop."""

    def __init__(
        self,
        answerer: Answerer,
        cache: Cache,
        *,
        telemetry: Telemetry,
        clock: Clock,
        stall_seconds: float = STALL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._answerer = answerer
        self._cache = cache
        self._telemetry = telemetry
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._patience_seconds = patience_seconds
        self._silent_until = float("-inf")
        self._once = Once(clock)
        self._by_wish: dict[_Wish, FetchUnderWay] = {}
        self._stubborn: OrderedDict[_Wish, None] = OrderedDict()
        self._listed: set[FetchUnderWay] = set()
        self._wholes: dict[Hashable, WholeUnderWay] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._landings: list[set[str]] = []

    @property
    def under_way(self) -> int:
        """Give how many fetches are not over."""
        return len(self._tasks)

    @property
    def is_silent(self) -> bool:
        """Tell whether it gave nothing lately while others did: it is better asked last."""
        return self._clock.monotonic() < self._silent_until

    def left_behind(self) -> None:
        """It gave nothing while another one did."""
        self._silent_until = self._clock.monotonic() + SILENT_SECONDS

    def asked_too(self, silent: str) -> None:
        """It is asked because another one is silent."""
        event = RivalAsked(silent, self._answerer.name, self._patience_seconds)
        self._telemetry.emit(event)

    async def known(self, wanted: Collection[Named]) -> list[Holding]:
        """Give what is in the cache, to be named only: it is not pinned."""
        here = await self._cache.held(self._answerer.name, wanted)
        return [here[uid] for one in wanted if (uid := one.sop_instance_uid) in here]

    async def look(self, wanted: Collection[Named]) -> dict[str, Holding]:
        """Give what is in the cache, pinned once, by SOP Instance UID.

        What lands meanwhile is looked for again: else it would be neither here nor under way.
        """
        found: dict[str, Holding] = {}
        landed = {one.sop_instance_uid for one in wanted}
        self._landings.append(landed)
        try:
            while sought := [one for one in wanted if one.sop_instance_uid in landed]:
                landed.clear()
                here = await self._cache.held(self._answerer.name, sought)
                for uid, holding in here.items():
                    if uid not in found:
                        self._cache.pin(holding)
                        found[uid] = holding
        except BaseException:
            for holding in found.values():
                self._cache.unpin(holding)
            raise
        finally:
            self._landings = [one for one in self._landings if one is not landed]
        return found

    def is_good(self, holding: Holding, syntaxes: _Syntaxes) -> bool:
        """Tell whether fetching would not give anything that fits better."""
        if fits(holding.transfer_syntax_uid, syntaxes):
            return True
        return (holding.sop_instance_uid, frozenset(syntaxes)) in self._stubborn

    def join(
        self,
        reader: Reader,
        wanted: Sequence[Named],
        listed: Sequence[Named],
        retrieval: Retrieval,
        syntaxes: _Syntaxes,
    ) -> None:
        """Have a reader get what is wanted: wait for what is under way, fetch the rest.

        `listed`: all that the answerer has of the retrieval.
        """
        rest: list[Named] = []
        for one in wanted:
            uid = one.sop_instance_uid
            fetch = self._by_wish.get((uid, frozenset(syntaxes)))
            fetch = fetch or self._whole_with(one, syntaxes)
            if fetch is None:
                rest.append(one)
            else:
                fetch.want(uid, reader)
        for fetch_of_rest in fetches_of(rest, listed, retrieval, syntaxes):
            begun = FetchUnderWay(
                fetch_of_rest,
                answerer=self._answerer,
                cache=self._cache,
                listener=self,
                telemetry=self._telemetry,
                clock=self._clock,
                stall_seconds=self._stall_seconds,
                patience_seconds=self._patience_seconds,
            )
            for one in fetch_of_rest.wanted or ():
                self._by_wish[one.sop_instance_uid, frozenset(syntaxes)] = begun
                begun.want(one.sop_instance_uid, reader)
            self._listed.add(begun)
            self._start(begun)

    def whole(self, retrieval: Retrieval, syntaxes: _Syntaxes) -> WholeUnderWay | None:
        """Give the whole fetch of just this that is under way."""
        return self._wholes.get(_key_of_whole(retrieval, syntaxes))

    def is_free(self, retrieval: Retrieval, syntaxes: _Syntaxes) -> bool:
        """Tell whether nothing of it is under way: a whole fetch would bring that twice."""
        asked = frozenset(syntaxes)
        rivals = [one for one in self._wholes.values() if frozenset(one.fetch.syntaxes) == asked]
        listed = [one for one in self._listed if frozenset(one.fetch.syntaxes) == asked]
        return not (
            any(overlap(one.fetch.retrieval, retrieval) for one in rivals)
            or any(covers(retrieval, one) for fetch in listed for one in fetch.fetch.wanted or ())
        )

    def follow(
        self,
        reader: Reader,
        retrieval: Retrieval,
        syntaxes: _Syntaxes,
        *,
        count: int,
        is_passing: bool = False,
    ) -> WholeUnderWay | None:
        """Have a reader get all that lands of a whole fetch: the one under way, or a new one.

        None: something of it comes in another fetch, so it has to be listed. `is_passing`: the
        reader takes it away, so that it need not be kept unless it is asked for again.
        """
        fetch = self.whole(retrieval, syntaxes)
        if fetch is None and self.is_free(retrieval, syntaxes):
            fetch = WholeUnderWay(
                Fetch(retrieval, None, syntaxes),
                answerer=self._answerer,
                cache=self._cache,
                listener=self,
                telemetry=self._telemetry,
                clock=self._clock,
                stall_seconds=self._stall_seconds,
                patience_seconds=self._patience_seconds,
            )
            fetch.count = count
            fetch.is_passing = is_passing and self._once.is_first(key_of(retrieval))
            self._wholes[_key_of_whole(retrieval, syntaxes)] = fetch
            fetch.follow(reader)
            self._start(fetch)
        elif fetch is not None:
            fetch.keep()  # it is wanted by two
            fetch.follow(reader)
        return fetch

    def _start(self, fetch: FetchUnderWay) -> None:
        task = fetch.start()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _whole_with(self, one: Named, syntaxes: _Syntaxes) -> FetchUnderWay | None:
        """Give the whole fetch that may bring an instance, and has not yet."""
        for fetch in self._wholes.values():
            is_asked_so = frozenset(fetch.fetch.syntaxes) == frozenset(syntaxes)
            if (
                is_asked_so
                and covers(fetch.fetch.retrieval, one)
                and fetch.wants(one.sop_instance_uid)
            ):
                return fetch
        return None

    async def aclose(self) -> None:
        """Stop everything; who waits is told that it does not come."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What fetches tell.

    def landed(self, fetch: FetchUnderWay, holding: Holding) -> None:
        """Note that an instance is in the cache."""
        uid = holding.sop_instance_uid
        self._forget(fetch, uid)
        for landed in self._landings:
            landed.add(uid)
        if not fits(holding.transfer_syntax_uid, fetch.fetch.syntaxes):
            self._stubborn[uid, frozenset(fetch.fetch.syntaxes)] = None
            if len(self._stubborn) > _STUBBORN_MAX:
                self._stubborn.popitem(last=False)

    def ended(self, fetch: FetchUnderWay) -> None:
        """Note that nothing more comes of a fetch."""
        self._listed.discard(fetch)
        for one in fetch.fetch.wanted or ():
            self._forget(fetch, one.sop_instance_uid)
        key = _key_of_whole(fetch.fetch.retrieval, fetch.fetch.syntaxes)
        if self._wholes.get(key) is fetch:
            del self._wholes[key]

    def _forget(self, fetch: FetchUnderWay, sop_instance_uid: str) -> None:
        wish = (sop_instance_uid, frozenset(fetch.fetch.syntaxes))
        if self._by_wish.get(wish) is fetch:
            del self._by_wish[wish]


def _key_of_whole(retrieval: Retrieval, syntaxes: _Syntaxes) -> Hashable:
    return key_of(retrieval), frozenset(syntaxes)
