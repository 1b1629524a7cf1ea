"""Audit records of who asked for what: durable before anybody gets an answer.

Requests that wait at the same time share one transaction, as commits of intake do; so hundreds of
questions a second cost some tens of syncs. Lives on the event loop; writes in a thread of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from hilum.kernel.clock import Clock
from hilum.ledger.entry import AuditRecord
from hilum.pipeline.crew import Crew

# A viewer asks for each frame of a study by itself. One record stands for what the same asker does
# with the same study for the same purpose within this time.
STANDS_SECONDS: Final = 60.0
# Forgetting what was told means telling it once more.
_STANDING_MAX: Final = 4096

_Told = tuple[str, ...]


@dataclass(slots=True)
class _Group:
    """Records that are written together, and who waits for them."""

    written: "asyncio.Future[None]"
    records: list[AuditRecord] = field(default_factory=list)


@dataclass(slots=True)
class _Standing:
    written: "asyncio.Future[None]"
    until: float


class Accounts:
    """Keeps account of accesses. One object a process."""

    def __init__(self, write: Callable[..., None], *, crew: Crew, clock: Clock) -> None:
        """Begin; `write` is Ledger.audit, `crew` must not be kept busy by others."""
        self._write = write
        self._crew = crew
        self._clock = clock
        self._next: _Group | None = None
        self._is_writing = False
        self._standing: dict[_Told, _Standing] = {}

    def begin(self, records: Sequence[AuditRecord]) -> "asyncio.Future[None]":
        """Begin to write records; wait for it with `settled` before anything is given out."""
        group = self._next
        if group is None:
            group = self._next = _Group(asyncio.get_running_loop().create_future())
        group.records += records
        if not self._is_writing:
            self._write_next()
        return group.written

    def stands(self, record: AuditRecord) -> bool:
        """Tell whether a recent record that is durable stands for this one."""
        standing = self._standing.get(_told(record))
        return (
            standing is not None
            and standing.until >= self._clock.monotonic()
            and standing.written.done()
        )

    async def keep_once(self, records: Sequence[AuditRecord]) -> None:
        """Write those records that no recent one stands for; return when all of them are durable.

        Raises:
            Full, LedgerUnavailable: they are not; nothing may be given out.
        """
        now = self._clock.monotonic()
        fresh: list[AuditRecord] = []
        waits: list[asyncio.Future[None]] = []
        for record in records:
            standing = self._standing.get(_told(record))
            if standing is None or standing.until < now:
                fresh.append(record)
            elif not standing.written.done():
                waits.append(standing.written)
        if fresh:
            written = self.begin(fresh)
            self._remember(fresh, _Standing(written, now + STANDS_SECONDS))
            waits.append(written)
        for written in waits:
            await settled(written)

    def _remember(self, records: Sequence[AuditRecord], standing: _Standing) -> None:
        if len(self._standing) + len(records) > _STANDING_MAX:
            self._standing.clear()
        for record in records[:_STANDING_MAX]:
            self._standing[_told(record)] = standing

    def _write_next(self) -> None:
        group, self._next = self._next, None
        self._is_writing = group is not None
        if group is not None:
            writing = self._crew.submit(partial(self._write, *group.records))
            writing.add_done_callback(lambda done: self._written(group, done))

    def _written(self, group: _Group, done: "asyncio.Future[None]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is None and not done.cancelled():
            group.written.set_result(None)
        else:
            # What was not written stands for nothing.
            self._standing = {
                told: one
                for told, one in self._standing.items()
                if one.written is not group.written
            }
            if error is None:
                group.written.cancel()
            else:
                group.written.set_exception(error)
                group.written.exception()  # who asked may be gone; nobody need hear of it
        self._write_next()


async def settled(written: "asyncio.Future[None]") -> None:
    """Wait for a write that others wait for, too: being cancelled must not cancel it."""
    await asyncio.shield(written)


def _told(record: AuditRecord) -> _Told:
    """Give what makes two accesses the same: not the connection, which HTTP clients change."""
    origin = record.origin
    return (
        record.event,
        record.outcome,
        record.study_instance_uid,
        record.patient_id,
        origin.peer,
        origin.host,
        origin.calling_ae_title,
        origin.called_ae_title,
        origin.entity,
    )
