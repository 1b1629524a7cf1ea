"""What docs/routing.md shows in its tables is what the language takes."""

import re
import tomllib
from pathlib import Path

import pytest

from hilum.routing.faults import Faults
from hilum.routing.known import Known
from hilum.routing.when import read_when

GUIDE = (Path(__file__).parents[3] / "docs/routing.md").read_text(encoding="utf-8")
KINDS = ("StudyDescription", "SeriesNumber", "StudyDate", "StudyTime", "PatientAge", "SOPClassUID",
         "host", "time", "size")  # fmt: skip


def first_column(heading):
    table = GUIDE.partition(f"| {heading} | ")[2].partition("\n\n")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1] for line in table.splitlines()[2:]]
    return [code.replace("\\|", "|") for row in rows for code in re.findall(r"`([^`]+)`", row)]


def faults_of(key, value):
    faults = Faults()
    read_when(tomllib.loads(f"x = {{ {key} = {value} }}")["x"], (), Known(), faults)
    return faults.found


@pytest.mark.parametrize("key", [key for key in first_column("key") if "…" not in key])
def test_a_key_of_the_guide_is_one(key):
    assert not faults_of(key, "true") or key in {"time", "size", "transfer_syntax"}


@pytest.mark.parametrize("value", first_column("value"))
def test_a_value_of_the_guide_is_one_of_some_kind_of_attribute(value):
    assert [kind for kind in KINDS if not faults_of(kind, value)]


def test_the_tables_were_found():
    assert len(first_column("key")) >= 14
    assert len(first_column("value")) >= 25
