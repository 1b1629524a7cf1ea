"""Writes down what becomes of instances that go through, all that is known at a moment at once.

Such a record is not synced: it takes as long as a write to the page cache, on the loop itself while
that is quick. Another thread would cost more than the record.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from hilum.kernel.clock import Clock
from hilum.ledger.entry import AuditRecord
from hilum.pipeline.scribes import SLOW_SYNC_SECONDS, QuickScribe, Scribes

Written = Callable[[BaseException | None], None]

# What nobody waits for is written with what somebody does, or so much later. By then the next
# instance of most senders is on its way.
BEHIND_SECONDS_MAX: Final = 0.05


class Outcomes:
    """A trail of outcomes. One object a process, on its event loop."""

    def __init__(self, write: Callable[..., None], clock: Clock) -> None:
        """Take how to write: the ledger's `audit_lightly`."""
        self._write = write
        self._scribe = QuickScribe(
            clock, Scribes("passage-outcome", 1), slow_seconds=SLOW_SYNC_SECONDS
        )
        self._waiting: list[tuple[AuditRecord, Written]] = []
        self._is_writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work on `loop`."""
        self._scribe.start(loop)

    async def stop(self) -> None:
        """Finish what was begun."""
        if self._waiting and not self._is_writing:
            self._write_waiting()
        await self._idle.wait()
        self._scribe.stop()

    def put(self, record: AuditRecord, written: Written) -> None:
        """Have a record written; `written` hears why it was not, or None."""
        self._add(record, written)
        if not self._is_writing:
            self._is_writing = True
            asyncio.get_running_loop().call_soon(self._write_waiting)

    def put_behind(self, record: AuditRecord, written: Written) -> None:
        """Have a record written that nobody waits for, soon."""
        self._add(record, written)
        if not self._is_writing and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BEHIND_SECONDS_MAX, self._write_waiting)

    def _add(self, record: AuditRecord, written: Written) -> None:
        self._waiting.append((record, written))
        self._idle.clear()

    def _write_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_writing = True
        group, self._waiting = self._waiting, []
        records = [record for record, _ in group]
        self._scribe.submit_now(
            lambda: self._write(*records), lambda result: self._written(group, result)
        )

    def _written(self, group: list[tuple[AuditRecord, Written]], result: object) -> None:
        error = result if isinstance(result, BaseException) else None
        self._is_writing = bool(self._waiting)
        if self._is_writing:
            asyncio.get_running_loop().call_soon(self._write_waiting)
        else:
            self._idle.set()
        for _, written in group:
            written(error)
