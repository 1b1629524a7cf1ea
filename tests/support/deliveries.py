"""Deliveries as the queue has them, for those who only read them."""

from datetime import UTC, datetime

from hilum.ledger.delivery import Attempt, DeliveryHistory, Priority, QueuedDelivery, State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def queued(number=1, **changes):
    """Give a delivery that waits for its turn."""
    values = {
        "delivery_id": number,
        "sop_instance_uid": f"1.2.3.4.{number}",
        "version": 1,
        "series_instance_uid": "1.2.3.4",
        "study_instance_uid": "1.2.3",
        "destination": "pacs",
        "replay": 0,
        "route": "everything",
        "choice": "",
        "state": State.WAITING,
        "priority": Priority.ROUTINE,
        "due_at": NOW,
        "created_at": NOW,
        "settled_at": None,
        "attempts": 0,
        "failing": "",
        "reason": "",
        "status": None,
        "size": 1000,
        "lease_owner": "",
    }
    return QueuedDelivery(**values | changes)


def history(number=1, *, attempts=(), **changes):
    """Give a delivery with its failed tries, each a reason."""
    tries = [Attempt(NOW, "deferred", "unreachable", reason, None) for reason in attempts]
    return DeliveryHistory(queued(number, **changes), tries)
