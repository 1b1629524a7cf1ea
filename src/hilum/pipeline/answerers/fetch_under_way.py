"""One fetch from one answerer, and everybody who waits for some of it.

It runs ahead of its readers by a bound, and then keeps the answerer waiting. The fastest reader
sets the pace; one that is far behind it is passed by. When nobody waits any more it is cancelled.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Protocol, cast

from hilum.kernel.clock import Clock
from hilum.kernel.errors import NotAllowed
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.events import FetchBegun, FetchEnded, FetchFaulted
from hilum.pipeline.answerers.partial import warning_of
from hilum.pipeline.answerers.ports import Answerer, Cache, CacheSink, Fetch
from hilum.pipeline.answerers.reader import Missed, Reader
from hilum.pipeline.answerers.telling import late, tell_miss
from hilum.pipeline.archive.ports import Holding, Missing
from hilum.pipeline.landing import Bytes, Incoming, Landing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

STALL_SECONDS: Final = 60.0
# Of which nothing came for so long, that may be asked of somebody else, too.
PATIENCE_SECONDS: Final = 3.0
# How exactly a stall is measured; each piece of an instance is news.
_TICK_SECONDS: Final = 1.0


class Ended(Protocol):
    """Hears what a fetch is done with."""

    def landed(self, fetch: "FetchUnderWay", holding: Holding) -> None:
        """An instance is in the cache."""
        ...

    def ended(self, fetch: "FetchUnderWay") -> None:
        """Nothing more comes of it, nobody may join; told once or twice."""
        ...


class FetchUnderWay:
    """A fetch, begun by `start`."""

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        fetch: Fetch,
        *,
        answerer: Answerer,
        cache: Cache,
        listener: Ended,
        telemetry: Telemetry,
        clock: Clock,
        stall_seconds: float = STALL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.fetch = fetch
        self._answerer = answerer
        self._cache = cache
        self._listener = listener
        self._telemetry = telemetry
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._patience_seconds = patience_seconds
        self._heard_at = 0.0
        self._patience: asyncio.TimerHandle | None = None
        self._outstanding = {one.sop_instance_uid for one in fetch.wanted or ()}
        self._wishes: dict[str, list[Reader]] = {}
        self._followers: list[Reader] = []  # who want all that lands
        self._waiting: Counter[Reader] = Counter()
        self._room = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._task: asyncio.Task[None] | None = None
        self._pauses = 0
        self._is_over = False
        self._sink: CacheSink | None = None
        self.is_passing = False  # nobody but who waits now needs what lands
        self._instances = self._size = 0

    @property
    def lacking(self) -> int:
        """Give how many have not come, as far as is known."""
        return len(self._outstanding)

    @property
    def is_all_here(self) -> bool:
        """Tell whether nothing more can come that was asked for."""
        return not self._outstanding

    def start(self) -> "asyncio.Task[None]":
        """Begin. The task ends without an error, or cancelled."""
        self._telemetry.emit(FetchBegun(self._answerer.name, self.lacking))
        self._task = asyncio.ensure_future(self._carry_out())
        return self._task

    def keep(self) -> None:
        """Have what lands from now on kept in the cache."""
        self.is_passing = False
        if self._sink is not None:
            self._sink.is_passing = False

    def want(self, sop_instance_uid: str, reader: Reader) -> None:
        """Have an instance given to a reader, too, when it lands."""
        self._wishes.setdefault(sop_instance_uid, []).append(reader)
        self._waiting[reader] += 1
        reader.flows.add(self)
        self._room.set()

    def wake(self) -> None:
        """Somebody has room again."""
        self._room.set()

    def leave(self, reader: Reader) -> None:
        """A reader does not want anything more."""
        reader.flows.discard(self)
        if self._waiting.pop(reader, 0):
            for uid, readers in list(self._wishes.items()):
                if reader in readers:
                    self._wishes[uid] = left = [one for one in readers if one is not reader]
                    if not left:
                        del self._wishes[uid]
            self._room.set()
        self._stop_if_idle()

    def wanted_by(self, reader: Reader) -> Sequence[str]:
        """Give what a reader waits for, by its name."""
        return [uid for uid, readers in self._wishes.items() if reader in readers]

    def unwant(self, reader: Reader, uids: Collection[str]) -> None:
        """A reader does not want some instances any more."""
        for uid in uids:
            readers = self._wishes.get(uid, [])
            if reader in readers:
                readers.remove(reader)
                self._fulfilled(reader)
                if not readers:
                    del self._wishes[uid]
        self._stop_if_idle()

    # What the sink asks and tells.

    def wants(self, sop_instance_uid: str) -> bool:
        """Tell whether an instance is one of those that were asked for."""
        return sop_instance_uid in self._outstanding

    async def room(self) -> None:
        """Wait until somebody can take more. The answerer is not to blame for that time."""
        while self._waiting and all(reader.is_behind for reader in self._waiting):
            self._pauses += 1
            self._reschedule(None)
            try:
                self._room.clear()
                await self._room.wait()
            finally:
                self._pauses -= 1
        self.progress()

    def progress(self) -> None:
        """Note that something came."""
        if self._limit is not None and not self._pauses:
            self._heard_at = asyncio.get_running_loop().time()
            until = self._heard_at + self._stall_seconds
            when = self._limit.when()
            if when is None or until - when >= _TICK_SECONDS:
                self._reschedule(until)

    def _look(self) -> None:
        """Tell those who wait when nothing has come for too long, as often as that."""
        loop = asyncio.get_running_loop()
        left = self._heard_at + self._patience_seconds - loop.time()
        if left <= 0 and not self._pauses:
            for reader in list(self._waiting):
                reader.doubt(self)
        self._patience = loop.call_later(left if left > 0 else self._patience_seconds, self._look)

    def _reschedule(self, when: float | None) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(when)

    # The work.

    async def _carry_out(self) -> None:
        begun = self._clock.monotonic()
        sink = self._sink = self._cache.sink(self._answerer.name)
        sink.is_passing = self.is_passing
        handing = asyncio.ensure_future(self._hand_on(sink))
        missing: Mapping[str, Missing] = {}
        failure: AnswererFailed | None = None
        outcome = "cancelled"
        try:
            try:
                missing = await self._bring(sink)
            except AnswererFailed as error:
                failure = error
                tell_miss(self._telemetry, error, "retrieve")
            await handing
            outcome = (
                "failed" if failure else "incomplete" if self.lacking or missing else "complete"
            )
        except Exception as error:  # noqa: BLE001 - the top of a task: told, counted, answered
            outcome = "failed"
            fault = type(error).__name__
            self._telemetry.emit(FetchFaulted(self._answerer.name, fault, place_of(error)))
        finally:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)
            self._is_over = True
            self._listener.ended(self)
            self._end(missing, failure, is_stopped=outcome == "cancelled")
            self._wishes.clear()
            self._waiting.clear()
            self._tell(outcome, self._clock.monotonic() - begun)

    async def _bring(self, sink: CacheSink) -> Mapping[str, Missing]:
        self._heard_at = asyncio.get_running_loop().time()
        self._look()
        try:
            async with asyncio.timeout(self._stall_seconds) as self._limit:
                return await self._answerer.fetch(self.fetch, _Gate(sink, self))
        except TimeoutError as error:
            raise late(self._answerer.name, self._stall_seconds) from error
        finally:
            self._limit = None
            if self._patience is not None:
                self._patience.cancel()
            sink.end()

    async def _hand_on(self, sink: CacheSink) -> None:
        async with aclosing(cast("AsyncGenerator[Holding, None]", sink.kept())) as kept:
            async for holding in kept:
                self._give(holding)
                self._stop_if_idle()

    def _give(self, holding: Holding) -> None:
        """Give what landed to all who want it; its first pin ends here."""
        uid = holding.sop_instance_uid
        self._instances += 1
        self._size += holding.size
        self._outstanding.discard(uid)
        self._listener.landed(self, holding)
        is_pace = any(not reader.is_behind for reader in self._waiting)
        wishes = self._wishes.pop(uid, ())
        for reader in wishes:
            self._fulfilled(reader)
        for reader in (*wishes, *self._followers):
            if is_pace and reader.is_behind:
                reader.pass_by(uid)
            else:
                reader.give(holding)
        self._cache.unpin(holding)

    def _fulfilled(self, reader: Reader) -> None:
        self._waiting[reader] -= 1
        if not self._waiting[reader]:
            del self._waiting[reader]
            reader.flows.discard(self)
            self._room.set()

    def _stop_if_idle(self) -> None:
        """Cancel what nobody waits for; what is all here ends by itself."""
        if not self._waiting and not self.is_all_here and not self._is_over:
            self._is_over = True
            self._listener.ended(self)
            if self._task is not None:
                self._task.cancel()

    def _end(
        self, missing: Mapping[str, Missing], failure: AnswererFailed | None, *, is_stopped: bool
    ) -> None:
        """Tell those who still wait that it does not come."""
        del is_stopped
        for uid, readers in self._wishes.items():
            said = missing.get(uid)
            reason = said.reason if said else warning_of(failure) if failure else "it did not come"
            for reader in readers:
                reader.flows.discard(self)
                reader.miss(Missed(uid, reason, failure))

    def _tell(self, outcome: str, seconds: float) -> None:
        missing = self.lacking
        self._telemetry.emit(
            FetchEnded(self._answerer.name, outcome, self._instances, self._size, missing, seconds)
        )


class _Gate:
    """The sink as an answerer sees it: only what was asked for, and not faster than it is read."""

    def __init__(self, sink: CacheSink, fetch: FetchUnderWay) -> None:
        self._sink = sink
        self._fetch = fetch

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance. Raises NotAllowed, and what the sink raises."""
        if not self._fetch.wants(incoming.sop_instance_uid):
            raise NotAllowed("it was not asked for")
        await self._fetch.room()
        return _Watched(await self._sink.land(incoming), self._fetch)


class _Watched:
    """A landing whose bytes are signs of life."""

    def __init__(self, landing: Landing, fetch: FetchUnderWay) -> None:
        self._landing = landing
        self._fetch = fetch

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        self._fetch.progress()
        await self._landing.take(piece)

    async def keep(self) -> None:
        """Keep the whole."""
        await self._landing.keep()
        self._fetch.progress()

    async def drop(self) -> None:
        """Leave nothing behind."""
        await self._landing.drop()
