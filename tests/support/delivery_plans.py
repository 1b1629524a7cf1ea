"""Planned deliveries, and lanes as short as tests want them."""

from datetime import timedelta

from ledger_entries import RECEIVED, entry, rows

from hilum.kernel.outcome import Deferred, Delivered, Failing
from hilum.ledger.delivery import PlannedDelivery, Settlement

NOW = RECEIVED + timedelta(seconds=10)
LATER = RECEIVED + timedelta(hours=1)
LEASE = timedelta(seconds=60)
NO_ANSWER = Deferred("no answer within 30 s", failing=Failing.UNREACHABLE)
UNTRIED = Deferred("the connection was lost before it", failing=Failing.UNTRIED)


def planned(number=1, *destinations, **changes):
    """Give an entry that goes to each of `destinations`, or as `changes` say."""
    made = entry(number, **changes)
    made.deliveries = [
        one if isinstance(one, PlannedDelivery) else PlannedDelivery(one, "everything")
        for one in destinations or ("pacs",)
    ]
    return made


def claim(ledger, destination="pacs", *, owner="w1", limit=64, now=NOW, **changes):
    wish = {"bytes_max": 10**9, "leased_until": now + LEASE} | changes
    return ledger.deliveries.claim(destination, owner=owner, limit=limit, now=now, **wish)


def settle(ledger, claimed, outcome=None, *, owner="w1", due_at=None, now=NOW):
    outcome = outcome or Delivered()
    settlements = [Settlement(one.delivery_id, owner, outcome, due_at) for one in claimed]
    return ledger.deliveries.settle(settlements, now=now)


def states(path):
    """Give (SOP Instance UID, version, destination) → state, of all deliveries."""
    found = rows(path, "SELECT sop_instance_uid, version, destination, state FROM delivery")
    return {(uid, version, destination): state for uid, version, destination, state in found}


def uids(claimed):
    return [one.sop_instance_uid for one in claimed]
