"""Making sure that there is a ledger of our schema at a path, before anybody works with it."""

import os
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from hilum.ledger.connection import Durability, connect
from hilum.ledger.files import sync_folder
from hilum.ledger.moments import microseconds_of
from hilum.ledger.revisions import HEAD, check_ours, upgrade
from hilum.ledger.statements import Reading, Writing

_ONLY_ROW: Final = 1


def prepare(
    path: Path,
    durability: Durability,
    now: Callable[[], datetime],
    *,
    reading: Reading,
    writing: Writing,
) -> bool:
    """Create or upgrade the ledger at `path`; tell whether it is new. The write lock is held.

    When this returns, the file and its name are durable.

    Raises:
        Misconfigured: it is somebody else's database, or a newer Hilum wrote it.
        OSError, sqlite3.Error: it cannot be created, read or written.
    """
    _create(path)
    connection = connect(path, durability)
    try:
        revision = check_ours(connection, path)
        if revision != HEAD:
            upgrade(connection)
        if reading.ledger_uuid.row(connection.cursor()) is None:
            at = microseconds_of(now())
            identity = (_ONLY_ROW, str(uuid.uuid4()), at, at)
            writing.add_meta.run(connection.cursor(), [identity])
        if revision != HEAD:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    if revision is None:
        sync_folder(path.parent)
    return revision is None


def _create(path: Path) -> None:
    """Create the file if there is none: SQLite would let everybody read it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
