"""A request to bring something from one archive to another place, and how far it has come."""

import enum
from dataclasses import dataclass, field
from datetime import datetime

from hilum.ledger.delivery import Priority


class FetchState(enum.Enum):
    """How a request stands."""

    WAITING = "waiting"
    ACTIVE = "active"
    DONE = "done"  # all of it is there
    INCOMPLETE = "incomplete"  # some of it is, `failures` says why not the rest
    FAILED = "failed"  # nothing of it is
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Tell whether something is still to be done."""
        return self in {FetchState.WAITING, FetchState.ACTIVE}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be brought: one study, some series of it, or all studies that a number names."""

    study_instance_uid: str = ""
    series_instance_uids: tuple[str, ...] = ()
    patient_id: str = ""
    accession_number: str = ""


@dataclass(frozen=True, slots=True)
class Bidding:
    """From where to where, on whose behalf. `rule`: the rule of prefetching that asked for it."""

    wanted: Wanted
    source: str
    target: str
    asker: str
    host: str
    rule: str = ""
    priority: Priority = Priority.ROUTINE


@dataclass(slots=True)
class Progress:
    """How far it has come. `failures`: SOP Instance UIDs and reasons, the first of them."""

    expected: int = 0
    fetched: int = 0
    held: int = 0  # that were here before
    failed: int = 0
    bytes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One request, as the ledger has it."""

    fetch_id: str
    bidding: Bidding
    state: FetchState
    created_at: datetime
    began_at: datetime | None
    settled_at: datetime | None
    progress: Progress
    reason: str
    is_cancelled: bool
