"""The ledger: what we hold, owe and did. The only door to its SQL; synchronous, for threads.

Any thread may call it; writes are one at a time over all threads and processes. It is not for a
process that forks with it open. After any error the next call tries again by itself.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, Self, TypeVar

from hilum.kernel.syncing import BeginSyncs, Synced, Syncing
from hilum.ledger.auditing import audit_values
from hilum.ledger.catalogue import Catalogue
from hilum.ledger.checkpointing import Checkpointer, CheckpointMode
from hilum.ledger.commitments import Commitments
from hilum.ledger.connection import Durability
from hilum.ledger.deliveries import Deliveries
from hilum.ledger.deliveries_planning import Planning
from hilum.ledger.deliveries_statements import DeliveryStatements
from hilum.ledger.delivery_queue import Queue
from hilum.ledger.entry import AuditRecord, Counts, Entry, HeldPayload, Recorded
from hilum.ledger.errors import explained
from hilum.ledger.fetches import Fetches
from hilum.ledger.files import lock_path, sync_files, wal_bytes
from hilum.ledger.gathering_statements import GatheringStatements
from hilum.ledger.gatherings import Gatherings
from hilum.ledger.holdings import Holdings
from hilum.ledger.keys import Keys
from hilum.ledger.lock import WriteLock
from hilum.ledger.lookup import Lookup
from hilum.ledger.losing import Losses
from hilum.ledger.metadata import KeptMetadata
from hilum.ledger.moments import microseconds_of, now_utc
from hilum.ledger.opening import prepare
from hilum.ledger.reader import Reader
from hilum.ledger.readers import Readers
from hilum.ledger.recording import Recorder, held_under
from hilum.ledger.removals import Removals
from hilum.ledger.salvage import Salvage
from hilum.ledger.search import Search
from hilum.ledger.slots import Slots
from hilum.ledger.statements import Reading, Writing
from hilum.ledger.storable import storable, with_storable_fields
from hilum.ledger.texts import Row
from hilum.ledger.versions import Versions
from hilum.ledger.writer import Writer

T = TypeVar("T")
_Write = Callable[[Callable[[sqlite3.Cursor], list[Recorded]]], list[Recorded]]

# Other writers wait while payloads are forgotten; so many take them some milliseconds.
_LOSSES_PER_TRANSACTION: Final = 200
# More findings than these say nothing new.
_PROBLEMS_MAX: Final = 100
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)


class Ledger:
    """An open ledger. Use open(). `is_new` tells that open() had to create it."""

    def __init__(  # noqa: PLR0913 - open() assembles it
        self,
        path: Path,
        *,
        durability: Durability,
        lock: WriteLock,
        reading: Reading,
        writing: Writing,
        now: Callable[[], datetime],
        is_new: bool,
        begin_syncs: BeginSyncs,
    ) -> None:
        self.path = path
        self._durability = durability
        self._begin_syncs = begin_syncs
        self.is_new = is_new
        self._now = now
        self._reading = reading
        self._writing = writing
        catalogue = Catalogue(reading, writing)
        statements, gatherings = DeliveryStatements(), GatheringStatements()
        planning = Planning(statements, gatherings, writing)
        self._recorder = Recorder(reading, writing, catalogue, planning)
        self._losses = Losses(reading, writing, statements, catalogue)
        self._lock = lock
        self._writer = Writer(path, durability=durability, lock=lock, on_reset=catalogue.forget)
        self._reader = Reader(path, durability=durability)
        # Of their own: a commit must not wait for a search, nor for what looks through all.
        self._searchers = Readers(path, durability=durability)
        self._keeper = Reader(path, durability=durability)
        self._checkpointer = Checkpointer(path, durability=durability, lock=lock)
        ask = self._reader.ask
        self.deliveries = Deliveries(statements, self._write_lightly, ask)
        self.gatherings = Gatherings(gatherings, self._write_lightly, ask)
        self.slots = Slots(self._write_lightly, ask)
        self.queue = Queue(writing, self._write, ask)
        self.lookup = Lookup(ask)
        self.versions = Versions(ask)
        self.keys = Keys(writing, self._write, ask)
        self.commitments = Commitments(writing, self._write, self._searchers.ask)
        self.fetches = Fetches(writing, self._write, ask)
        self.search = Search(self._searchers.ask)
        self.holdings = Holdings(self._searchers.ask)
        # For retrievals of an instance: raises AllBusy where the other one waits.
        self.holdings_at_once = Holdings(self._searchers.ask_at_once)
        self.metadata = KeptMetadata(self._write_lightly, self._searchers.ask)
        self.removals = Removals(self._losses, writing, self._write, self._keeper.ask)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        durability: Durability,
        now: Callable[[], datetime] = now_utc,
        begin_syncs: BeginSyncs = sync_files,
    ) -> Self:
        """Open the ledger at `path`; create it or bring it to our schema if need be.

        `begin_syncs` is who syncs for record_and_begin_sync().

        Raises:
            Misconfigured: the file is somebody else's database, or a newer Hilum wrote it.
            Full: there is no room to create or change it.
            LedgerUnavailable: it cannot be used; the message says why and what to do.
        """
        lock = WriteLock(lock_path(path))
        reading, writing = Reading(), Writing()
        try:
            with lock:
                is_new = prepare(path, durability, now, reading=reading, writing=writing)
        except (sqlite3.Error, OSError) as error:
            lock.close()
            raise explained(error, path) from error
        except BaseException:
            lock.close()
            raise
        return cls(
            path,
            durability=durability,
            lock=lock,
            reading=reading,
            writing=writing,
            now=now,
            is_new=is_new,
            begin_syncs=begin_syncs,
        )

    def find(self, uids: Sequence[str]) -> dict[str, list[HeldPayload]]:
        """Give the payloads held under each of `uids`, oldest version first; none is [].

        Raises:
            LedgerUnavailable: the ledger cannot be read now.
        """
        held = self._reader.ask(lambda cursor: held_under(self._reading, cursor, uids))
        return {uid: held[uid].payloads if uid in held else [] for uid in uids}

    def record(
        self, entries: Sequence[Entry], *, confirm: Callable[[], None] = lambda: None
    ) -> list[Recorded]:
        """Record `entries` in one transaction: receipts, catalogue, conflicts, audit records.

        When this returns, all of it is as durable as the ledger was opened for. When it raises,
        nothing counts as recorded (though a failed sync may still turn out to have worked).
        `confirm` is called before the commit, perhaps more than once: when it raises OSError,
        nothing was recorded, for certain, and the error is passed on.

        Raises:
            Full: there is no room on the disk.
            LedgerUnavailable: the ledger cannot be written now.
            OSError: what `confirm` raised.
        """
        return self._record(self._write, entries, confirm)

    def record_and_begin_sync(
        self, entries: Sequence[Entry], *, confirm: Callable[[], None] = lambda: None
    ) -> tuple[list[Recorded], Syncing]:
        """Record `entries` as record() does; a power cut may take it until the sync is over.

        When the sync failed, nothing counts as recorded, and distrust_log() must be called.
        """
        if self._durability == "process":
            return self._record(self._write, entries, confirm), Synced()
        syncings: list[Syncing] = []

        def write(work: Callable[[sqlite3.Cursor], list[Recorded]]) -> list[Recorded]:
            result, syncing = self._writer.transact_and_begin_sync(work, self._begin_syncs)
            syncings.append(syncing)
            self._checkpointer.relieve()
            return result

        return self._record(write, entries, confirm), syncings[-1]

    def distrust_log(self) -> None:
        """Have everything in the log written once more: a sync of it failed."""
        self._writer.distrust_log()

    def audit(self, *records: AuditRecord) -> None:
        """Write audit records by themselves, in one transaction.

        Raises:
            Full, LedgerUnavailable: as record().
        """
        self._audit(self._write, records)

    def audit_lightly(self, *records: AuditRecord) -> None:
        """Write audit records that a crash leaves, and the latest of which a power cut may take.

        For the particulars of what a durable record has told before. Raises as audit().
        """
        self._audit(self._write_lightly, records)

    def probe(self) -> None:
        """Find out whether the ledger can be written, by writing to it.

        Raises:
            Full, LedgerUnavailable: as record().
        """
        at = microseconds_of(self._now())
        self._write(lambda cursor: self._writing.probe.run(cursor, at))

    def payloads(self) -> Iterator[tuple[str, bytes, int, str]]:
        """Give path, digest, size and SOP Instance UID of every payload, while others go on.

        What is recorded or forgotten meanwhile may be given or not.

        Raises:
            LedgerUnavailable: the ledger cannot be read now.
        """
        place: Row = (0, 0)
        while page := self._page_after(place):
            for *_, path, digest, size, uid in page:
                yield path, digest, size, uid
            place = page[-1][:2]

    def forget(self, paths: Iterable[str]) -> int:
        """Forget the payloads at `paths`, whose files are gone; give how many were known.

        Their receipts stay, and each leaves an audit record.

        Raises:
            Full, LedgerUnavailable: as record(); some may be forgotten already.
        """
        at = microseconds_of(self._now())
        left = iter(paths)
        forgotten = 0
        while part := list(islice(left, _LOSSES_PER_TRANSACTION)):
            forgotten += self._forget(part, at)
        return forgotten

    def take_over(self, old: Salvage) -> int:
        """Take over what an old ledger says of deliveries; give how many there are.

        For a ledger that was made anew and has no deliveries yet.

        Raises:
            Full, LedgerUnavailable: as record(), or the old one cannot be read after all.
        """
        try:
            return old.restore(self._write, self._reading)
        except sqlite3.Error as error:
            raise explained(error, self.path) from error

    def end_leases(self, is_dead: Callable[[str], bool]) -> int:
        """Have what dead owners leased wait again, and their slots free; give how many deliveries.

        Raises:
            Full, LedgerUnavailable: as record(); the leases then end by themselves.
        """
        dead = [one for one in self.deliveries.owners() | self.slots.owners() if is_dead(one)]
        for owner in dead:
            self.slots.give_back_all(owner)
        if not dead:
            return 0
        # Whether a lease of others has ended is not for our clock to say: only whose owner is dead.
        return self.deliveries.reclaim(expired_by=_BEGINNING, now=self._now(), dead=dead)

    def counts(self) -> Counts:
        """Count everything; reads whole tables.

        Raises:
            LedgerUnavailable: the ledger cannot be read now.
        """
        return Counts(*self._reader.ask(lambda cursor: self._reading.counts.row(cursor) or ()))

    def check(self) -> list[str]:
        """Look for damage, in words; empty when there is none. Reads all of the file.

        Raises:
            LedgerUnavailable: it is so damaged that it cannot even be looked at.
        """
        return self._reader.ask(self._problems)

    def checkpoint(self, mode: CheckpointMode = "ordinary") -> None:
        """Move what was committed from the log into the database. For a background thread.

        Raises:
            Full, LedgerUnavailable: as record(); nothing that was recorded is in danger.
        """
        self._checkpointer.run(mode)

    @property
    def wal_bytes(self) -> int:
        """How long the log is."""
        return wal_bytes(self.path)

    def close(self) -> None:
        """Close the files. What was recorded stays; a later call opens them again."""
        self._reader.close()
        self._searchers.close()
        self._keeper.close()
        self._checkpointer.close()
        self._writer.close()
        self._lock.close()

    def _record(
        self, write: _Write, entries: Sequence[Entry], confirm: Callable[[], None]
    ) -> list[Recorded]:
        def work(cursor: sqlite3.Cursor) -> list[Recorded]:
            recorded = self._recorder.record(cursor, entries)
            confirm()
            return recorded

        try:
            recorded = write(work)
        except (OverflowError, UnicodeEncodeError):
            # An odd value in one instance must not keep the others, nor itself, from being kept.
            entries = [storable(entry) for entry in entries]
            recorded = write(work)
        self._recorder.committed(entries, recorded)
        return recorded

    def _page_after(self, place: Row) -> list[Row]:
        # An open cursor over all of it would keep the log from being emptied.
        return self._reader.ask(lambda c: self._reading.payloads.run(c, *place).fetchall())

    def _forget(self, paths: Sequence[str], at: int) -> int:
        return self._write(
            lambda cursor: sum(self._losses.lose(cursor, path, at) for path in paths)
        )

    def _write(self, work: Callable[[sqlite3.Cursor], T]) -> T:
        result = self._writer.transact(work)
        self._checkpointer.relieve()
        return result

    def _audit(
        self,
        write: Callable[[Callable[[sqlite3.Cursor], None]], None],
        records: Sequence[AuditRecord],
    ) -> None:
        at = microseconds_of(self._now())
        rows = [audit_values(with_storable_fields(record), at) for record in records]
        write(lambda cursor: self._writing.add_audit.run(cursor, rows))

    def _write_lightly(self, work: Callable[[sqlite3.Cursor], T]) -> T:
        """Write what may be lost in a power cut, and is found out again after it."""
        result = self._writer.transact(work, "process")
        self._checkpointer.relieve()
        return result

    def _problems(self, cursor: sqlite3.Cursor) -> list[str]:
        rows = cursor.execute(f"PRAGMA quick_check({_PROBLEMS_MAX})").fetchall()
        problems = [text for (text,) in rows if text != "ok"]
        for table, row, parent, _ in cursor.execute("PRAGMA foreign_key_check").fetchmany(
            _PROBLEMS_MAX
        ):
            problems.append(f"{table} {row} belongs to a {parent} that does not exist")
        for (uid,) in self._reading.served_but_not_held.run(cursor).fetchmany(_PROBLEMS_MAX):
            problems.append(f"instance {uid}: the version to be served is not held")
        return problems
