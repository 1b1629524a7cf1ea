"""Every case in tests/golden/routes: routes, an instance, and where it goes and why.

A case is one file: `[[routes]]` as TOML, `=== facts`, `=== expected`. Facts are those of the
arrival, `now`, `zone`, and `[elements]` with what is in the data set. Write a new one without its
last part and run the test with HILUM_UPDATE_GOLDEN=1; then read whether it is right.
"""

import os
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hilum.routing.facts import AssociationFacts
from hilum.routing.keys import ASSOCIATION_KEYS, read_key
from hilum.routing.known import Known
from hilum.routing.plan import plan, trace
from hilum.routing.routes import read_routes
from hilum.routing.settings import RouteSettings

CASES = sorted((Path(__file__).parents[2] / "golden/routes").glob("*.case"))
WEDNESDAY = "2024-01-03T12:00:00+00:00"
PATIENT = "Doe^Jane"


class Tree:
    """A data set in memory: values and items by tag and creator."""

    def __init__(self, elements):
        self._elements = {}
        for key, value in elements.items():
            step = read_key(key, in_item=True).steps[-1]
            self._elements[step.tag, step.creator] = value if isinstance(value, list) else [value]

    def values(self, tag, creator=""):
        found = self._elements.get((tag, creator), [])
        return [str(one) for one in found if not isinstance(one, dict)]

    def items(self, tag, creator=""):
        found = self._elements.get((tag, creator), [])
        return [Tree(one) for one in found if isinstance(one, dict)]


class CaseFacts(Tree):
    def __init__(self, facts):
        super().__init__(facts.get("elements", {}))
        named = {key: facts[key] for key in ASSOCIATION_KEYS if key in facts}
        self.association = AssociationFacts(**named)
        self.size = facts.get("size", 1000)
        self.transfer_syntax_uid = facts.get("transfer_syntax", "1.2.840.10008.1.2.1")


def parts_of(case):
    toml, *others = re.split(r"^=== ", case.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = dict(other.split("\n", 1) for other in others)
    return {"expected": "", **parts, "toml": toml}


def read(case):
    parts = parts_of(case)
    facts = tomllib.loads(parts["facts"])
    zone = ZoneInfo(facts.get("zone", "UTC"))
    tables = tomllib.loads(parts["toml"])["routes"]
    routes, faults = read_routes(
        [RouteSettings.model_validate(table) for table in tables], Known(), zone
    )
    now = datetime.fromisoformat(facts.get("now", WEDNESDAY)).astimezone(UTC)
    return routes, faults, CaseFacts(facts), now


def told(routes, facts, now):
    made = plan(routes, facts, now)
    for one in trace(routes, facts, now):
        yield str(one.reason)
        for condition in one.conditions:
            yield from shown(condition, 1)
    for delivery in made.deliveries:
        due = f" not before {delivery.due_at:%Y-%m-%d %H:%M}Z" if delivery.due_at else ""
        gather = f" {delivery.gather.level}" if delivery.on != "instance" else ""
        how = f"{delivery.on}{gather} {delivery.priority}{due}"
        yield f"-> {delivery.target} by {delivery.route}: {how}"


def shown(condition, depth):
    mark = "+" if condition.holds else "-"
    actual = f" has {', '.join(condition.actual)}" if condition.actual else ""
    yield f"{'  ' * depth}{mark} {condition.key}: {condition.wanted}{actual}"
    for inner in condition.inside:
        yield from shown(inner, depth + 1)


def test_there_are_cases():
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_an_instance_goes_where_the_case_says_for_the_reasons_it_says(case):
    routes, faults, facts, now = read(case)

    found = "".join(f"{line}\n" for line in told(routes, facts, now))

    if "HILUM_UPDATE_GOLDEN" in os.environ:
        before = case.read_text(encoding="utf-8").partition("=== expected\n")[0]
        case.write_text(f"{before}=== expected\n{found}", encoding="utf-8")
    assert not faults.errors
    assert found == parts_of(case)["expected"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_may_be_logged_names_no_patient(case):
    routes, _, facts, now = read(case)

    made = plan(routes, facts, now)

    assert PATIENT not in repr(made)
