"""What lanes report: deliveries as they end, and destinations that fail and come back."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric


@dataclass(frozen=True, slots=True)
class InstanceDelivered(Event):
    """A destination has an instance. `seconds` is since it was planned, at our receipt."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Delivered {sop_instance_uid} to {destination}{remark}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_deliveries_attempted_total", ("destination", "outcome")),
        Counter("hilum_deliveries_delivered_bytes_total", ("destination",), amount="size"),
        Histogram(
            "hilum_delivery_seconds",
            "seconds",
            ("destination",),
            buckets=(0.01, 0.1, 1, 10, 60, 600, 3600, 86400),
        ),
    )
    destination: str
    sop_instance_uid: str
    size: int
    seconds: float
    remark: str = ""
    outcome: str = "delivered"


@dataclass(frozen=True, slots=True)
class DeliveryDeferred(Event):
    """A try failed for a reason that may pass; it is tried again."""

    message: ClassVar[str] = (
        "Put off {sop_instance_uid} to {destination} for {wait_seconds:.0f} s: {reason}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_deliveries_attempted_total", ("destination", "outcome")),
    )
    destination: str
    sop_instance_uid: str
    outcome: str
    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class DeliveryRefused(Event):
    """A destination will not take an instance as it is; it stays until a person decides."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "{destination} refused {sop_instance_uid}: {reason}. It stays until a person decides."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_deliveries_attempted_total", ("destination", "outcome")),
    )
    destination: str
    sop_instance_uid: str
    reason: str
    outcome: str = "refused"


@dataclass(frozen=True, slots=True)
class LaneInterrupted(Event):
    """A destination failed: nothing is sent to it until a probe succeeds."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Sending nothing to {destination} ({failing}): {reason}. "
        "Trying again in {wait_seconds:.0f} s."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_lanes_interrupted_total", ("destination", "failing")),
    )
    destination: str
    failing: str
    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class LaneProbed(Event):
    """A destination that failed was asked whether it is back."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Probed {destination}: {finding}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_lanes_probed_total", ("destination", "is_well")),
    )
    destination: str
    is_well: bool
    finding: str


@dataclass(frozen=True, slots=True)
class LaneRestored(Event):
    """A destination that failed takes instances again."""

    message: ClassVar[str] = "Sending to {destination} again after {seconds:.0f} s."
    destination: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LaneHindered(Event):
    """The ledger did not do what a lane asked; nothing is lost, it is asked again."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "The ledger failed while {duty} for {destination}: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_lanes_hindered_total", ("destination",)),
    )
    destination: str
    duty: str
    reason: str


@dataclass(frozen=True, slots=True)
class LaneFaulted(Event):
    """A fault of ours in a lane or in the code of its destination; the lane goes on."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "A fault of ours while {duty} for {destination}: {fault} at {place}. Please report it."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_lanes_faulted_total", ("destination",)),
    )
    destination: str
    duty: str
    fault: str
    place: str


@dataclass(frozen=True, slots=True)
class DeliveriesMoved(Event):
    """Deliveries of a group go to another member: one failed, or a better one is back."""

    message: ClassVar[str] = "Moved {count} deliveries of {choice} from {source} to {target}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_deliveries_moved_total", ("source", "target"), amount="count"),
    )
    choice: str
    source: str
    target: str
    count: int


@dataclass(frozen=True, slots=True)
class GatheringClosed(Event):
    """A series or study that a route waited for is delivered now; why, is the verdict."""

    message: ClassVar[str] = "{route} delivers {gathered} {uid} ({count} deliveries): {evidence}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_gatherings_closed_total", ("verdict", "is_forced")),
    )
    route: str
    gathered: str
    uid: str
    count: int
    verdict: str
    is_forced: bool
    evidence: str
