from datetime import timedelta

from delivery_plans import LATER, NOW

from hilum.ledger.ledger import Ledger


def take(ledger, owner, *, limit=2, now=NOW, until=LATER, destination="pacs"):
    return ledger.slots.take(destination, limit=limit, owner=owner, now=now, until=until)


def test_no_more_slots_than_the_limit(ledger):
    assert [take(ledger, owner) for owner in ("w1", "w2", "w3")] == [1, 2, None]
    assert take(ledger, "w3", destination="cloud") == 1
    assert ledger.slots.leased("pacs", now=NOW) == 2


def test_the_limit_holds_over_processes(ledger, path):
    other = Ledger.open(path, durability="process")

    assert [take(ledger, "w1"), take(other, "w2"), take(ledger, "w3")] == [1, 2, None]
    other.close()


def test_a_slot_that_was_given_back_is_free(ledger):
    take(ledger, "w1")
    take(ledger, "w2")

    assert ledger.slots.give_back("pacs", 1, "w1")
    assert take(ledger, "w3") == 1


def test_nobody_gives_back_what_another_has(ledger):
    take(ledger, "w1", until=NOW + timedelta(seconds=1))
    assert take(ledger, "w2", now=NOW + timedelta(seconds=1)) == 1

    assert not ledger.slots.give_back("pacs", 1, "w1")
    assert ledger.slots.leased("pacs", now=NOW) == 1


def test_a_slot_is_free_when_its_lease_ends(ledger):
    take(ledger, "w1", limit=1)

    assert take(ledger, "w2", limit=1) is None
    assert take(ledger, "w2", limit=1, now=LATER, until=LATER + timedelta(hours=1)) == 1


def test_a_lease_can_be_prolonged(ledger):
    take(ledger, "w1", limit=1)
    assert ledger.slots.renew("w1", until=LATER + timedelta(hours=1)) == 1

    assert take(ledger, "w2", limit=1, now=LATER) is None


def test_those_above_a_lowered_limit_count(ledger):
    for owner in ("w1", "w2"):
        take(ledger, owner)
    ledger.slots.give_back("pacs", 1, "w1")

    assert take(ledger, "w3", limit=1) is None
