"""What is told about stores that go through to another archive."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric


@dataclass(frozen=True, slots=True)
class InstancePassed(Event):
    """The archive behind an entity has an instance, and its sender is told so."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = (
        "Passed {sop_instance_uid} from {calling_ae_title} through to {destination}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_instances_passed_total", ("source", "destination")),
        Counter("hilum_instances_passed_bytes_total", ("destination",), amount="size"),
        Histogram(
            "hilum_passage_seconds",
            "seconds",
            ("destination",),
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0),
        ),
    )
    source: str
    destination: str
    calling_ae_title: str
    sop_instance_uid: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class InstanceNotPassed(Event):
    """The archive behind an entity does not have an instance; its sender got an error status."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Did not pass {sop_instance_uid} from {calling_ae_title} through to {destination} "
        "({outcome}): {reason}. Its sender was told so."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_instances_not_passed_total", ("source", "destination", "outcome")),
    )
    source: str
    destination: str
    outcome: str
    calling_ae_title: str
    sop_instance_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassageStopped(Event):
    """A sender went away before its instance was passed through; the archive may have it or not."""

    message: ClassVar[str] = (
        "Stopped passing {sop_instance_uid} through to {destination}: {calling_ae_title} went away."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_passages_stopped_total", ("source", "destination")),
    )
    source: str
    destination: str
    calling_ae_title: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class PassageUnrecorded(Event):
    """The ledger did not take the record of a store that went through; its sender got an error."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "{destination} was asked to store {sop_instance_uid}, and the ledger did not take the "
        "audit record: {reason} Its sender was told to try again."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_passages_unrecorded_total", ("destination",)),
    )
    destination: str
    sop_instance_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutcomeUnrecorded(Event):
    """The ledger did not take what became of a store that went through, after it was answered.

    That it was handed on is in the ledger.
    """

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "{destination} has stored {sop_instance_uid}, and the ledger did not take the audit record "
        "of that: {reason} Its sender was told that it is stored."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_passage_outcomes_unrecorded_total", ("destination",)),
    )
    destination: str
    sop_instance_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassingFaulted(Event):
    """A fault of ours while an instance was passed through; its sender got an error."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "A fault of ours while passing instances through to {destination}: {fault} at {place}. "
        "Please report it."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_passing_faults_total", ("destination",)),
    )
    destination: str
    fault: str
    place: str
