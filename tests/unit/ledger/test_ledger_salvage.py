from datetime import timedelta

import pytest
from delivery_plans import LATER, NO_ANSWER, NOW, claim, planned, settle
from ledger_entries import change, rows

from hilum.kernel.outcome import Refused
from hilum.ledger.delivery import GatheringKey, Level, PlannedDelivery
from hilum.ledger.entry import Verdict
from hilum.ledger.ledger import Ledger
from hilum.ledger.salvage import Salvage

ONE, TWO = "1.2.3.4.1", "1.2.3.4.2"


@pytest.fixture
def fresh(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.new", durability="process")
    yield ledger
    ledger.close()


def test_what_was_owed_is_owed_by_the_new_one(ledger, path, fresh):
    study = PlannedDelivery("cloud", "studies", gathering=GatheringKey(Level.STUDY, "1.2.3"))
    entries = [planned(1), planned(2), planned(3), planned(4), planned(5, study)]
    ledger.record(entries)
    delivered, deferred, refused, active = claim(ledger)
    settle(ledger, [delivered])
    settle(ledger, [deferred], NO_ANSWER, due_at=LATER)
    settle(ledger, [refused], Refused("no"))
    ledger.close()
    for one in entries:
        one.deliveries = ()
    fresh.record(entries)
    old = Salvage(path)

    assert old.is_readable()
    assert fresh.take_over(old) == 5

    question = "SELECT sop_instance_uid, version, state, attempts, lease_owner FROM delivery"
    assert rows(fresh.path, f"{question} ORDER BY id") == [
        (ONE, 1, "delivered", 1, ""),
        (TWO, 1, "deferred", 1, ""),
        ("1.2.3.4.3", 1, "refused", 1, ""),
        (active.sop_instance_uid, 1, "waiting", 1, ""),
        ("1.2.3.4.5", 1, "waiting", 0, ""),
    ]
    assert rows(fresh.path, "SELECT delivery_row, outcome FROM attempt ORDER BY id") == [
        (2, "deferred"),
        (3, "refused"),
    ]
    [gathering] = fresh.gatherings.due(quiet_since=NOW, opened_until=NOW - timedelta(days=1))
    assert gathering.arrivals == 1


def test_versions_are_found_again_by_their_bytes(ledger, path, fresh):
    """The first version went; what is the second one in the old ledger is the first in the new."""
    ledger.record([planned(1)])
    settle(ledger, claim(ledger))
    newer = planned(1, content=b"x", verdict=Verdict.REPLACED)
    ledger.record([newer])
    ledger.close()
    newer.deliveries = ()
    fresh.record([newer])

    fresh.take_over(Salvage(path))

    assert [(one.sop_instance_uid, one.version) for one in claim(fresh)] == [(ONE, 1)]
    assert rows(fresh.path, "SELECT version, state FROM delivery ORDER BY id") == [
        (-1, "delivered"),
        (1, "active"),
    ]


def test_what_is_not_in_the_vault_is_refused_aloud(ledger, path, fresh):
    ledger.record([planned(1), planned(2)])
    settle(ledger, claim(ledger, limit=1))
    ledger.close()

    fresh.take_over(Salvage(path))

    assert rows(fresh.path, "SELECT version, state, reason FROM delivery ORDER BY id") == [
        (-1, "delivered", ""),
        (-1, "refused", "its payload was not in the vault when the ledger was made anew"),
    ]


def test_a_damaged_or_missing_ledger_is_not_believed(ledger, path):
    ledger.record([planned(number) for number in range(500)])
    ledger.close()
    assert Salvage(path).is_readable()

    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * (path.stat().st_size // 3))

    assert not Salvage(path).is_readable()
    assert not Salvage(path.with_name("none.db")).is_readable()


def test_a_ledger_from_before_deliveries_owes_none(ledger, path, fresh):
    ledger.close()
    change(path, "UPDATE alembic_version SET version_num = '0001'")
    for table in ("attempt", "delivery", "gathering"):
        change(path, f"DROP TABLE {table}")

    assert Salvage(path).is_readable()
    assert fresh.take_over(Salvage(path)) == 0


def test_a_ledger_of_an_earlier_revision_still_owes(ledger, path, fresh):
    entry = planned(1)
    ledger.record([entry])
    ledger.close()
    change(path, "UPDATE alembic_version SET version_num = '0002'")
    entry.deliveries = ()
    fresh.record([entry])

    assert Salvage(path).is_readable()
    assert fresh.take_over(Salvage(path)) == 1


def test_a_ledger_with_other_columns_is_not_believed(ledger, path):
    ledger.record([planned(1)])
    ledger.close()
    change(path, "ALTER TABLE delivery RENAME COLUMN route TO way")

    assert not Salvage(path).is_readable()
