"""Writes down what became of instances that went through, all that is known at a moment at once.

Such a record is not synced: it takes as long as a write to the page cache, on the loop itself while
that is quick. Another thread would cost more than the record.
"""

import asyncio
from collections.abc import Callable

from hilum.kernel.clock import Clock
from hilum.ledger.entry import AuditRecord
from hilum.pipeline.scribes import SLOW_SYNC_SECONDS, QuickScribe, Scribes

Written = Callable[[BaseException | None], None]


class Outcomes:
    """A trail of outcomes. One object a process, on its event loop."""

    def __init__(self, write: Callable[..., None], clock: Clock) -> None:
        """Take how to write: the ledger's `audit_lightly`."""
        self._write = write
        self._scribe = QuickScribe(
            clock, Scribes("passage-outcome", 1), slow_seconds=SLOW_SYNC_SECONDS
        )
        self._waiting: list[tuple[AuditRecord, Written]] = []
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work on `loop`."""
        self._scribe.start(loop)

    async def stop(self) -> None:
        """Finish what was begun."""
        await self._idle.wait()
        self._scribe.stop()

    def put(self, record: AuditRecord, written: Written) -> None:
        """Have a record written; `written` hears why it was not, or None."""
        self._waiting.append((record, written))
        if self._idle.is_set():
            self._idle.clear()
            asyncio.get_running_loop().call_soon(self._write_waiting)

    def _write_waiting(self) -> None:
        group, self._waiting = self._waiting, []
        records = [record for record, _ in group]
        self._scribe.submit_now(
            lambda: self._write(*records), lambda result: self._written(group, result)
        )

    def _written(self, group: list[tuple[AuditRecord, Written]], result: object) -> None:
        error = result if isinstance(result, BaseException) else None
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._write_waiting)
        else:
            self._idle.set()
        for _, written in group:
            written(error)
