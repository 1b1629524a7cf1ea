"""Write docs/reference/events.md from the event classes and the readings.

python tools/make_events_reference.py [FILE]
"""
# ruff: noqa: INP001 -- a script that developers run, not part of a package

import inspect
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from hilum.kernel.telemetry import Counter, Event, Metric
from hilum.service.readings import (
    READINGS,
    GatewayGauge,
    GatewayGauges,
    Reading,
    Readings,
    WorkerCounter,
)
from hilum.service.telemetry import event_classes

REFERENCE: Final = Path(__file__).parents[1] / "docs/reference/events.md"

HEAD: Final = """\
# Events and metrics

Made by `tools/make_events_reference.py` from the event classes; do not edit.

Every log line is an event, and every event that is counted moves the metrics named with it. Lines
go to standard output. With `[log] format = "json"` a line is one object: `time` (UTC), `level`,
`event`, `message`, `worker` when there are several, and the fields below. With `"console"` it is
the sentence and the fields that the sentence does not mention. A line is at most 4,096 bytes;
values that are too long are cut. Lines that cannot be written at once are dropped and counted: a
log that hangs must not hang a modality.

Levels: `error` data is at risk or you must act; `warning` odd, handled; `info` life-cycle and
finished work; `debug` every instance and the wire. Metrics are moved at every level. No line and no
label has patient data: UIDs and AE titles yes, names and IDs never.
"""

METRICS_HEAD: Final = """\
## Metrics

`GET /metrics` shows the sum over all workers. Counters start at nothing when the gateway starts.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def reference() -> str:
    """Make the whole page."""
    parts = [HEAD]
    room = ""
    for kind in event_classes():
        if kind.__module__ != room:
            room = kind.__module__
            parts.append(f"## {room.removeprefix('hilum.').removesuffix('.events')}\n")
            parts.append((inspect.getdoc(sys.modules[room]) or "") + "\n")
        parts.append(_section(kind))
    return "\n".join(parts) + "\n" + METRICS_HEAD + "".join(_metric_rows())


def _section(kind: type[Event]) -> str:
    lines = [
        f"### {kind.__name__}",
        "",
        f"`{kind.level.name.lower()}` · {inspect.getdoc(kind)}",
        "",
    ]
    if kind.message:
        lines += [f"> {kind.message}", ""]
    names = ", ".join(f"`{field.name}`" for field in fields(kind))
    lines += [f"Fields: {names or 'none'}.", ""]
    if kind.metrics:
        lines += ["Metrics: " + ", ".join(f"`{metric.name}`" for metric in kind.metrics) + ".", ""]
    return "\n".join(lines)


def _metric_rows() -> Iterator[str]:
    rows: dict[str, list[str]] = {}
    for kind in event_classes():
        for metric in kind.metrics:
            rows.setdefault(metric.name, _row_of(metric)).append(kind.__name__)
    for name in sorted(rows):
        type_name, labels, meaning, *kinds = rows[name]
        yield f"| `{name}` | {type_name} | {labels} | {meaning} {', '.join(kinds)} |\n"
    for reading in sorted(READINGS, key=lambda reading: reading.name):
        labels = ", ".join(f"`{label}`" for label in getattr(reading, "labels", ()))
        cells = (f"`{reading.name}`", _type_of(reading), labels, reading.text)
        yield f"| {' | '.join(cells)} |\n"


def _row_of(metric: Metric) -> list[str]:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    if isinstance(metric, Counter):
        meaning = f"sum of `{metric.amount}` of" if metric.amount else "number of"
        return ["counter", labels, meaning]
    return ["histogram", labels, f"distribution of `{metric.value}` of"]


def _type_of(reading: Reading | Readings) -> str:
    if isinstance(reading, WorkerCounter):
        return "counter"
    return (
        "gauge"
        if isinstance(reading, GatewayGauge | GatewayGauges)
        else "gauge, sum of the workers"
    )


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else REFERENCE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")
