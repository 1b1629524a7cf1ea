"""What is told about fetches."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric

_COUNTERS: tuple[Metric, ...] = (
    Counter("hilum_fetch_requests_total", ("source", "target", "state")),
    Counter("hilum_fetch_request_instances_total", ("source", "target"), amount="fetched"),
    Counter("hilum_fetch_request_bytes_total", ("source", "target"), amount="size"),
)


@dataclass(frozen=True, slots=True)
class FetchRequestFinished(Event):
    """What was asked for has been brought, or was there; or somebody has cancelled it."""

    message: ClassVar[str] = (
        "Fetch {fetch_id} from {source} to {target} is {state}: {fetched} instances brought, "
        "{held} were there, {size} bytes, {seconds:.1f} s."
    )
    metrics: ClassVar[tuple[Metric, ...]] = _COUNTERS
    fetch_id: str
    source: str
    target: str
    state: str
    fetched: int
    held: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FetchRequestFailed(Event):
    """Not all of what was asked for could be brought."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Fetch {fetch_id} from {source} to {target} is {state}: {fetched} instances brought, "
        "{held} were there, {failed} failed: {reason}"
    )
    metrics: ClassVar[tuple[Metric, ...]] = _COUNTERS
    fetch_id: str
    source: str
    target: str
    state: str
    fetched: int
    held: int
    size: int
    failed: int
    reason: str


@dataclass(frozen=True, slots=True)
class FetchRequestFaulted(Event):
    """An error of ours ended a fetch."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Fetch {fetch_id} failed unexpectedly ({error} at {place})."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_fetch_request_faults_total"),)
    fetch_id: str
    error: str
    place: str
