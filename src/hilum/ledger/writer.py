"""Write transactions, one at a time over all threads and processes; after an error as before it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hilum.kernel.syncing import BeginSyncs, Synced, Syncing
from hilum.ledger.connection import Durability, Handle
from hilum.ledger.errors import explained
from hilum.ledger.lock import WriteLock

T = TypeVar("T")


class Writer:
    """Runs work inside a transaction that counts when transact() returns."""

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability,
        lock: WriteLock,
        on_reset: Callable[[], None],
    ) -> None:
        self._path = path
        self._lock = lock
        self._handle = Handle(path, durability, on_reset)

    def transact(
        self, work: Callable[[sqlite3.Cursor], T], durability: Durability | None = None
    ) -> T:
        """Run `work` in a write transaction; if it raises, nothing of it stays.

        `durability` is for what may be less durable than the ledger is: the same connection, so
        that nobody has to read again what he knows already.

        Raises:
            Full: there is no room on the disk.
            LedgerUnavailable: the ledger cannot be written now.
        """
        with self._lock:
            return self._transact(work, durability)

    def transact_and_begin_sync(
        self, work: Callable[[sqlite3.Cursor], T], begin: BeginSyncs
    ) -> tuple[T, Syncing]:
        """Run `work` as `transact` does; a power cut may take it until the sync is over.

        It is seen by others before. Who finds that the sync failed says so to `distrust_log`.
        Raises as `transact` does.
        """
        with self._lock:
            result = self._transact(work, "process")
            try:
                return result, begin([self._handle.log()])
            except OSError as error:
                return result, Synced(error)

    def distrust_log(self) -> None:
        """Have the log written once more: a sync of it failed."""
        with self._lock:
            self._handle.distrust_log()

    def close(self) -> None:
        """Close the connection; the next transaction opens it again."""
        with self._lock:
            self._handle.close()

    def _transact(self, work: Callable[[sqlite3.Cursor], T], durability: Durability | None) -> T:
        try:
            try:
                return self._attempt(work, durability)
            except sqlite3.IntegrityError:
                # Another process removed a row that we remembered. Now nothing is remembered.
                return self._attempt(work, durability)
        except sqlite3.Error as error:
            self._handle.distrust(error)
            raise explained(error, self._path) from error

    def _attempt(self, work: Callable[[sqlite3.Cursor], T], durability: Durability | None) -> T:
        cursor = self._handle.cursor(durability)
        try:
            cursor.execute("BEGIN IMMEDIATE")
            result = work(cursor)
            cursor.execute("COMMIT")
        except BaseException:
            self._handle.roll_back()
            raise
        return result
