import sqlite3
from contextlib import closing

import pytest
from delivery_plans import claim, planned
from ledger_entries import change, entry, rows

from hilum.ledger import revisions
from hilum.ledger.connection import connect
from hilum.ledger.ledger import Ledger

AT = 1_795_249_800_000_000


@pytest.fixture
def old(path, monkeypatch):
    """A ledger of revision 0001 with two instances; one was brought by a stranger."""
    path.touch()
    monkeypatch.setattr(revisions, "HEAD", "0001")
    with closing(connect(path, "process")) as connection:
        revisions.upgrade(connection)
        _fill(connection)
    monkeypatch.undo()
    return path


def _fill(connection: sqlite3.Connection):
    connection.execute(f"INSERT INTO meta VALUES (1, 'abc', {AT}, {AT})")
    connection.execute("INSERT INTO patient VALUES (1, 'P1', '', '', '', '', '')")
    connection.execute("INSERT INTO study VALUES (1, 1, '1.2.3', '', '', '', '', '', '')")
    texts = ", ".join(["''"] * 8)
    connection.execute(f"INSERT INTO series VALUES (1, 1, '1.2.3.4', 'CT', 2, {texts})")
    for number, peer in ((1, "ct1"), (2, "")):
        uid, digest = f"1.2.3.4.{number}", entry(number).digest
        connection.execute(
            "INSERT INTO instance VALUES (?, 1, ?, '1.2', 1, 1, 1, 1, 1, 1, '', '', '')",
            (number, uid),
        )
        connection.execute(
            f"INSERT INTO payload VALUES (?, 1, ?, 1000, '1.2', ?, {AT})",
            (number, digest, entry(number).path),
        )
        # The second receipt is that of a copy by somebody else.
        for verdict, who in (("kept", peer), ("already_held", "other")):
            connection.execute(
                f"INSERT INTO receipt VALUES (NULL, {AT}, ?, 1, ?, ?, 1000, '', '', ?, '', '', '')",
                (uid, verdict, digest, who),
            )


def test_an_older_ledger_gets_deliveries_and_keeps_what_it_has(old):
    ledger = Ledger.open(old, durability="process")

    assert (ledger.counts().receipts, ledger.counts().payloads) == (4, 2)
    assert ledger.check() == []
    assert rows(old, "SELECT peer FROM payload ORDER BY instance_row") == [("ct1",), ("",)]
    assert rows(old, "SELECT version_num FROM alembic_version") == [("0008",)]
    ledger.close()


def test_an_older_ledger_is_known_as_such_until_it_is_opened(old):
    before = revisions.older_revision(old)
    Ledger.open(old, durability="process").close()

    assert (before, revisions.older_revision(old)) == ("0001", None)
    assert revisions.older_revision(old.with_name("none")) is None


def test_what_an_older_ledger_held_can_be_delivered(old):
    ledger = Ledger.open(old, durability="process")

    ledger.record([planned(1)])

    assert [one.path for one in claim(ledger)] == [entry(1).path]
    ledger.close()


def test_an_upgrade_that_fails_leaves_the_old_ledger(old, monkeypatch):
    before = rows(old, "SELECT name, sql FROM sqlite_master")
    monkeypatch.setattr("alembic.operations.ops.DropIndexOp.drop_index", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        Ledger.open(old, durability="process")

    assert rows(old, "SELECT name, sql FROM sqlite_master") == before
    assert rows(old, "SELECT version_num FROM alembic_version") == [("0001",)]


def test_what_an_older_ledger_held_is_found_by_name_day_and_modality(old):
    change(old, "UPDATE patient SET patient_name = 'Müller^Zoë', patient_birth_date = '1970.01.02'")
    change(old, "UPDATE study SET study_date = '20240101', referring_physician_name = 'Who^A'")
    ledger = Ledger.open(old, durability="process")

    assert rows(old, "SELECT birth_day, study_day FROM patient, study") == [
        ("19700102", "20240101")
    ]
    assert rows(old, "SELECT * FROM study_modality") == [("CT", "20240101", 1)]
    assert rows(old, "SELECT text FROM name_key WHERE kind IN (1, 4) ORDER BY kind") == [
        ("muller^zoe",),
        ("who^a",),
    ]
    ledger.close()
