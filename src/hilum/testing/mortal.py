"""Processes that can die at any moment, for simulations: the world goes on without them.

What a process does reaches the world only through its ports. When it dies, at a ledger call before
or after it took effect or at any other moment, its ports are dead: nothing it still does has an
effect, and nobody answers it.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from hilum.kernel.errors import Full

T = TypeVar("T")


class Died(BaseException):
    """Ends whatever a dead process was at. Not an Exception: nobody handles death."""


class Life:
    """Whether a process still lives."""

    def __init__(self) -> None:
        self.is_over = False
        self._cut: list[Callable[[], None]] = []

    def at_end(self, cut: Callable[[], None]) -> None:
        """Have `cut` called in the moment of death: the process's connections break."""
        self._cut.append(cut)

    def end(self) -> None:
        """Die now."""
        if not self.is_over:
            self.is_over = True
            for cut in self._cut:
                cut()

    def check(self) -> None:
        """Go on only while alive.

        Raises:
            Died: whatever asks is at its end, too.
        """
        if self.is_over:
            raise Died


class MortalAside:
    """Runs ledger calls after some virtual time; the process may die or the ledger fail there."""

    def __init__(
        self, life: Life, random: Random, *, death_share: float = 0.0, failure_share: float = 0.0
    ) -> None:
        self.calls = 0
        self.failures = 0
        self.failure_share = failure_share
        self._life = life
        self._random = random
        self.death_share = death_share

    async def run(self, job: Callable[[], T]) -> T:
        """Do `job` in the middle of a short while."""
        self._life.check()
        self.calls += 1
        await self._pass()
        if self._random.random() < self.failure_share:
            self.failures += 1
            if self._random.random() < 0.5:
                job()  # it worked, and nobody learns of it
            await self._pass()
            raise Full("the ledger has no room")
        result = job()
        await self._pass()
        return result

    async def _pass(self) -> None:
        await asyncio.sleep(self._random.uniform(0.0002, 0.002))
        if self._random.random() < self.death_share:
            self._life.end()
        self._life.check()
