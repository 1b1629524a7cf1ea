"""What the cache of fetched payloads reports."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class CacheConsulted(Event):
    """It was looked whether instances of an archive elsewhere are here already."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "Of what {answerer} has, {hits} instances were here, {misses} not."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_cache_hits_total", ("answerer",), amount="hits"),
        Counter("hilum_cache_misses_total", ("answerer",), amount="misses"),
    )
    answerer: str
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class PayloadCached(Event):
    """An instance of an archive elsewhere landed in the cache."""

    level: ClassVar[Level] = Level.DEBUG
    message: ClassVar[str] = "{sop_instance_uid} of {answerer} landed, {size} bytes."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_cache_landed_total", ("answerer",)),
        Counter("hilum_cache_landed_bytes_total", ("answerer",), amount="size"),
    )
    answerer: str
    sop_instance_uid: str
    size: int


@dataclass(frozen=True, slots=True)
class PayloadsEvicted(Event):
    """Cached payloads were removed to make room, or because they were too old.

    `cause`: age, room (of `[cache] bytes_max`, or of the disk).
    """

    message: ClassVar[str] = "Removed {payloads} cached payloads of {answerer} ({cause})."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_cache_evicted_total", ("answerer", "cause"), amount="payloads"),
        Counter("hilum_cache_evicted_bytes_total", ("answerer", "cause"), amount="size"),
    )
    answerer: str
    cause: str
    payloads: int
    size: int


@dataclass(frozen=True, slots=True)
class CachedPayloadLost(Event):
    """A cached payload was found damaged, or gone; the archive is asked for it again."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "The cached payload {path} is damaged or gone; it is fetched again."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_cache_forgotten_total"),)
    path: str


@dataclass(frozen=True, slots=True)
class CacheObstructed(Event):
    """The cache could not be tidied; it is tried again."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "The cache cannot be tidied now: {reason}."
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_cache_obstacles_total"),)
    reason: str
