"""What happens where pictures are drawn, as events."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class FrameDecoded(Event):
    """A frame was decoded, for a picture of it or for its plain bytes, or it was given up."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "A frame took {seconds:.3f} s: {outcome}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_frames_decoded_total", ("outcome",)),
        Histogram("hilum_frame_decode_seconds", "seconds", buckets=_SECONDS),
    )
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PainterLost(Event):
    """A process that decodes frames crashed, or was ended because it took too long.

    The request that it worked for is refused; the next one gets a new process.
    """

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "A process that decodes frames was lost ({cause}, exit code {code})."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_painters_lost_total", ("cause",)),)
    cause: str
    code: int


@dataclass(frozen=True, slots=True)
class DrawingFailed(Event):
    """A frame could not be decoded or drawn for a reason that nobody thought of."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "A frame could not be drawn: {fault}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_drawing_failures_total"),)
    fault: str
