"""Every event is known, follows the rules of kernel.telemetry, and is in the reference."""

import ast
import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from string import Formatter

import pytest

from hilum.kernel.telemetry import Counter, Event
from hilum.service.readings import READINGS, WorkerCounter
from hilum.service.telemetry import EVENT_MODULES, event_classes

ROOT = Path(__file__).parents[2]
EVENTS = event_classes()
METRICS = [(kind, metric) for kind in EVENTS for metric in kind.metrics]

# Verbs whose participle has a form of its own; all others end in -ed.
IRREGULAR = ("Lost", "Begun", "Sent", "Kept", "Held", "NotShared", "Rebuilt", "SetAside", "InPart")

# Without bound, or somebody's identity: never labels.
NEVER_LABELS = re.compile(r"uid|ae_title|host|address|path|association_id|reason|patient|name$")

# What docs and dashboards call the units of Prometheus.
HISTOGRAM_UNITS = ("_seconds", "_bytes", "_instances", "_ratio")

# Fields that an event may not have: the log has its own of that name, or they are patient data.
TAKEN_FIELDS = {"time", "level", "event", "message", "worker", "truncated", "metrics"}
PATIENT_FIELDS = re.compile(r"patient|birth|description|accession|referring|institution")


def tool():
    path = ROOT / "tools/make_events_reference.py"
    spec = importlib.util.spec_from_file_location("make_events_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def modules_with_events():
    """Find, in the source, every module with a class that derives from Event."""
    for path in (ROOT / "src/hilum").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bases = [
            base for node in tree.body if isinstance(node, ast.ClassDef) for base in node.bases
        ]
        if any(isinstance(base, ast.Name) and base.id == "Event" for base in bases):
            yield ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)


def test_every_module_with_events_is_known():
    assert sorted(modules_with_events()) == sorted(EVENT_MODULES)


def test_the_reference_is_up_to_date():
    written = (ROOT / "docs/reference/events.md").read_text(encoding="utf-8")

    assert written == tool().reference(), "run: python tools/make_events_reference.py"


def test_no_two_events_have_one_name():
    names = [kind.__name__ for kind in EVENTS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_a_noun_and_a_participle(kind):
    assert kind.__name__.endswith(("ed", *IRREGULAR))


@pytest.mark.parametrize("kind", EVENTS)
def test_a_message_is_there_and_mentions_only_fields(kind):
    said = {name for _, name, _, _ in Formatter().parse(kind.message) if name is not None}

    assert kind.message
    assert said <= {field.name for field in fields(kind)}


@pytest.mark.parametrize("kind", EVENTS)
def test_fields_are_neither_taken_nor_patient_data(kind):
    names = {field.name for field in fields(kind)}

    assert not names & TAKEN_FIELDS
    assert not [name for name in names if PATIENT_FIELDS.search(name)]


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_explained_in_a_first_line_that_can_be_a_help_text(kind):
    assert issubclass(kind, Event)
    assert kind.__doc__.partition("\n")[0].endswith(".")


@pytest.mark.parametrize(("kind", "metric"), METRICS)
def test_a_metric_is_named_as_prometheus_wants_it_and_reads_fields_that_exist(kind, metric):
    names = {field.name for field in fields(kind)}
    source = metric.amount if isinstance(metric, Counter) else metric.value

    assert re.fullmatch(r"hilum(_[a-z]+)+", metric.name)
    assert set(metric.labels) <= names
    assert source is None or source in names
    assert not [label for label in metric.labels if NEVER_LABELS.search(label)]
    if isinstance(metric, Counter):
        assert metric.name.endswith("_total")
    else:
        assert metric.name.endswith(HISTOGRAM_UNITS)
        assert list(metric.buckets) == sorted(metric.buckets)


@pytest.mark.parametrize("reading", READINGS)
def test_a_reading_is_named_as_prometheus_wants_it(reading):
    assert re.fullmatch(r"hilum(_[a-z]+)+", reading.name)
    assert reading.name.endswith("_total") == isinstance(reading, WorkerCounter)
    assert reading.text.endswith(".")


def test_no_reading_has_the_name_of_an_events_metric():
    of_events = {metric.name for _, metric in METRICS}

    assert not of_events & {reading.name for reading in READINGS}
