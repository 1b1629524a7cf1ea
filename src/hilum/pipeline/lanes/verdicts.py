"""What an outcome means for a delivery: when it is tried again, or who decides. Pure."""

from datetime import datetime, timedelta

from hilum.kernel.outcome import Deferred, Delivered, Outcome, Refused
from hilum.kernel.telemetry import Event
from hilum.pipeline.lanes.backoff import wait_seconds
from hilum.pipeline.lanes.events import DeliveryDeferred, DeliveryRefused, InstanceDelivered
from hilum.pipeline.lanes.goods import Goods, Result
from hilum.pipeline.lanes.policy import Retry


def judged(goods: Goods, outcome: Outcome, retry: Retry, now: datetime, chance: float) -> Result:
    """Give what is written down for an outcome."""
    if not isinstance(outcome, Deferred):
        return Result(goods, outcome)
    if _is_enough(goods, retry, now):
        return Result(
            goods, Refused(f"given up, it failed for too long; at last: {outcome.reason}")
        )
    wait = wait_seconds(retry, outcome, attempts=goods.parcel.attempts + 1, chance=chance)
    return Result(goods, outcome, now + timedelta(seconds=wait))


def _is_enough(goods: Goods, retry: Retry, now: datetime) -> bool:
    """Tell whether a delivery has failed for too long; never at its first failure."""
    if retry.give_up_seconds is None or not goods.parcel.attempts:
        return False
    return (now - goods.created_at).total_seconds() > retry.give_up_seconds


def telling(destination: str, result: Result, now: datetime) -> Event:
    """Give the event that tells of a result."""
    uid = result.goods.parcel.sop_instance_uid
    match result.outcome:
        case Delivered(_, remark):
            seconds = (now - result.goods.created_at).total_seconds()
            said = f", which remarked: {remark}" if remark else ""
            return InstanceDelivered(
                destination, uid, result.goods.parcel.size, max(seconds, 0.0), said
            )
        case Refused(reason):
            return DeliveryRefused(destination, uid, reason)
        case Deferred(reason, _, failing):
            wait = (result.due_at - now).total_seconds() if result.due_at else 0.0
            return DeliveryDeferred(destination, uid, failing.value, reason, wait)
