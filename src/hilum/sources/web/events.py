"""What happens at the DICOMweb door, as events."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class RequestFailed(Event):
    """A request could not be answered as it should, for a reason on our side."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "A DICOMweb request failed with {status}: {fault} at {place}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_web_requests_failed_total"),)
    status: int
    fault: str
    place: str
