"""An archive for tests of doors: it gives what a script says, when the test says so.

It remembers what was asked for, what is open and what was let go of, so that a test sees that
nothing is left behind.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.pipeline.archive.ports import Batch, Holding, Missing, Named, Purpose
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval


class ScriptedSupply:
    """A supply to which a test gives instances one by one.

    `fail` makes it raise; what was given before comes first. Nobody but the test ends it.
    """

    def __init__(self, expected: Sequence[Named]) -> None:
        """Begin. `count` without anything expected: so many are given, and then it ends."""
        self.expected = expected
        self.count = len(expected)
        self.holdings: Sequence[Holding] | None = None
        self.warnings: Sequence[str] = ()
        self.given_back: list[Holding] = []
        self.is_closed = False
        self.waiting = 0
        self.awaited = asyncio.Event()  # set while somebody waits
        self._steps: asyncio.Queue[Holding | Missing | Exception] = asyncio.Queue()

    def give(self, *landed: Holding | Missing) -> None:
        """Have instances land, or be missing."""
        for one in landed:
            self._steps.put_nowait(one)

    def fail(self, error: Exception) -> None:
        """Have it raise."""
        self._steps.put_nowait(error)

    async def __aiter__(self) -> AsyncIterator[Holding | Missing]:
        """Give what the test gives, as many as are expected."""
        for _ in range(self.count):
            step = await self._next()
            if isinstance(step, Exception):
                raise step
            yield step

    async def _next(self) -> Holding | Missing | Exception:
        if not self._steps.empty():
            return self._steps.get_nowait()
        self.waiting += 1
        self.awaited.set()
        try:
            return await self._steps.get()
        finally:
            self.waiting -= 1
            self.awaited.clear()

    def done(self, holding: Holding) -> None:
        """Note that a holding was let go of."""
        self.given_back.append(holding)

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


Step = Batch | Exception | asyncio.Event


@dataclass(slots=True)
class ScriptedArchive:
    """An `pipeline.archive.ports.Archive` that follows a script.

    `answers`: what a search gives, raises or waits for, in turn. `supplies`: what retrievals get,
    one after the other, the last one for all behind it; an exception is raised.
    """

    answers: Sequence[Step] = (Batch(()),)
    supplies: list[ScriptedSupply | Exception] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    retrievals: list[tuple[Retrieval, Purpose]] = field(default_factory=list)
    syntaxes: list[tuple[UID, ...]] = field(default_factory=list)
    askers: list[Origin] = field(default_factory=list)
    open: int = 0  # searches and descriptions that are under way

    async def find(self, query: Query, asker: Origin) -> AsyncIterator[Batch]:
        """Follow the script of searches."""
        self.queries.append(query)
        self.askers.append(asker)
        self.open += 1
        try:
            for step in self.answers:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.open -= 1

    async def holdings(
        self, retrieval: Retrieval, asker: Origin, purpose: Purpose
    ) -> Sequence[Holding]:
        """Wait for all of a supply."""
        supply = await self.supply(retrieval, asker, purpose)
        try:
            return [one async for one in supply if isinstance(one, Holding)]
        finally:
            await supply.aclose()

    async def supply(
        self,
        retrieval: Retrieval,
        asker: Origin,
        purpose: Purpose,
        *,
        syntaxes: tuple[UID, ...] = (),
    ) -> ScriptedSupply:
        """Give the next supply of the script."""
        self.retrievals.append((retrieval, purpose))
        self.syntaxes.append(syntaxes)
        self.askers.append(asker)
        found = self.supplies[0] if len(self.supplies) == 1 else self.supplies.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the SOP Instance UID of each."""
        del bulk_root
        self.open += 1
        try:
            for one in holdings:
                yield b'{"00080018":{"vr":"UI","Value":["%b"]}}' % one.sop_instance_uid.encode()
        finally:
            self.open -= 1
