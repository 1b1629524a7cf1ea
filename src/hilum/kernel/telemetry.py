"""Telemetry events: one class is the log line, the metric and the page in the reference.

Subclasses are frozen dataclasses named Noun + past participle. Their fields may hold UIDs and AE
titles, never patient data. A metric's labels are fields with few possible values, never UIDs or
addresses.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol


class Level(Enum):
    """How loud an event is: what each means is in the docstring of its member."""

    DEBUG = 10  # the wire
    INFO = 20  # life-cycle and finished work
    WARNING = 30  # odd, handled
    ERROR = 40  # data at risk, or the operator must act


@dataclass(frozen=True, slots=True)
class Counter:
    """A metric that only grows: by one an event, or by the value of the field `amount`."""

    name: str
    labels: tuple[str, ...] = ()
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution of the field `value`, in base units."""

    name: str
    value: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


Metric = Counter | Histogram


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and that an operator may want to see or count."""

    level: ClassVar[Level] = Level.INFO
    metrics: ClassVar[tuple[Metric, ...]] = ()
    # A sentence with {fields}; the console log prints it, the JSON log carries it as "message".
    message: ClassVar[str] = ""


class Telemetry(Protocol):
    """Where events go."""

    def emit(self, event: Event) -> None:
        """Write the line and move the metrics of `event`. Never raises, never blocks for long."""
        ...


class Silence:
    """A Telemetry that drops everything: for tests and tools that have no log."""

    def emit(self, event: Event) -> None:
        """Drop `event`."""
