"""What intake reports: instances taken, refused, quarantined, and how commits went."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric


@dataclass(frozen=True, slots=True)
class InstanceReceived(Event):
    """An instance is on disk and in the ledger, and its sender is told so."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Received {sop_instance_uid} from {sender}: {verdict}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_instances_received_total", ("source", "verdict")),
        Counter("hilum_instances_received_bytes_total", ("source",), amount="size"),
    )
    source: str
    verdict: str
    sender: str
    calling_ae_title: str
    sop_instance_uid: str
    size: int


@dataclass(frozen=True, slots=True)
class InstanceRefused(Event):
    """An instance was not taken; its sender got an error status."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Refused {sop_instance_uid} from {sender} ({outcome}): {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_instances_refused_total", ("source", "outcome")),
    )
    source: str
    outcome: str
    sender: str
    calling_ae_title: str
    sop_instance_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class AnswerFailed(Event):
    """A fault of ours kept an answer from its sender; the instance is as it was decided."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "A fault of ours kept the answer about {sop_instance_uid} from its sender: {fault} at "
        "{place}. Please report it."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_answers_failed_total"),)
    sop_instance_uid: str
    fault: str
    place: str


@dataclass(frozen=True, slots=True)
class PayloadQuarantined(Event):
    """Bytes that could not be taken were kept for inspection."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Kept a copy of what could not be taken at {path}: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_payloads_quarantined_total"),)
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class GroupCommitted(Event):
    """A group of instances became durable together."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Committed {instances} instances in {seconds:.4f} s."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_commits_total"),
        Histogram(
            "hilum_commit_seconds",
            "seconds",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        ),
    )
    instances: int
    seconds: float


@dataclass(frozen=True, slots=True)
class IntakeObstructed(Event):
    """Nothing can be taken until the operator or time removes the obstacle."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Not taking instances: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_intake_obstructions_total"),)
    reason: str


@dataclass(frozen=True, slots=True)
class IntakeRestored(Event):
    """The obstacle is gone; instances are taken again."""

    message: ClassVar[str] = "Taking instances again."


@dataclass(frozen=True, slots=True)
class CleanUpFailed(Event):
    """A file that is not needed any more could not be removed."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Could not remove {path}: {reason}. It wastes space, nothing else."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_clean_ups_failed_total"),)
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class JournalAbandoned(Event):
    """The vault's journal failed; nothing answered is lost, and every file is synced by itself."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "The vault's journal failed: {reason}. Every payload is synced by itself until the next "
        "start, which is slower. Is the disk failing or full?"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_journals_abandoned_total"),)
    reason: str
