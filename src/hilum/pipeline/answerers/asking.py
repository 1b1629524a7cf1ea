"""One question to several answerers at once, and their matches as one stream.

The order of answerers is that of the entity, with one exception: an answerer that has said nothing
yet `PATIENCE_SECONDS` after another one began comes behind those that have. So one that is slow or
dead keeps nobody waiting. The order that came about is remembered for its question, so that its
pages are cut from one whole. Each match is given once, as the first in that order tells it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, cast

from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.differing import Differences
from hilum.pipeline.answerers.merging import Merging
from hilum.pipeline.answerers.orders import Orders
from hilum.pipeline.answerers.partial import warning_of
from hilum.pipeline.answerers.telling import late, tell_miss
from hilum.pipeline.answerers.terms import Terms
from hilum.pipeline.archive.ports import Batch
from hilum.query.match import Match
from hilum.query.merge import wanted_of_each
from hilum.query.query import Attribute, Query

# How long what is here waits for the answerers before it in the order.
PATIENCE_SECONDS: Final = 0.04
# Batches of each answerer that wait for those before it; then it has to wait itself.
_BATCHES_AHEAD: Final = 2


class Voice(Protocol):
    """Who can be asked: an `Answerer`, or ourselves."""

    @property
    def name(self) -> str:
        """What it is called in warnings and events."""
        ...

    def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches (see `Answerer.find`)."""
        ...


@dataclass(slots=True)
class _Asked:
    """One that was asked, and what of its answer waits to be given."""

    voice: Voice
    batches: deque[Batch] = field(default_factory=deque)
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    has_begun: bool = False
    is_over: bool = False
    failure: AnswererFailed | None = None
    fault: Exception | None = None  # what answerers do not raise

    @property
    def has_nothing(self) -> bool:
        """Tell whether it has failed without saying anything: nobody has to wait for it."""
        return self.failure is not None and not self.batches


async def listened(voice: Voice, query: Query, seconds: float) -> AsyncGenerator[Batch, None]:
    """Give the batches of one; each must come within a time. Raises AnswererFailed."""
    async with aclosing(cast("AsyncGenerator[Batch, None]", voice.find(query))) as found:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    batch = await anext(found, None)
            except TimeoutError as error:
                raise late(voice.name, seconds) from error
            if batch is None:
                return
            yield batch


