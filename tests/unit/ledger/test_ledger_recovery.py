"""After every error the same Ledger works again as soon as its cause is gone."""

import os
import sqlite3
from contextlib import closing

import pytest
from ledger_entries import ORIGIN, change, entry, rows

from hilum.kernel.errors import Full, Misconfigured
from hilum.ledger.entry import AuditRecord, Verdict
from hilum.ledger.errors import LedgerUnavailable, explained, kind_of
from hilum.ledger.files import wal_path
from hilum.ledger.ledger import Ledger
from hilum.ledger.revisions import HEAD


def limit_pages(ledger, count):
    """Let the writer's connection believe that the disk has no more pages than `count`."""
    connection = ledger._writer._handle._connection
    connection.execute(f"PRAGMA max_page_count = {count}").fetchone()


def fill(ledger):
    """Record until there is no room; give how many were recorded."""
    for number in range(10, 100_000, 10):
        try:
            ledger.record([entry(number + digit) for digit in range(10)])
        except Full:
            return number - 10
    raise AssertionError("never full")


def test_a_full_disk_is_said_and_recovered_from(ledger):
    ledger.record([entry(1)])
    limit_pages(ledger, 40)

    recorded = fill(ledger)

    with pytest.raises(Full, match="no space left"):
        ledger.record([entry(900_000 + number) for number in range(100)])
    assert ledger.counts().instances == 1 + recorded
    limit_pages(ledger, 1_000_000)
    ledger.record([entry(900_000 + number) for number in range(100)])
    assert ledger.counts().receipts == 101 + recorded
    assert ledger.check() == []


def test_reading_goes_on_while_the_disk_is_full(ledger):
    ledger.record([entry(1)])
    limit_pages(ledger, 40)
    fill(ledger)

    assert ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]


def test_the_probe_says_when_there_is_room_again(ledger):
    ledger.record([entry(1)])
    ledger.probe()
    ledger.close()
    away = ledger.path.rename(ledger.path.with_name("away.db"))
    with pytest.raises(LedgerUnavailable):
        ledger.probe()

    away.rename(ledger.path)

    ledger.probe()


def test_a_garbled_ledger_names_its_remedy(ledger, path):
    ledger.record([entry(1)])
    ledger.close()
    with path.open("r+b") as file:
        file.write(b"\xa5" * 100)

    with pytest.raises(LedgerUnavailable, match="run `hilum rebuild`"):
        Ledger.open(path, durability="process")


def test_damage_in_the_middle_is_found_by_the_check(ledger, path):
    ledger.record([entry(number) for number in range(300)])
    ledger.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size * 3 // 4 // 4096 * 4096)  # behind the tables of the schema
        file.write(b"\xa5" * 16384)
    damaged = Ledger.open(path, durability="process")

    try:
        problems = damaged.check()
    except LedgerUnavailable as error:
        problems = [str(error)]

    assert problems
    damaged.close()


def test_a_truncated_ledger_names_its_remedy(ledger, path):
    ledger.record([entry(number) for number in range(300)])
    ledger.close()
    os.truncate(path, path.stat().st_size // 3)

    def use():
        with closing(Ledger.open(path, durability="process")) as damaged:
            damaged.record([entry(number) for number in range(1000, 1100)])

    with pytest.raises(LedgerUnavailable, match="run `hilum rebuild`"):
        use()


def test_an_emptied_ledger_is_a_new_one(ledger, path):
    """The service sees `is_new` beside a vault that is not, and rebuilds."""
    ledger.record([entry(1)])
    assert ledger.is_new
    ledger.close()
    os.truncate(path, 0)

    again = Ledger.open(path, durability="process")

    assert again.is_new
    again.close()


@pytest.mark.usefixtures("ledger")
def test_a_ledger_that_was_there_is_not_new(path):
    again = Ledger.open(path, durability="process")

    assert not again.is_new
    again.close()


def test_nothing_is_written_to_a_file_that_was_removed(ledger, path):
    """SQLite would go on writing to a file without a name, and all would be lost at the end."""
    ledger.record([entry(1)])
    away = path.with_name("away.db")
    path.rename(away)
    wal_path(path).rename(wal_path(away))

    with pytest.raises(LedgerUnavailable, match="hilum rebuild"):
        ledger.record([entry(2)])
    with pytest.raises(LedgerUnavailable):
        ledger.find(["1.2.3.4.1"])

    assert not path.exists()
    away.rename(path)
    wal_path(away).rename(wal_path(path))
    ledger.record([entry(2)])
    assert ledger.counts().instances == 2


def test_a_file_that_is_no_ledger_does_not_take_its_place(ledger, path):
    ledger.record([entry(1)])
    path.rename(path.with_name("away.db"))
    sqlite3.connect(path).close()
    path.touch()

    with pytest.raises(LedgerUnavailable, match="was replaced by one with schema revision"):
        ledger.record([entry(2)])


def test_a_writer_that_holds_the_ledger_for_too_long_is_named(ledger, path):
    ledger.record([entry(1)])
    ledger._writer._handle._connection.execute("PRAGMA busy_timeout = 10").fetchone()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerUnavailable, match="another process holds it for too long"):
        ledger.record([entry(2)])

    other.execute("ROLLBACK")
    other.close()
    ledger.record([entry(2)])


