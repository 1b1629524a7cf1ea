"""What the log reports about itself and about the libraries we stand on."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Event, Level


@dataclass(frozen=True, slots=True)
class LogLinesDropped(Event):
    """Lines are missing before this one: whoever reads the log was too slow, or its disk is full.

    Counted by hilum_log_lines_dropped_total.
    """

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "{lines} log lines could not be written before this one."
    lines: int


@dataclass(frozen=True, slots=True)
class LibraryWarned(Event):
    """A library found something odd. Its text is left out where it may quote a data set."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = "{library}: {text}"
    library: str
    text: str
    error: str = ""
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryFailed(Event):
    """A library met an error that nobody handled: a bug, ours or theirs. Please report it.

    Counted by hilum_library_errors_total.
    """

    level: ClassVar[Level] = Level.ERROR
    message: ClassVar[str] = "{library}: {text}"
    library: str
    text: str
    error: str = ""
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsNotShared(Event):
    """The workers' common metrics could not be made: each worker shows only its own."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "/metrics shows one worker at a time, not their sum: {reason}. Restart when that is mended."
    )
    reason: str
