"""One fetch from archives that have the same: by one after the other, by two while one is silent.

Nobody is given up for being slow: the next one is asked beside it, and goes on alone if it gives an
instance first. What has landed by one is not taken from another.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.narrowing import fetches_of
from hilum.pipeline.answerers.ports import Fetch
from hilum.pipeline.archive.ports import Missing
from hilum.pipeline.landing import Bytes, Incoming, Landing, Sink


class Bringer(Protocol):
    """One that can be asked (see `Answerer.fetch`)."""

    name: str

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink."""
        ...


@dataclass(slots=True, eq=False)
class _Baton:
    """What all that run share: what has landed, and that there are news."""

    sink: Sink
    landed: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Run:
    """One that is asked."""

    bringer: Bringer
    entrance: "_Entrance"
    task: "asyncio.Task[dict[str, Missing]]"


class Relay:
    """One fetch. `left_behind` is told who was silent for too long while another one gave."""

    def __init__(
        self,
        bringers: Sequence[Bringer],
        fetch: Fetch,
        sink: Sink,
        *,
        patience_seconds: float,
        asked_too: Callable[[Bringer, Bringer], None],
        left_behind: Callable[[Bringer], None],
    ) -> None:
        """Take who is asked, in this order; `asked_too`: who is silent, and who is asked beside."""
        self._turn = deque(bringers)
        self._fetch = fetch
        self._patience_seconds = patience_seconds
        self._asked_too = asked_too
        self._left_behind = left_behind
        self._baton = _Baton(sink)
        self._runs: list[_Run] = []
        self._again: list[Bringer] = []
        self._missing: dict[str, Missing] = {}
        self._failures: list[AnswererFailed] = []
        self._is_answered = False  # one of them ended without a failure
        self._is_over = False

    async def run(self) -> Mapping[str, Missing]:
        """Bring everything, and say what did not come. Raises AnswererFailed: all have failed."""
        try:
            self._begin()
            while not self._is_over:
                await self._wait()
                self._settle()
                await self._choose()
                await self._relieve()
        finally:
            await self._leave(self._runs)
        if not self._is_answered and self._failures:
            raise self._failures[0]
        return self._lacking

    async def _relieve(self) -> None:
        """When nobody gives anything, ask somebody who was not asked: beside one, not two."""
        if self._is_over or not self._turn or self._silent_in > 0:
            return
        if len(self._runs) > 1:
            first, *self._runs = self._runs
            await self._do_without([first])
        self._begin()

    @property
    def _silent_in(self) -> float:
        """Give after how long nobody has given anything for too long."""
        now = asyncio.get_running_loop().time()
        silences = [run.entrance.silence(now) for run in self._runs]
        return self._patience_seconds - min(silences) if silences else 0.0

    @property
    def _lacking(self) -> dict[str, Missing]:
        landed = self._baton.landed
        return {uid: one for uid, one in self._missing.items() if uid not in landed}

    def _begin(self) -> None:
        bringer = self._turn.popleft()
        for run in self._runs:
            run.entrance.has_given = False  # what it gave before the race does not count
            self._asked_too(run.bringer, bringer)
        entrance = _Entrance(self._baton, asyncio.get_running_loop().time)
        task = asyncio.ensure_future(_brought(bringer, self._rest(), entrance))
        task.add_done_callback(lambda _: self._baton.news.set())
        self._runs.append(_Run(bringer, entrance, task))

    def _rest(self) -> Sequence[Fetch]:
        """Give what has not landed: of a whole, nobody knows."""
        fetch, landed = self._fetch, self._baton.landed
        if fetch.wanted is None:
            return [fetch]
        left = [one for one in fetch.wanted if one.sop_instance_uid not in landed]
        return fetches_of(left, fetch.wanted, fetch.retrieval, fetch.syntaxes)

    async def _wait(self) -> None:
        """Wait for the end of one, for what decides a race, or for a silence."""
        seconds = max(self._silent_in, 0) if self._turn else None
        try:
            async with asyncio.timeout(seconds):
                await self._baton.news.wait()
        except TimeoutError:
            return
        self._baton.news.clear()

    def _settle(self) -> None:
        """Take over what became of those that have ended."""
        for run in [one for one in self._runs if one.task.done()]:
            self._runs.remove(run)
            error = run.task.exception()
            if isinstance(error, AnswererFailed):
                self._failures.append(error)
            elif error is not None:
                raise error
            else:
                self._is_answered = True
                self._missing = run.task.result()
                self._is_over |= not self._lacking
        if not self._runs:
            is_whole = self._fetch.wanted is None
            self._is_over |= not self._turn or (is_whole and self._is_answered)

    async def _choose(self) -> None:
        """Of two that run, let the one go on that gives first."""
        winner = next((one for one in self._runs if one.entrance.has_given), None)
        if winner is None or len(self._runs) == 1:
            return
        losers = [one for one in self._runs if one is not winner]
        self._runs = [winner]
        await self._do_without(losers)

    async def _do_without(self, losers: Sequence[_Run]) -> None:
        """Leave some; they are asked last, once, if nobody else has the rest."""
        now = asyncio.get_running_loop().time()
        for run in losers:
            if run.entrance.silence(now) >= self._patience_seconds:
                self._left_behind(run.bringer)
            if run.bringer not in self._again:
                self._again.append(run.bringer)
                self._turn.append(run.bringer)
        await self._leave(losers)

    @staticmethod
    async def _leave(runs: Sequence[_Run]) -> None:
        for run in runs:
            run.task.cancel()
        await asyncio.gather(*[run.task for run in runs], return_exceptions=True)


