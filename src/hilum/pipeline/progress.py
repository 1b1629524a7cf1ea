"""How far each destination is with what is explained: so many instances there, so many not, why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hilum.ledger.delivery import DeliveryHistory, QueuedDelivery, State
from hilum.pipeline.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Standstill:
    """Deliveries that are not there for one and the same reason; '' while they need none."""

    state: State
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """One destination. `unplanned` instances are held, and no route sent them there."""

    destination: str
    planned: int
    delivered: int
    unplanned: int
    standing: Sequence[Standstill]


def progress_of(found: Explanation) -> list[Progress]:
    """Count by destination, in the order in which they were planned."""
    by_name: dict[str, dict[str, QueuedDelivery]] = defaultdict(dict)
    for one in _latest_last(found.deliveries):
        by_name[one.destination][one.sop_instance_uid] = one
    held = {one.sop_instance_uid for one in found.held}
    return [_progress(name, last, held) for name, last in by_name.items()]


def _latest_last(histories: Iterable[DeliveryHistory]) -> list[QueuedDelivery]:
    """Put them so that the last of an instance counts: of its newest version, its last replay."""
    rows = [one.delivery for one in histories]
    return sorted(rows, key=lambda one: (one.version, one.replay, one.delivery_id))


def _progress(name: str, last: dict[str, QueuedDelivery], held: set[str]) -> Progress:
    groups = Counter(
        (one.state, one.reason) for one in last.values() if one.state is not State.DELIVERED
    )
    return Progress(
        destination=name,
        planned=len(last),
        delivered=sum(one.state is State.DELIVERED for one in last.values()),
        unplanned=len(held.difference(last)),
        standing=[Standstill(*key, count) for key, count in groups.most_common()],
    )
