"""What answerers report: who failed or came back, and what was fetched from them."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric


@dataclass(frozen=True, slots=True)
class AnswererMissed(Event):
    """An answerer did not answer, or answered that it cannot; others may have."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "{answerer} did not answer a {question} ({ailment}): {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_answerer_failures_total", ("answerer", "question", "ailment")),
    )
    answerer: str
    question: str
    ailment: str
    reason: str


@dataclass(frozen=True, slots=True)
class AnswererInterrupted(Event):
    """An answerer failed so often that it is not asked any more until a probe succeeds."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "{answerer} is not asked for {seconds:.0f} s, then it is probed: {reason}. Is it running, "
        "and can it be reached from here?"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_answerer_interruptions_total", ("answerer",)),
    )
    answerer: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class AnswererRestored(Event):
    """An answerer that was not asked any more answers again."""

    message: ClassVar[str] = "{answerer} answers again, after {seconds:.0f} s."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_answerer_restorations_total", ("answerer",)),
    )
    answerer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AnswersDiffered(Event):
    """Two answerers know the same study and tell different things of it; the first one's count."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "{answerer} and {other} differ about study {study_instance_uid}: {attributes}. What "
        "{answerer} says is given out."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_answers_differed_total", ("answerer", "other")),
    )
    answerer: str
    other: str
    study_instance_uid: str
    attributes: str


@dataclass(frozen=True, slots=True)
class FetchBegun(Event):
    """Instances are being fetched from an answerer, for whoever asks for them meanwhile."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Fetching {instances} instances from {answerer}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_fetches_total", ("answerer",)),)
    answerer: str
    instances: int


@dataclass(frozen=True, slots=True)
class RivalAsked(Event):
    """Nothing comes of a fetch, so another archive that has the same is asked, too."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "{answerer} has given nothing for {seconds:g} s: {rival} is asked, too, and who gives "
        "first goes on."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_rivals_asked_total", ("answerer", "rival")),
    )
    answerer: str
    rival: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FetchEnded(Event):
    """A fetch is over: all is here, or it failed, or nobody wanted the rest."""

    message: ClassVar[str] = (
        "Fetched {instances} instances ({size} bytes) from {answerer} in {seconds:.3f} s, "
        "{missing} did not come: {outcome}."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_fetches_ended_total", ("answerer", "outcome")),
        Counter("hilum_fetched_instances_total", ("answerer",), amount="instances"),
        Counter("hilum_fetched_bytes_total", ("answerer",), amount="size"),
        Histogram(
            "hilum_fetch_seconds",
            "seconds",
            ("answerer",),
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
        ),
    )
    answerer: str
    outcome: str  # complete, incomplete, failed, cancelled
    instances: int
    size: int
    missing: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FetchFaulted(Event):
    """A fault of ours ended a fetch; who waited for it was told that the rest is missing."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "A fetch from {answerer} failed by a fault of ours: {fault} {place}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_fetch_faults_total", ("answerer",)),)
    answerer: str
    fault: str
    place: str