def test_a_path_never_belongs_to_two_payloads(ledger):
    ledger.record([entry(1, path="same.dcm")])

    with pytest.raises(LedgerUnavailable, match=r"payload\.path"):
        ledger.record([entry(2, path="same.dcm"), entry(3)])

    assert ledger.counts().receipts == 1
    ledger.record([entry(2), entry(3)])


def test_after_a_failed_sync_the_log_is_not_trusted(ledger):
    """Its pages may count as written and not be; what it holds is written to the database anew."""
    ledger.record([entry(number) for number in range(100)])
    length = ledger.wal_bytes
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC

    ledger._writer._handle.distrust(failure)

    ledger.record([entry(100)])
    assert ledger.wal_bytes < length / 2
    assert ledger.counts().receipts == 101


def test_an_instance_without_payload_can_be_kept_again(ledger, path):
    ledger.record([entry(1)])
    change(path, "DELETE FROM payload")
    assert ledger.check() == ["instance 1.2.3.4.1: the version to be served is not held"]

    [recorded] = ledger.record([entry(1)])

    assert recorded.verdict is Verdict.KEPT
    assert ledger.check() == []


def test_another_programs_database_is_left_alone(path):
    change(path, "CREATE TABLE songs (title TEXT)")
    before = path.read_bytes()

    with pytest.raises(Misconfigured, match="not a ledger of Hilum"):
        Ledger.open(path, durability="process")

    assert rows(path, "SELECT name FROM sqlite_master") == [("songs",)]
    assert len(before) == path.stat().st_size


def test_a_newer_ledger_is_refused_with_both_revisions(ledger, path):
    ledger.close()
    change(path, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(Misconfigured, match=rf"schema revision 9999, .*schema revision {HEAD}"):
        Ledger.open(path, durability="process")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(LedgerUnavailable, match="No such file or directory"):
        Ledger.open(tmp_path / "no" / "ledger.db", durability="process")


def test_an_audit_record_can_stand_alone(ledger, path):
    ledger.audit(AuditRecord("association rejected", "refused", ORIGIN, detail="unknown caller"))

    assert rows(path, "SELECT event, outcome, detail FROM audit") == [
        ("association rejected", "refused", "unknown caller")
    ]


def test_messages_never_hold_the_values_of_a_row(ledger):
    ledger.record([entry(1, path="same.dcm")])

    with pytest.raises(LedgerUnavailable) as caught:
        ledger.record([entry(2, path="same.dcm", patient_name="SECRET^NAME", patient_id="SECRET")])

    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, Full),
        (sqlite3.SQLITE_IOERR_SHMSIZE, Full),
        (sqlite3.SQLITE_IOERR_FSYNC, LedgerUnavailable),
        (sqlite3.SQLITE_CANTOPEN, LedgerUnavailable),
        (sqlite3.SQLITE_READONLY, LedgerUnavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LedgerUnavailable),
    ],
)
def test_an_error_says_what_to_do_next(path, code, kind):
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code

    assert type(explained(error, path)) is kind
    assert kind_of(error) == code & 0xFF


@pytest.mark.parametrize("number", [28, 122])
def test_no_space_for_the_lock_file_is_no_space(path, number):
    assert type(explained(OSError(number, "no"), path)) is Full
