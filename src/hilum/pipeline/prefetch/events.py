"""What is told about prefetching."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class PriorsRequested(Event):
    """A rule of prefetching has asked for earlier studies of a patient."""

    message: ClassVar[str] = "Prefetch {rule}: {studies} earlier studies are asked for."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_prefetched_studies_total", ("rule",), amount="studies"),
    )
    rule: str
    studies: int


@dataclass(frozen=True, slots=True)
class PrefetchFailed(Event):
    """A rule of prefetching could not find out what there is, or not all of it."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Prefetch {rule} could not find out what there is: {reason}"
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_prefetch_failures_total", ("rule",)),)
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class PrefetchCrowded(Event):
    """Too many patients are asked about; this one's earlier studies are not looked for."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "More than {waiting} patients wait for prefetching; one was left out."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_prefetch_crowded_total"),)
    waiting: int
