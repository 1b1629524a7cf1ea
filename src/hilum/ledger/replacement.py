"""Putting a rebuilt ledger in the place of a damaged one, which is kept aside."""

import contextlib
import itertools
import sqlite3
from pathlib import Path

from hilum.ledger.connection import connect
from hilum.ledger.errors import explained
from hilum.ledger.files import lock_path, shm_path, sync_folder, wal_path
from hilum.ledger.lock import WriteLock


def put_in_place(fresh: Path, path: Path) -> Path | None:
    """Let the closed ledger at `fresh` be the one at `path`; give where the old one is kept now.

    Both are in one folder. When this returns, the change survives a power cut. A cut in the middle
    leaves no ledger at `path`, never a mixture: the log of the old one must not be applied to the
    new one.

    Raises:
        Full, LedgerUnavailable: nothing was changed, or there is no ledger at `path` any more and
            `fresh` is still complete.
    """
    lock = WriteLock(lock_path(path))
    try:
        with lock:
            _fold_log(fresh)
            aside = _keep_aside(path)
            fresh.rename(path)
            sync_folder(path.parent)
    except sqlite3.Error as error:
        raise explained(error, fresh) from error
    except OSError as error:
        raise explained(error, path) from error
    finally:
        lock.close()
    return aside


def _fold_log(path: Path) -> None:
    """Bring everything that was committed into the one file."""
    with contextlib.closing(connect(path, "power")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _keep_aside(path: Path) -> Path | None:
    aside = next(
        name
        for number in itertools.count(1)
        if not (name := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    was_there = path.exists()
    if was_there:
        path.rename(aside)
    with contextlib.suppress(FileNotFoundError):
        wal_path(path).rename(wal_path(aside))
    shm_path(path).unlink(missing_ok=True)
    return aside if was_there else None
