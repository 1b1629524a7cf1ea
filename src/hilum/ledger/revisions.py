"""Which schema a ledger file has, and bringing it to ours. Alembic comes in only for that."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from hilum.kernel.errors import Misconfigured
from hilum.ledger.moments import moment_of

# What `migrations/versions` ends with; a test compares the two.
HEAD: Final = "0008"
KNOWN: Final = frozenset({"0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"})

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def revision_of(connection: sqlite3.Connection) -> str | None:
    """Give the schema revision of the file; None when it has no alembic_version."""
    if "alembic_version" not in _tables(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def older_revision(path: Path) -> str | None:
    """Give the schema revision of a ledger that opening would bring to ours; else None."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            revision = revision_of(connection)
    except sqlite3.Error:
        return None  # whoever opens it says what is wrong
    return revision if revision in KNOWN and revision != HEAD else None


def last_receipt(path: Path) -> int:
    """Give the number of the last receipt in a ledger; 0 when there is none, or it cannot be read.

    Of a file whose schema may be any of ours.
    """
    return _of_last_receipt(path)[0]


def last_received(path: Path) -> datetime | None:
    """Give when the last receipt was written, as last_receipt() does; None: there is none."""
    number, moment = _of_last_receipt(path)
    return moment_of(moment) if number else None


def _of_last_receipt(path: Path) -> tuple[int, int]:
    if not path.exists():
        return 0, 0
    question = "SELECT id, received_at_microseconds FROM receipt ORDER BY id DESC LIMIT 1"
    try:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(question).fetchone() or (0, 0)
    except sqlite3.Error:
        return 0, 0


def check_ours(connection: sqlite3.Connection, path: Path) -> str | None:
    """Give the schema revision of a file that is empty or a ledger we know.

    Raises:
        Misconfigured: it is somebody else's database, or a newer Hilum wrote it.
    """
    tables = _tables(connection)
    if not tables:
        return None
    revision = revision_of(connection)
    if revision is None or "receipt" not in tables:
        raise Misconfigured(
            f"{path} is a database but not a ledger of Hilum; move it away, or let gateway.data "
            "name another folder"
        )
    if revision not in KNOWN:
        raise Misconfigured(
            f"ledger {path} was written by a newer Hilum: it has schema revision {revision}, this "
            f"one knows schema revision {HEAD}; install the newer one again (a ledger never goes "
            "back)"
        )
    return revision


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an empty file or an older ledger to our schema, all or nothing.

    The caller holds the write lock. Raises sqlite3.Error.
    """
    # Takes longer to import than everything else that opening a ledger does.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import StaticPool, create_engine, event, exc  # noqa: PLC0415

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    # The driver's own BEGIN comes too late for CREATE TABLE; without this a crash leaves half.
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as bound:
            config.attributes["connection"] = bound
            command.upgrade(config, HEAD)
    except exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {name for (name,) in rows}
