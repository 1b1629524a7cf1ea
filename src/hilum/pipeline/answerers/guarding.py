"""An answerer that is spared: not too many questions at once, and none while it does not answer."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, cast

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import OURSELVES, Origin
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.ports import Answerer, Expected, Fetch
from hilum.pipeline.answerers.telling import NotAsked, late
from hilum.pipeline.answerers.wellness import Wellness
from hilum.pipeline.archive.ports import Batch, Missing
from hilum.pipeline.landing import Sink
from hilum.pipeline.lanes.policy import Retry
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval
from hilum.query.via import Via

# Who gives up a question after so long without any answer was not impatient: it is late.
PATIENT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may ask one answerer at once. Fetches last long: they have a limit of their own.

    `wait_seconds`: how long a question waits for its turn; then the answerer is busy.
    """

    questions_max: int = 16
    fetches_max: int = 8
    wait_seconds: float = 10.0


@dataclass(slots=True)
class _Turn:
    """A question under way."""

    begun: float
    is_answered: bool = False


class GuardedAnswerer:
    """An `Answerer` before another one, which it closes."""

    def __init__(
        self,
        answerer: Answerer,
        *,
        clock: Clock,
        telemetry: Telemetry,
        limits: Limits | None = None,
        retry: Retry | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = answerer.name
        self.busy = 0
        self._answerer = answerer
        self._clock = clock
        self._limits = limits or Limits()
        self._questions = asyncio.Semaphore(self._limits.questions_max)
        self._fetches = asyncio.Semaphore(self._limits.fetches_max)
        self._wellness = Wellness(
            answerer, clock=clock, telemetry=telemetry, chance=chance, retry=retry or Retry()
        )

    @property
    def is_well(self) -> bool:
        """Tell whether it is asked at all."""
        return self._wellness.is_well

    @property
    def last_failure(self) -> str:
        """Say how it failed last, "" if it never did."""
        return self._wellness.last_failure

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether it is who asks (see the port)."""
        return self._answerer.has_asked(asker)

    async def meet(self) -> None:
        """Find out what it calls itself (see the port)."""
        await self._answerer.meet()

    async def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches (see the port)."""
        if await self._is_behind(query.via):
            yield Batch(())
            return
        async with self._turn(self._questions) as turn:
            found = cast("AsyncGenerator[Batch, None]", self._answerer.find(query))
            async with aclosing(found) as batches:
                async for batch in batches:
                    turn.is_answered = True
                    self._wellness.answered()
                    yield batch

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval (see the port)."""
        if await self._is_behind(retrieval.via):
            return ()
        async with self._turn(self._questions) as turn:
            expected = await self._answerer.expect(retrieval)
            turn.is_answered = True
            self._wellness.answered()
            return expected

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances there are (see the port)."""
        if await self._is_behind(retrieval.via):
            return 0
        async with self._turn(self._questions) as turn:
            count = await self._answerer.count(retrieval)
            turn.is_answered = True
            self._wellness.answered()
            return count

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink (see the port)."""
        async with self._turn(self._fetches) as turn:
            turn.is_answered = True  # how long it may take is for who takes what comes to say
            missing = await self._answerer.fetch(fetch, sink)
            if fetch.wanted is None or len(missing) < len(fetch.wanted):
                self._wellness.answered()
            return missing

    async def verify(self) -> None:
        """Find out whether it would answer now."""
        await self._answerer.verify()

    async def aclose(self) -> None:
        """Stop probing, and let go of connections."""
        await self._wellness.aclose()
        await self._answerer.aclose()

    async def _is_behind(self, via: Via) -> bool:
        """Tell whether a question that another gateway asks comes from here, in the end.

        Before it waits for a turn: those may all be taken by who waits for that gateway.
        """
        if len(via) < 2 or not self.is_well:
            return False
        await self._answerer.meet()
        return self._answerer.has_asked(replace(OURSELVES, via=via))

    @asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore) -> AsyncIterator[_Turn]:
        """Wait for a turn; note what becomes of it. Raises NotAsked."""
        self._wellness.check()
        self.busy += 1
        try:
            await self._wait(turns)
            turn = _Turn(self._clock.monotonic())
            try:
                self._wellness.check()
                yield turn
            except (asyncio.CancelledError, GeneratorExit):
                self._note_patience(turn)
                raise
            finally:
                turns.release()
        except NotAsked:
            raise
        except AnswererFailed as error:
            self._wellness.failed(error)
            raise
        finally:
            self.busy -= 1

    def _note_patience(self, turn: _Turn) -> None:
        """Whoever asked has gone: if without any answer after a long time, this was a failure."""
        seconds = self._clock.monotonic() - turn.begun
        if not turn.is_answered and seconds >= PATIENT_SECONDS:
            self._wellness.failed(late(self.name, seconds))

    async def _wait(self, turns: asyncio.Semaphore) -> None:
        seconds = self._limits.wait_seconds
        try:
            async with asyncio.timeout(seconds):
                await turns.acquire()
        except TimeoutError as error:
            words = f"{self.name} is asked too much at once: no turn came within {seconds:g} s"
            raise NotAsked(words, answerer=self.name, ailment=Lost.BUSY) from error
