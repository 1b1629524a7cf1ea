"""Alerts and dashboard ask for metrics that exist, by labels that they have."""

import json
import re
from pathlib import Path

import pytest

from hilum.kernel.telemetry import Histogram
from hilum.service.readings import READINGS
from hilum.service.telemetry import event_classes

DEPLOY = Path(__file__).parents[2] / "deploy"
METRICS = [metric for kind in event_classes() for metric in kind.metrics]
NAMES = (
    {metric.name for metric in METRICS if not isinstance(metric, Histogram)}
    | {f"{metric.name}_bucket" for metric in METRICS if isinstance(metric, Histogram)}
    | {reading.name for reading in READINGS}
)
LABELS = (
    {label for metric in METRICS for label in metric.labels}
    | {label for reading in READINGS for label in getattr(reading, "labels", ())}
    | {"instance", "job", "le"}
)


def expressions():
    rules = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    yield from re.findall(r"^ +expr: (.+)$", rules, re.MULTILINE)
    for panel in json.loads((DEPLOY / "grafana.json").read_bytes())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_names_metrics_and_labels_that_exist(expression):
    names = set(re.findall(r"\bhilum_\w+", expression))
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)

    assert names <= NAMES
    assert {label.strip() for labels in grouped for label in labels.split(",")} <= LABELS


def test_every_alert_says_what_to_do():
    rules = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")

    assert rules.count("- alert: ") == rules.count("remedy: ") == rules.count("summary: ") > 0


def test_event_names_in_remedies_exist():
    rules = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    remedies = re.findall(r"remedy: \"(.+)\"", rules)
    named = {word for text in remedies for word in re.findall(r"\b[A-Z][a-z]+[A-Z]\w+", text)}

    events = {kind.__name__ for kind in event_classes()}
    assert named - events <= {"LimitNOFILE"}
