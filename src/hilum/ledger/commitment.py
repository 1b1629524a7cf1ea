"""Storage commitments that others ask us for, as values. No SQL."""

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from hilum.kernel.names import UID
from hilum.ledger.entry import Origin


class CommitmentState(enum.Enum):
    """How far a commitment is."""

    ASKED = "asked"  # we answered success, and owe a report
    REPORTED = "reported"  # the peer has taken the report
    GIVEN_UP = "given up"  # nobody took the report for as long as we try; the reason says more


@dataclass(frozen=True, slots=True)
class Commitment:
    """One that is asked for; whoever has this value owes its report until its lease ends.

    `attempts` counts the tries that were begun, this one included: it tells one lease from another.
    """

    commitment_id: int
    transaction_uid: UID
    origin: Origin
    asked_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance that a commitment names, and the version of it that is served.

    `held_class_uid` and `path` are empty when nothing is held under the UID.
    """

    sop_class_uid: UID
    sop_instance_uid: UID
    held_class_uid: str
    path: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What commitment requests tell of a series or study: UIDs listed, and UIDs that are held.

    `listed` are those held in it and those that are held nowhere, of every request that names an
    instance of it. `is_whole`: one of the requests names all that is held.
    """

    listed: Collection[str]
    held: Collection[str]
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: the transaction, its instances (class, instance), and who asks."""

    transaction_uid: UID
    references: Sequence[tuple[UID, UID]]
    origin: Origin
