"""SQLite connections: the settings that make a commit durable, and how one is opened again."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from hilum.ledger.errors import LedgerUnavailable, kind_of
from hilum.ledger.files import identity_of, wal_path
from hilum.ledger.revisions import HEAD, revision_of

# "power": what was committed survives a power cut. "process": it survives the death of the process.
Durability = Literal["power", "process"]

SYNCHRONOUS: Final[dict[Durability, str]] = {"power": "FULL", "process": "NORMAL"}
# A net below the write lock, for writers that do not know it (the sqlite3 shell, say).
BUSY_TIMEOUT_SECONDS: Final = 5.0
CACHE_KIBIBYTES: Final = 2 * 1024
# Every statement of ours in all its lengths; SQLite compiles each of them once.
CACHED_STATEMENTS: Final = 256
WAL_BYTES_MAX: Final = 64 * 1024 * 1024

_NOT_OPEN: Final = -1

# After these the connection may hold what the file does not: only a new one can be trusted.
_DISTRUSTED: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_MISUSE,
    }
)


def connect(path: Path, durability: Durability) -> sqlite3.Connection:
    """Open the existing file at `path`.

    Raises:
        LedgerUnavailable: its file system cannot do what a write-ahead log needs.
        sqlite3.Error: it cannot be opened, or is no database.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,  # transactions begin and end where we say so
        check_same_thread=False,  # each connection has a lock of ours around it
        cached_statements=CACHED_STATEMENTS,
    )
    try:
        _set_up(connection, path, durability)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise LedgerUnavailable(
            f"ledger {path}: its file system has no shared memory, which a write-ahead log needs "
            "(a network share?); let gateway.data name a local disk"
        )
    for setting in (
        f"synchronous = {SYNCHRONOUS[durability]}",
        "foreign_keys = ON",
        f"cache_size = -{CACHE_KIBIBYTES}",
        # Moving the log into the database is slow and must not happen inside a commit.
        "wal_autocheckpoint = 0",
        f"journal_size_limit = {WAL_BYTES_MAX}",
    ):
        connection.execute(f"PRAGMA {setting}")


class Handle:
    """One connection, opened when it is needed and again when it cannot be trusted any more.

    Not for two threads at once. `on_reset` is called whenever what was learned through the
    connection may not be true: after a rollback and when the file has become another one.
    """

    def __init__(self, path: Path, durability: Durability, on_reset: Callable[[], None]) -> None:
        self._path = path
        self._durability: Durability = durability
        self._on_reset = on_reset
        self._connection: sqlite3.Connection | None = None
        self._must_rewrite = False
        self._identity: tuple[int, int] | None = None
        self._current: Durability = durability
        self._log = _NOT_OPEN

    def cursor(self, durability: Durability | None = None) -> sqlite3.Cursor:
        """Give a cursor on the file that has the ledger's name now.

        The next transaction is as durable as `durability` says, or as the ledger if it is None.

        Raises:
            LedgerUnavailable: the file there is not a ledger of ours.
            sqlite3.Error: it cannot be opened.
        """
        # A file that was removed or replaced would take our writes with it without a word.
        if self._connection is None or identity_of(self._path) != self._identity:
            self.close()
            self._connection = self._open()
        wanted = durability or self._durability
        if wanted != self._current:
            self._connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[wanted]}")
            self._current = wanted
        return self._connection.cursor()

    def roll_back(self) -> None:
        """End a transaction that failed, as if it had never begun."""
        self._on_reset()
        if self._connection is None or not self._connection.in_transaction:
            return
        try:
            self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def log(self) -> int:
        """Give a descriptor of the write-ahead log of the open connection, to sync it by.

        Raises OSError.
        """
        if self._log == _NOT_OPEN:
            # No lock of SQLite is on this file: closing it again gives none up.
            self._log = os.open(wal_path(self._path), os.O_RDWR | os.O_CLOEXEC)
        return self._log

    def distrust(self, error: sqlite3.Error) -> None:
        """Close the connection if it cannot be used after `error`."""
        if kind_of(error) == sqlite3.SQLITE_IOERR:
            self.distrust_log()
        if kind_of(error) in _DISTRUSTED:
            self.close()

    def distrust_log(self) -> None:
        """Have what is in the log written once more: a sync of it failed.

        The kernel may take pages for written that are not: the next sync would succeed and mean
        nothing.
        """
        self._must_rewrite = True
        self.close()

    def close(self) -> None:
        """Close the connection; the next cursor() opens it again."""
        connection, self._connection = self._connection, None
        self._on_reset()
        log, self._log = self._log, _NOT_OPEN
        if log != _NOT_OPEN:
            os.close(log)
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        identity = identity_of(self._path)
        connection = connect(self._path, self._durability)
        try:
            revision = revision_of(connection)
            if self._must_rewrite:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._must_rewrite = False
        except BaseException:
            connection.close()
            raise
        if revision != HEAD:
            connection.close()
            raise LedgerUnavailable(
                f"ledger {self._path}: its file was replaced by one with schema revision "
                f"{revision or '(none)'}, expected was {HEAD}; restart the gateway, or run "
                "`hilum rebuild` if the ledger was lost"
            )
        self._identity = identity
        self._current = self._durability
        return connection
