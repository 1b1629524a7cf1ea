"""What health reports: checks that begin to fail, and those that recover."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class CheckFailed(Event):
    """A check says that no instances can be taken; /readyz answers 503."""

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "Not ready ({check}): {finding} {remedy}"
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_checks_failed_total", ("check",)),)
    check: str
    finding: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CheckDegraded(Event):
    """A check says that the gateway works, but somebody should look after it."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "Degraded ({check}): {finding} {remedy}"
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_checks_degraded_total", ("check",)),)
    check: str
    finding: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CheckRecovered(Event):
    """A check that failed or was degraded is well again."""

    message: ClassVar[str] = "Well again: {check}."
    check: str
