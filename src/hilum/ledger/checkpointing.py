"""Moving what was committed from SQLite's write-ahead log into the database, off the hot path."""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Final, Literal

from hilum.kernel.errors import HilumError
from hilum.ledger.connection import WAL_BYTES_MAX, Durability, Handle
from hilum.ledger.errors import explained
from hilum.ledger.files import wal_bytes, wal_bytes_used
from hilum.ledger.lock import WriteLock

# "ordinary": as much as can be moved beside the writers, and a fresh log if it has become long.
# "everything": an empty log and all of it in one file, as for a backup or at the end.
CheckpointMode = Literal["ordinary", "everything"]

# A log is written from its beginning again only when all of it was moved and nobody added to it
# meanwhile. Under load that never happens by itself; from this size on, writers wait for it once
# (1.5 ms). It should be rare: moving the log syncs it, and while the device is at that, a file
# system makes others wait for moments. It should end: what is overwritten is synced in half the
# time of what makes the file grow.
RESTART_BYTES: Final = 32 * 1024 * 1024
# The second pass moves what was committed during the first, which takes a while: little is left to
# be moved while writers wait.
_PASSES: Final = 2
# So many write transactions between two looks at the log by a writer.
_COMMITS_PER_LOOK: Final = 64


class Checkpointer:
    """Keeps the log short, with a connection of its own. Any thread may call it."""

    def __init__(self, path: Path, *, durability: Durability, lock: WriteLock) -> None:
        self._path = path
        self._durability = durability
        self._lock = lock
        self._mutex = threading.Lock()
        self._handle = Handle(path, durability, lambda: None)
        self._commits = 0

    def run(self, mode: CheckpointMode) -> None:
        """Move the log into the database. When a reader is in the way, the rest stays for later.

        Raises:
            Full: there is no room on the disk for the database to grow.
            LedgerUnavailable: the ledger cannot be read or written now.
        """
        with self._mutex:
            self._run(mode)

    def relieve(self) -> None:
        """Count a commit; have the log moved if it has become too long, since nobody else did."""
        self._commits += 1
        if self._commits % _COMMITS_PER_LOOK or wal_bytes_used(self._path) <= RESTART_BYTES:
            return
        if not self._mutex.acquire(blocking=False):
            return  # somebody else is at it
        # It waits for the device several times, and the next commit need not.
        threading.Thread(target=self._relieve, name="checkpoint", daemon=True).start()

    def close(self) -> None:
        """Close the connection; the next run() opens it again."""
        with self._mutex:
            self._handle.close()

    def _relieve(self) -> None:
        try:
            # What was committed is as durable as promised, whatever happens here.
            with contextlib.suppress(HilumError):
                self._run("ordinary")
        finally:
            self._mutex.release()

    def _run(self, mode: CheckpointMode) -> None:
        try:
            cursor = self._handle.cursor()
            # Waiting for a reader while holding the write lock would stop every store.
            cursor.execute("PRAGMA busy_timeout = 0").fetchone()
            for _ in range(_PASSES):
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if mode == "ordinary" and wal_bytes_used(self._path) < RESTART_BYTES:
                return
            # An existing log is cheaper to write and to sync than one that must grow.
            is_kept = mode == "ordinary" and wal_bytes(self._path) <= WAL_BYTES_MAX
            with self._lock:
                kind = "RESTART" if is_kept else "TRUNCATE"
                cursor.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        except sqlite3.Error as error:
            self._handle.distrust(error)
            raise explained(error, self._path) from error
