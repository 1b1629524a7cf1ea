"""What the API takes and gives, as OpenAPI shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from hilum.ledger.delivery import DeliveryHistory, Priority, QueuedDelivery, Selection, State
from hilum.ledger.delivery_queue import PAGE_MAX

StateName = Literal["waiting", "active", "deferred", "held", "delivered", "refused", "dropped"]
PriorityName = Literal["stat", "routine", "bulk"]
Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]
Name = Annotated[str, Field(max_length=64)]
# Numbers that a column of the ledger can have.
DeliveryId = Annotated[int, Field(ge=0, le=2**62)]
IDS_MAX = 1000


def _written(moment: object) -> object:
    """Take no bare number for a moment: nobody could tell what it counts from."""
    if isinstance(moment, int | float) or (isinstance(moment, str) and "-" not in moment[1:]):
        raise ValueError("write date and time as in RFC 3339: 2026-01-31T12:00:00Z")
    return moment


Moment = Annotated[datetime, BeforeValidator(_written)]


class Refusal(BaseModel):
    """Why there is no answer (RFC 9457)."""

    title: str
    status: int
    detail: str = Field(description="What was wrong, and what there is instead.")


class SelectionModel(BaseModel, extra="forbid"):
    """Which deliveries: those that fit everything that is given. At least one must be given."""

    ids: Annotated[list[DeliveryId], Field(max_length=IDS_MAX)] = []
    destination: Name = ""
    route: Name = ""
    states: list[StateName] = []
    study_instance_uid: Uid | Literal[""] = ""
    series_instance_uid: Uid | Literal[""] = ""
    sop_instance_uid: Uid | Literal[""] = ""
    accession_number: Annotated[str, Field(max_length=64)] = ""
    created_before: Moment | None = None
    everything: bool = Field(
        default=False, description="Say so when all deliveries of the queue are meant."
    )

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was given, which must be meant to be done."""
        given = self.model_dump(exclude={"everything", "states"})
        return not any(given.values())

    def selection(self) -> Selection:
        """Give it as the ledger wants it."""
        return Selection(
            ids=tuple(self.ids),
            destination=self.destination,
            route=self.route,
            states=tuple(State(name) for name in self.states),
            study_instance_uid=self.study_instance_uid,
            series_instance_uid=self.series_instance_uid,
            sop_instance_uid=self.sop_instance_uid,
            accession_number=self.accession_number,
            created_before=self.created_before,
        )


class PageQuery(SelectionModel):
    """Which deliveries to list, and how many of them."""

    after: DeliveryId = Field(default=0, description="`next` of the page before.")
    limit: int = Field(default=100, ge=1, le=PAGE_MAX)


class Change(BaseModel, extra="forbid"):
    """What to change, and who says so: both go into the audit trail."""

    select: SelectionModel
    reason: Annotated[str, Field(max_length=500)] = ""
    by: Annotated[str, Field(max_length=64, description="Who does it.")] = ""


class Replay(Change):
    """Send what is selected to a destination, again if it was there already."""

    to: Annotated[str, Field(min_length=1, max_length=64)]
    priority: PriorityName | None = None


class Reprioritise(Change):
    """Make what is selected more or less urgent."""

    priority: PriorityName


class Changed(BaseModel):
    """How many deliveries were changed."""

    count: int


class AttemptModel(BaseModel):
    """A try that failed."""

    at: datetime
    outcome: str
    failing: str
    reason: str
    status: int | None


class DeliveryModel(BaseModel):
    """One instance that one destination must get."""

    id: int
    sop_instance_uid: str
    version: int
    series_instance_uid: str
    study_instance_uid: str
    destination: str
    route: str
    group: str = Field(description="The group of destinations it was chosen from; empty: none.")
    state: StateName
    priority: PriorityName
    due_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    attempts: int
    failing: str
    reason: str
    status: int | None
    size: int
    failures: list[AttemptModel] = []

    @classmethod
    def of(cls, one: QueuedDelivery, failures: DeliveryHistory | None = None) -> "DeliveryModel":
        """Show a delivery of the ledger."""
        return cls(
            id=one.delivery_id,
            sop_instance_uid=one.sop_instance_uid,
            version=one.version,
            series_instance_uid=one.series_instance_uid,
            study_instance_uid=one.study_instance_uid,
            destination=one.destination,
            route=one.route,
            group=one.choice,
            state=one.state.value,
            priority=priority_name(one.priority),
            due_at=one.due_at,
            created_at=one.created_at,
            settled_at=one.settled_at,
            attempts=one.attempts,
            failing=one.failing,
            reason=one.reason,
            status=one.status,
            size=one.size,
            failures=[
                AttemptModel.model_validate(attempt, from_attributes=True)
                for attempt in (failures.attempts if failures else ())
            ],
        )


class DeliveryPage(BaseModel):
    """Deliveries in the order they were planned. `next` is the `after` of the following page."""

    deliveries: Sequence[DeliveryModel]
    next: int | None


class DepthModel(BaseModel):
    """How much one destination is owed in one state."""

    state: StateName
    count: int
    bytes: int
    oldest: datetime


class DestinationModel(BaseModel):
    """A destination: what it is owed, how fast it takes it, and what keeps it."""

    name: str
    type: str = Field(description="Empty: owed something, but not in the configuration any more.")
    open: list[DepthModel]
    delivered_last_minutes: int
    bytes_last_minutes: int
    minutes: int
    empty_in_seconds: float | None = Field(
        description="When the queue is empty if it goes on like this; null: nobody can tell."
    )
    lane: dict[str, str | int | float] = Field(
        description="How its lane in the worker that answers is doing."
    )


def priority_name(priority: Priority) -> PriorityName:
    """Give a priority's name."""
    names: dict[Priority, PriorityName] = {
        Priority.STAT: "stat",
        Priority.ROUTINE: "routine",
        Priority.BULK: "bulk",
    }
    return names[priority]
