"""Makes the metadata of what came, before anybody asks: only while nothing else is going on.

What comes goes first: as soon as an instance arrives, in this process or another one, it stops and
looks again later. One process at a time, in one thread, with rests between.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.ledger.metadata import Missing
from hilum.pipeline.archive.metadata import Describer

# Made at a time: some ten milliseconds, in which an arrival may meet a busy interpreter.
AT_ONCE: Final = 16
# Of each look: what is left of a second is for others.
WORK_SECONDS: Final = 0.3
LEASE_SECONDS: Final = 60.0
# No destination can have this name.
LEASE: Final = ".metadata"


class Rows(Protocol):
    """What is needed of the ledger: see `hilum.ledger.metadata`. Raises LedgerUnavailable."""

    def newest_row(self) -> int:
        """Give the row of the instance that came last."""
        ...

    def missing(self, after: int, up_to: int, *, limit: int) -> Missing:
        """Give a page of what has no metadata."""
        ...


class Leases(Protocol):
    """What is needed of the ledger's slots. All raise HilumError."""

    def take(
        self, destination: str, *, limit: int, owner: str, now: datetime, until: datetime
    ) -> int | None:
        """Lease a slot; None: somebody else has it."""
        ...

    def give_back(self, destination: str, number: int, owner: str) -> bool:
        """Give it back; False when it was lost already."""
        ...


class Ahead:
    """Describes what is held, the oldest first."""

    def __init__(  # noqa: PLR0913 - the ports, each named
        self,
        rows: Rows,
        describer: Describer,
        *,
        leases: Leases,
        owner: str,
        clock: Clock,
        steady: Clock,
        is_busy: Callable[[], bool],
    ) -> None:
        """Begin; `is_busy` tells whether anything comes in now, or cannot."""
        self._rows = rows
        self._describer = describer
        self._leases = leases
        self._owner = owner
        self._clock = clock
        self._steady = steady  # the clock of leases
        self._is_busy = is_busy
        self._place = 0
        self._newest = -1

    async def look(self) -> None:
        """Do some of what there is to do; for about once a second. Raises HilumError."""
        if not self._is_busy():
            await asyncio.to_thread(self._work)

    def _work(self) -> None:
        newest = self._rows.newest_row()
        is_quiet, self._newest = newest == self._newest, newest
        if not is_quiet or self._place >= newest:
            # What came within the last second is still coming; a ledger made anew begins anew.
            self._place = min(self._place, newest)
            return
        now = self._steady.now()
        until = now + timedelta(seconds=LEASE_SECONDS)
        number = self._leases.take(LEASE, limit=1, owner=self._owner, now=now, until=until)
        if number is None:
            return
        try:
            self._describe_until(newest)
        finally:
            self._leases.give_back(LEASE, number, self._owner)

    def _describe_until(self, newest: int) -> None:
        end = self._clock.monotonic() + WORK_SECONDS
        while self._place < newest and self._clock.monotonic() < end and not self._is_busy():
            missing = self._rows.missing(self._place, newest, limit=AT_ONCE)
            if missing.holdings:
                self._describer.make(missing.holdings)
            self._place = missing.place
