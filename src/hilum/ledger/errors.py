"""What can go wrong with the ledger, in words that say what to do next. Never a row's values."""

import errno
import sqlite3
from pathlib import Path
from typing import Final

from hilum.kernel.errors import Full, HilumError

# SQLite result codes are eight bits of kind and more bits of detail above them.
_KIND_MASK: Final = 0xFF

_REMEDY: Final = {
    sqlite3.SQLITE_CORRUPT: "it is damaged; stop the gateway and run `hilum rebuild`",
    sqlite3.SQLITE_NOTADB: "it is not a ledger any more; stop the gateway and run `hilum rebuild`",
    sqlite3.SQLITE_BUSY: "another process holds it for too long; is one stopped or hanging?",
    sqlite3.SQLITE_LOCKED: "another process holds it for too long; is one stopped or hanging?",
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened; if it is gone, stop the gateway and run `hilum rebuild`, otherwise "
        "look at its permissions and at the limit of open files"
    ),
    sqlite3.SQLITE_READONLY: "it cannot be written; look at permissions and mount options",
    sqlite3.SQLITE_PERM: "it cannot be written; look at permissions and mount options",
    sqlite3.SQLITE_IOERR: "the disk reports errors; look at the system log",
}


class LedgerUnavailable(HilumError):
    """The ledger cannot be read or written now; nothing was recorded. Every call tries again."""


def explained(error: sqlite3.Error | OSError, path: Path) -> HilumError:
    """Say what `error` means for the ledger at `path` and what to do about it."""
    if _is_full(error):
        return Full(f"ledger {path}: no space left on the disk; it continues when space returns")
    if isinstance(error, OSError):
        return LedgerUnavailable(f"ledger {path}: {error.strerror or error}")
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    remedy = _REMEDY.get(kind_of(error), "this is a bug of ours, please report it")
    return LedgerUnavailable(f"ledger {path}: {error} ({name}): {remedy}")


def kind_of(error: sqlite3.Error) -> int:
    """Give SQLite's primary result code; 0 when the error did not come from SQLite itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & _KIND_MASK


def _is_full(error: sqlite3.Error | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    # The shared-memory file is grown before it is written, so a full disk shows up here as well.
    code = getattr(error, "sqlite_errorcode", 0)
    return kind_of(error) == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE
