"""Telemetry at work: an event moves its metrics and, when loud enough, becomes a line of the log.

It is on the path of every instance, so what an event class means is worked out once. It never
raises and never waits: what goes wrong in here is counted, and the gateway goes on.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from string import Formatter
from typing import Final

from hilum.kernel.telemetry import Event, Level
from hilum.service import readings
from hilum.service.libraries import LibraryHandler, library_logs
from hilum.service.log_events import LogLinesDropped, MetricsNotShared
from hilum.service.logs import JsonValue, Line, LogSettings, plain, renderer
from hilum.service.metrics import Metrics, Mover
from hilum.service.sharing import Sharing
from hilum.service.sink import STDOUT, Sink

# Where event classes are. A test finds those that are missing here; the reference is made from it.
EVENT_MODULES: Final = (
    "hilum.console.events",
    "hilum.pipeline.answerers.events",
    "hilum.pipeline.caching.events",
    "hilum.pipeline.drawing.events",
    "hilum.pipeline.events",
    "hilum.pipeline.fetches.events",
    "hilum.pipeline.lanes.events",
    "hilum.pipeline.passing.events",
    "hilum.pipeline.prefetch.events",
    "hilum.pipeline.retention.events",
    "hilum.pipeline.vouching.events",
    "hilum.service.events",
    "hilum.service.log_events",
    "hilum.sources.dimse.events",
    "hilum.sources.folder.events",
    "hilum.sources.web.access.events",
    "hilum.sources.web.events",
)


def event_classes() -> list[type[Event]]:
    """Give every event class there is, module by module, in the order they are written."""
    return [
        kind
        for module in map(import_module, EVENT_MODULES)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind.__module__ == module.__name__
    ]


def utc_now() -> datetime:
    """Give the wall time; only for what is written down."""
    return datetime.now(UTC)


Render = Callable[[Event], bytes]


@dataclass(slots=True)
class Treatment:
    """What is done with the events of one class. `render` is None when they are not written."""

    movers: Sequence[Mover]
    render: Render | None


class LiveTelemetry:
    """The Telemetry of a running gateway, for all its threads."""

    def __init__(
        self,
        settings: LogSettings,
        metrics: Metrics,
        sink: Sink,
        *,
        worker: int | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Write lines to `sink` as `settings` say, with the number of the worker, if any."""
        self.failures = 0  # lines and movements lost to errors in here
        self.metrics = metrics
        self._sink = sink
        self._level = Level[settings.level.upper()]
        self._render = renderer(settings, is_terminal=sink.is_terminal)
        self._origin: dict[str, JsonValue] = {} if worker is None else {"worker": worker}
        self._now = now
        self._dropped_told = sink.dropped
        self._treatments: dict[type[Event], Treatment] = {}

    def emit(self, event: Event) -> None:
        """Write the line and move the metrics of `event`. Never raises, never waits."""
        try:
            treatment = self._treatments.get(type(event)) or self._learn(type(event))
            for move in treatment.movers:
                try:
                    move(event)
                except Exception:  # noqa: BLE001 -- a bad metric must not cost the line
                    self.failures += 1
            if treatment.render is not None:
                self._write(treatment.render(event))
        except Exception:  # noqa: BLE001 -- telemetry must not stop what it tells about
            self.failures += 1

    def learn(self, kinds: Iterable[type[Event]]) -> None:
        """Make the metrics of `kinds` now, so that they are shown before their first event.

        Raises:
            ValueError: two of them declare one metric differently.
        """
        for kind in kinds:
            self._learn(kind)

    def _learn(self, kind: type[Event]) -> Treatment:
        text = (kind.__doc__ or kind.__name__).partition("\n")[0]
        movers = [self.metrics.mover(metric, text) for metric in kind.metrics]
        is_written = kind.level.value >= self._level.value
        treatment = Treatment(movers, self._renderer_of(kind) if is_written else None)
        self._treatments[kind] = treatment
        return treatment

    def _renderer_of(self, kind: type[Event]) -> Render:
        level, name, message = kind.level, kind.__name__, kind.message
        said = fields_said_by(message)
        names = [field.name for field in fields(kind)]
        origin, now, render_line = self._origin, self._now, self._render

        def render(event: Event) -> bytes:
            told = {**origin}
            for field in names:
                told[field] = plain(getattr(event, field))
            return render_line(Line(now(), level, name, message.format_map(told), told, said))

        return render

    def _write(self, line: bytes) -> None:
        if self._sink.dropped != self._dropped_told:
            self._tell_of_dropped_lines()
        self._sink.write(line)

    def _tell_of_dropped_lines(self) -> None:
        dropped = self._sink.dropped
        render = self._renderer_of(LogLinesDropped)
        if self._sink.try_to_write(render(LogLinesDropped(dropped - self._dropped_told))):
            self._dropped_told = dropped


def fields_said_by(message: str) -> frozenset[str]:
    """Name the fields that the template `message` mentions."""
    return frozenset(name for _, name, _, _ in Formatter().parse(message) if name)


@contextmanager
def live_telemetry(
    settings: LogSettings, *, worker: int | None = None, share_in: Path | None = None
) -> Iterator[LiveTelemetry]:
    """Open the telemetry of this process, on stdout, and bring the libraries' logs into it.

    Of several workers each gives its number and the directory that prepare_directory() made.
    """
    sharing, obstacle = _shared(share_in, worker)
    sink, metrics = Sink(STDOUT), Metrics(sharing)
    telemetry = LiveTelemetry(settings, metrics, sink, worker=worker)
    telemetry.learn(event_classes())
    handler = LibraryHandler(telemetry)
    watch_ourselves(metrics, sink, telemetry, handler)
    if obstacle:
        telemetry.emit(MetricsNotShared(obstacle))
    try:
        with library_logs(handler):
            yield telemetry
    finally:
        metrics.close()
        sink.close()


def _shared(directory: Path | None, worker: int | None) -> tuple[Sharing | None, str]:
    if directory is None or worker is None:
        return None, ""
    try:
        return Sharing(directory, worker), ""
    except OSError as error:
        return None, str(error)


def watch_ourselves(
    metrics: Metrics, sink: Sink, telemetry: LiveTelemetry, libraries: LibraryHandler
) -> None:
    """Show how telemetry itself and the process fare."""
    metrics.watch(readings.LOG_LINES_DROPPED, lambda: sink.dropped)
    metrics.watch(readings.TELEMETRY_FAILURES, lambda: telemetry.failures + metrics.unreadable)
    metrics.watch(readings.LIBRARY_ERRORS, lambda: libraries.errors)
    metrics.watch(readings.PROCESS_CPU_SECONDS, time.process_time)
    metrics.watch(readings.PROCESS_RESIDENT_BYTES, _resident_bytes)
    metrics.watch(readings.PROCESS_DESCRIPTORS, _descriptors)


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]  # proc(5), statm
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
