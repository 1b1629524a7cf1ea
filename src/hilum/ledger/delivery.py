"""Deliveries as values: what is owed to destinations, and what became of it. No SQL."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.kernel.names import UID
from hilum.kernel.outcome import Outcome


class Priority(enum.IntEnum):
    """How urgent a delivery is; the smaller number goes first."""

    STAT = 0
    ROUTINE = 1
    BULK = 2


class State(enum.Enum):
    """Where a delivery stands.

    All but DELIVERED and DROPPED are open: somebody is still owed something, and the payload stays.
    """

    WAITING = "waiting"  # goes when it is due; without a moment it waits for its gathering
    ACTIVE = "active"  # leased to a lane that is at it
    DEFERRED = "deferred"  # was tried and goes again when it is due
    HELD = "held"  # a person stopped it, or must decide
    DELIVERED = "delivered"  # the other side has it; never anything else again
    REFUSED = "refused"  # cannot be delivered as it is; stays until a person decides
    DROPPED = "dropped"  # given up, with the reason


# How the reason begins of what a person wants to be tried again; how it failed at last follows.
ASKED_AGAIN: Final = "a person asked to try it again; at last: "
OPEN: Final = frozenset(State) - {State.DELIVERED, State.DROPPED}


class Level(enum.Enum):
    """What a route waits for before it delivers: `on = "series"` or `on = "study"`."""

    SERIES = "series"
    STUDY = "study"


@dataclass(frozen=True, slots=True)
class GatheringKey:
    """What a delivery waits for to be complete; its route is the other half of the key."""

    level: Level
    uid: str


@dataclass(slots=True)
class PlannedDelivery:
    """One destination an instance must reach, planned in the transaction of its receipt.

    `choice` names the group (`first_of`, `one_of`) that `destination` was chosen from; '' if none.
    `due_at` None is at once; with a `gathering` it is when that closes. With a reason in `held` a
    person must release it first.
    """

    destination: str
    route: str
    choice: str = ""
    priority: Priority = Priority.ROUTINE
    due_at: datetime | None = None
    gathering: GatheringKey | None = None
    held: str = ""


@dataclass(slots=True)
class Claimed:
    """A delivery that is leased to the one who claimed it. Hot: not frozen, never changed.

    `attempts` counts the tries before this one, `path` is where its version lies in the vault.
    """

    delivery_id: int
    sop_class_uid: UID
    sop_instance_uid: UID
    series_instance_uid: UID
    study_instance_uid: UID
    transfer_syntax_uid: UID
    size: int
    path: str
    attempts: int
    version: int
    route: str
    choice: str
    priority: Priority
    created_at: datetime


@dataclass(slots=True)
class Settlement:
    """What became of a claimed delivery.

    `owner` is whoever claimed it. `due_at` says when a Deferred one goes again: None is at once.
    One that is Deferred as UNTRIED is put back to where it was; that counts as no attempt.
    """

    delivery_id: int
    owner: str
    outcome: Outcome
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries are meant: those that fit all that is given. Without anything: all."""

    ids: Sequence[int] = ()
    destination: str = ""
    route: str = ""
    states: Sequence[State] = ()
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    accession_number: str = ""
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that failed, or whose end nobody told."""

    at: datetime
    outcome: str
    failing: str
    reason: str
    status: int | None


@dataclass(frozen=True, slots=True)
class QueuedDelivery:
    """A delivery as a person sees it. `due_at` None while waiting: its gathering is open."""

    delivery_id: int
    sop_instance_uid: str
    version: int
    series_instance_uid: str
    study_instance_uid: str
    destination: str
    replay: int
    route: str
    choice: str
    state: State
    priority: Priority
    due_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    attempts: int
    failing: str
    reason: str
    status: int | None
    size: int
    lease_owner: str


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A delivery and its last failed attempts, oldest first."""

    delivery: QueuedDelivery
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class LaneDepth:
    """How much one destination is owed in one of the open states; `oldest` was planned then."""

    destination: str
    state: State
    count: int
    bytes: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """What a destination took in the last `minutes`: a forecast is depth over pace."""

    destination: str
    minutes: int
    delivered: int
    bytes: int
    deferred: int
    refused: int
