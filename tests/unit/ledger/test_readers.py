"""Questions side by side, and one that does not wait."""

import pytest

from hilum.ledger.ledger import Ledger
from hilum.ledger.readers import AllBusy


def test_who_does_not_wait_for_a_reader_is_told_that_all_are_busy(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    readers = ledger._searchers
    taken = [readers._free.get() for _ in readers._all]

    with pytest.raises(AllBusy):
        readers.ask_at_once(lambda cursor: cursor.execute("SELECT 1").fetchone())
    readers._free.put(taken.pop())
    again = [readers.ask_at_once(lambda cursor: cursor.execute("SELECT 1").fetchone()[0])] * 2

    assert again == [1, 1]
    for reader in taken:
        readers._free.put(reader)
    ledger.close()
