import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_entries import entry, rows
from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from hilum.ledger import revisions
from hilum.ledger.connection import connect
from hilum.ledger.ledger import Ledger
from hilum.ledger.schema import METADATA


def words(text):
    return sorted(text.replace("(", " ").replace(")", " ").replace(",", " ").lower().split())


def test_the_migrations_end_with_the_revision_we_know():
    scripts = ScriptDirectory(str(revisions._MIGRATIONS))

    assert scripts.get_heads() == [revisions.HEAD]
    assert {script.revision for script in scripts.walk_revisions()} == set(revisions.KNOWN)


def test_the_migrations_make_the_tables_of_the_schema(ledger, path):
    ledger.close()
    engine = create_engine(f"sqlite:///{path}")

    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)

    assert differences == []
    engine.dispose()


@pytest.mark.usefixtures("ledger")
def test_the_migrations_write_the_same_sql_as_the_schema(path):
    """Column order, AUTOINCREMENT, WITHOUT ROWID and the like: what Alembic does not compare."""
    made = dict(rows(path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    dialect = sqlite.dialect()

    for table in METADATA.sorted_tables:
        assert words(made[table.name]) == words(str(CreateTable(table).compile(dialect=dialect)))
        for index in table.indexes:
            expected = str(CreateIndex(index).compile(dialect=dialect))
            assert words(made[index.name]) == words(expected)


def test_an_upgrade_that_fails_leaves_nothing_behind(path, monkeypatch):
    path.touch()
    monkeypatch.setattr("alembic.operations.ops.CreateIndexOp.create_index", lambda *_, **__: 1 / 0)
    with closing(connect(path, "process")) as connection, pytest.raises(ZeroDivisionError):
        revisions.upgrade(connection)

    assert rows(path, "SELECT name FROM sqlite_master") == []
    monkeypatch.undo()
    ledger = Ledger.open(path, durability="process")
    assert ledger.is_new
    ledger.close()


def test_an_error_of_the_database_in_an_upgrade_is_one_of_the_driver(path):
    path.touch()
    with closing(connect(path, "process")) as connection:
        connection.execute("PRAGMA max_page_count = 4").fetchone()
        with pytest.raises(sqlite3.OperationalError, match="full"):
            revisions.upgrade(connection)


def test_opening_an_up_to_date_ledger_does_not_import_alembic(ledger, path):
    ledger.record([entry(1)])
    program = (
        "import sys; from pathlib import Path; from hilum.ledger.ledger import Ledger;"
        "Ledger.open(Path(sys.argv[1]), durability='process').close();"
        "sys.exit('alembic' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=20)


def test_a_ledger_keeps_its_name(ledger, path):
    before = rows(path, "SELECT ledger_uuid, created_at_microseconds FROM meta")
    ledger.close()

    Ledger.open(path, durability="process").close()

    assert len(before) == 1
    assert rows(path, "SELECT ledger_uuid, created_at_microseconds FROM meta") == before