async def _brought(
    bringer: Bringer, fetches: Sequence[Fetch], entrance: "_Entrance"
) -> dict[str, Missing]:
    missing: dict[str, Missing] = {}
    for one in fetches:
        missing.update(await bringer.fetch(one, entrance))
    return missing


class _Entrance:
    """The sink that one of them has. `has_given`: an instance has landed by it."""

    def __init__(self, baton: _Baton, now: Callable[[], float]) -> None:
        self.baton = baton
        self.has_given = False
        self._now = now
        self._heard_at = now()
        self._at_work = 0

    def silence(self, now: float) -> float:
        """Tell for how long nothing has come; while we are to blame for that, no time passes."""
        return 0.0 if self._at_work else now - self._heard_at

    @contextmanager
    def work(self) -> Iterator[None]:
        """Take what has come."""
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            self._heard_at = self._now()

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance (see `Sink`)."""
        with self.work():
            if incoming.sop_instance_uid in self.baton.landed:
                return _Nowhere(self)
            return _Watched(self, incoming.sop_instance_uid, await self.baton.sink.land(incoming))


class _Watched:
    """A landing that is heard; what has landed meanwhile by another one is dropped."""

    def __init__(self, entrance: _Entrance, uid: str, landing: Landing) -> None:
        self._entrance = entrance
        self._uid = uid
        self._landing = landing

    async def take(self, piece: Bytes) -> None:
        with self._entrance.work():
            await self._landing.take(piece)

    async def keep(self) -> None:
        baton = self._entrance.baton
        with self._entrance.work():
            if self._uid in baton.landed:
                await self._landing.drop()
                return
            await self._landing.keep()
        baton.landed.add(self._uid)
        self._entrance.has_given = True
        baton.news.set()

    async def drop(self) -> None:
        await self._landing.drop()


class _Nowhere:
    """A landing of what has landed. It is taken: a refusal would make some archives stop."""

    def __init__(self, entrance: _Entrance) -> None:
        self._entrance = entrance

    async def take(self, piece: Bytes) -> None:
        del piece
        with self._entrance.work():
            pass

    async def keep(self) -> None:
        """Keep nothing."""

    async def drop(self) -> None:
        """Leave nothing."""
