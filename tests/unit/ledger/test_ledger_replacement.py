import pytest
from ledger_entries import entry

from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.files import wal_path
from hilum.ledger.ledger import Ledger
from hilum.ledger.replacement import put_in_place


@pytest.fixture
def fresh(path):
    """A rebuilt ledger that holds other instances than the one it will replace."""
    fresh = path.with_name("fresh.db")
    ledger = Ledger.open(fresh, durability="power")
    ledger.record([entry(7), entry(8)])
    ledger.close()
    return fresh


def test_a_rebuilt_ledger_takes_the_place_and_the_old_one_is_kept(ledger, path, fresh):
    ledger.record([entry(1)])
    ledger.close()

    aside = put_in_place(fresh, path)

    assert aside == path.with_name("ledger.db.damaged-1")
    rebuilt, old = Ledger.open(path, durability="power"), Ledger.open(aside, durability="power")
    assert (rebuilt.counts().instances, old.counts().instances) == (2, 1)
    rebuilt.close()
    old.close()


def test_the_log_of_the_old_ledger_is_not_applied_to_the_new_one(ledger, path, fresh):
    ledger.record([entry(1)])
    assert wal_path(path).stat().st_size

    aside = put_in_place(fresh, path)

    # The process that has the old one open goes on with the new one.
    assert ledger.counts().instances == 2
    ledger.record([entry(2)])
    assert ledger.counts().instances == 3
    assert ledger.check() == []
    assert wal_path(aside).exists()


def test_there_need_not_be_an_old_one(path, fresh):
    assert put_in_place(fresh, path) is None

    ledger = Ledger.open(path, durability="power")
    assert not ledger.is_new
    ledger.close()


@pytest.mark.usefixtures("ledger")
def test_a_second_old_ledger_does_not_overwrite_the_first(path, fresh):
    path.with_name("ledger.db.damaged-1").touch()

    assert put_in_place(fresh, path) == path.with_name("ledger.db.damaged-2")


def test_without_a_rebuilt_ledger_the_old_one_stays(ledger, path):
    ledger.record([entry(1)])

    with pytest.raises(LedgerUnavailable):
        put_in_place(path.with_name("missing.db"), path)

    assert ledger.counts().instances == 1
