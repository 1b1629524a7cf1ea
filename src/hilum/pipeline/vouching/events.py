"""What is told about storage commitment that others ask us for."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class CommitmentAsked(Event):
    """A peer wants to know whether we keep instances; it hears later."""

    message: ClassVar[str] = (
        "{peer} asks for storage commitment of {instances} instances (transaction {transaction})."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_commitments_asked_total", ("peer",)),)
    peer: str
    transaction: str
    instances: int


@dataclass(frozen=True, slots=True)
class CommitmentReported(Event):
    """A peer has heard what we keep; it may delete that."""

    message: ClassVar[str] = (
        "Reported to {peer}{where}: {committed} instances are kept (transaction {transaction})."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_commitments_reported_total", ("peer",)),
        Counter("hilum_instances_committed_total", ("peer",), amount="committed"),
    )
    peer: str
    transaction: str
    committed: int
    where: str


@dataclass(frozen=True, slots=True)
class CommitmentDenied(Event):
    """A peer has heard that we do not keep some of what it asked for."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Told {peer} that {failed} instances are not kept ({reasons}; transaction {transaction}). "
        "It should store them again."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_instances_denied_total", ("peer",), amount="failed"),
    )
    peer: str
    transaction: str
    failed: int
    reasons: str


@dataclass(frozen=True, slots=True)
class CommitmentReportDeferred(Event):
    """A report could not be brought; it is tried again."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Cannot report storage commitment to {peer} (transaction {transaction}): {reason} "
        "Next try in {seconds:.0f} s."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_commitment_reports_deferred_total", ("peer",)),
    )
    peer: str
    transaction: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CommitmentAbandoned(Event):
    """Nobody took a report for as long as we try: the peer keeps what it has and asks again."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = (
        "Gave up reporting storage commitment to {peer} (transaction {transaction}): {reason} "
        "Does peers.{peer} say host and port where it listens?"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_commitments_abandoned_total", ("peer",)),
    )
    peer: str
    transaction: str
    reason: str