class Asking:
    """One question to several, under way. `batches` is iterated once, and closed."""

    def __init__(
        self,
        voices: Sequence[Voice],
        query: Query,
        *,
        terms: Terms,
        orders: Orders,
        differences: Differences,
        telemetry: Telemetry,
    ) -> None:
        self._query = query
        self._terms = terms
        self._orders = orders
        self._telemetry = telemetry
        self._asked = [_Asked(voice) for voice in voices]
        self._merging = Merging(query, differences)
        self._news = asyncio.Event()
        self._order: list[str] = []
        self._ignored: dict[Attribute, None] = {}
        self._warnings: dict[str, None] = {}
        self._told = 0
        self._patient_until = 0.0  # 0: nothing has waited for those before it yet

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Give the matches of all, each once, from the offset to the limit."""
        whole = wanted_of_each(offset=self._query.offset, limit=self._query.limit)
        query = replace(self._query, offset=0, limit=whole)
        tasks = [asyncio.ensure_future(self._listen(asked, query)) for asked in self._asked]
        try:
            async with aclosing(self._in_order()) as batches:
                async for batch in batches:
                    yield batch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._orders.remember(self._query, self._order)

    async def _in_order(self) -> AsyncGenerator[Batch, None]:
        left, known = self._by_order()
        if self._terms.partial == "fail":
            await self._until(lambda: all(asked.has_begun for asked in left))
            self._fail_if_needed(left)
        has_given = False
        while left and not self._merging.is_full:
            asked = left[0] if left[0].voice.name in known else await self._next(left)
            left.remove(asked)
            if not asked.has_nothing:  # if it comes back, its matches are behind these
                self._order.append(asked.voice.name)
            async with aclosing(self._of(asked)) as batches:
                async for batch in batches:
                    has_given = True
                    yield batch
        if not has_given:
            self._fail_if_all_failed()
        if not has_given or self._told < len(self._warnings):
            yield self._batch(())

    def _by_order(self) -> tuple[list[_Asked], frozenset[str]]:
        """Give all, and whose place is known: a page goes on where the one before it ended."""
        names: tuple[str, ...] = ()
        if self._query.offset:
            configured = tuple([asked.voice.name for asked in self._asked])
            names = self._orders.of(self._query) or configured
        places = {name: place for place, name in enumerate(names)}
        ordered = sorted(self._asked, key=lambda one: places.get(one.voice.name, len(places)))
        return ordered, frozenset(places)

    async def _next(self, left: Sequence[_Asked]) -> _Asked:
        """Give the first, or who is here when that one has nothing to say for too long."""
        await self._until(lambda: any(asked.has_begun for asked in left))
        gone = next((asked for asked in left if asked.has_nothing), None)
        if gone is not None:
            return gone
        if not left[0].has_begun:
            now = asyncio.get_running_loop().time()
            self._patient_until = self._patient_until or now + PATIENCE_SECONDS
            patience = self._patient_until - now
            await self._until(lambda: left[0].has_begun, seconds=max(patience, 0))
        return next(asked for asked in left if asked.has_begun)

    async def _of(self, asked: _Asked) -> AsyncGenerator[Batch, None]:
        """Give what is new of one answer, until it ends or enough is there."""
        while not self._merging.is_full:
            await self._until(lambda: bool(asked.batches) or asked.is_over)
            if not asked.batches:
                break
            batch = asked.batches.popleft()
            asked.taken.set()
            self._ignored |= dict.fromkeys(batch.ignored)
            self._warnings |= dict.fromkeys(batch.warnings)
            if matches := self._merging.take(batch.matches, asked.voice.name):
                yield self._batch(matches)
        self._fail_if_needed([asked])

    def _batch(self, matches: tuple[Match, ...]) -> Batch:
        """Make a batch with all that is known by now, of those that are late to be heard, too."""
        self._warnings |= {warning_of(one.failure): None for one in self._asked if one.failure}
        self._told = len(self._warnings)
        awaited = [one.voice.name for one in self._asked if not (one.has_begun or one.is_over)]
        return Batch(matches, tuple(self._ignored), tuple(self._warnings), tuple(awaited))

    def _fail_if_needed(self, heard: Sequence[_Asked]) -> None:
        for asked in heard:
            if asked.fault is not None:
                raise asked.fault
            if asked.failure is not None:
                self._warnings[warning_of(asked.failure)] = None
                if self._terms.partial == "fail":
                    raise asked.failure

    def _fail_if_all_failed(self) -> None:
        failures = [asked.failure for asked in self._asked if asked.failure is not None]
        if len(failures) == len(self._asked):
            raise failures[0]

    async def _listen(self, asked: _Asked, query: Query) -> None:
        """Hear one out. It is stopped when enough is there."""
        try:
            seconds = self._terms.deadline_seconds
            async with aclosing(listened(asked.voice, query, seconds)) as batches:
                async for batch in batches:
                    asked.batches.append(batch)
                    asked.has_begun = True
                    self._news.set()
                    while len(asked.batches) >= _BATCHES_AHEAD:
                        asked.taken.clear()
                        await asked.taken.wait()
        except AnswererFailed as error:
            asked.failure = error
            tell_miss(self._telemetry, error, "search")
        except Exception as error:  # noqa: BLE001 - raised again where the answer is given
            asked.fault = error
        finally:
            asked.has_begun = asked.is_over = True
            self._news.set()

    async def _until(self, is_so: Callable[[], bool], *, seconds: float | None = None) -> None:
        """Wait for news until something is so, or a time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not is_so():
                    self._news.clear()
                    await self._news.wait()
