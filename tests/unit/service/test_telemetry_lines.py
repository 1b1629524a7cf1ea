"""Lines stay lines: one for an event, bounded, whatever a peer put into a value."""

import json
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.kernel.telemetry import Level
from hilum.service.logs import (
    VALUE_CHARS_MAX,
    VALUE_ITEMS_MAX,
    Line,
    colourful_line,
    console_line,
    json_line,
    plain,
    renderer,
)
from hilum.service.sink import LINE_BYTES_MAX

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RENDERERS = (json_line, console_line, colourful_line)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6000),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=30),
    max_leaves=20,
)


class Colour(Enum):
    DEEP_RED = 3


class Word(Enum):
    KEPT = "kept"


def line(message="Something happened.", **fields):
    told = {name: plain(value) for name, value in fields.items()}
    return Line(NOON, Level.WARNING, "SomethingHappened", message, told)


@pytest.mark.parametrize("render", RENDERERS)
@given(message=st.text(max_size=6000), value=VALUES)
def test_any_value_gives_one_bounded_printable_line(render, message, value):
    text = render(line(message, reason=value))

    assert len(text) <= LINE_BYTES_MAX + len(b"\x1b[1;31m\x1b[0m")
    assert text.endswith(b"\n")
    inside = text[:-1].removeprefix(b"\x1b[33m").removesuffix(b"\x1b[0m").decode()
    assert inside.isprintable()


@given(message=st.text(max_size=6000), value=VALUES)
def test_any_value_gives_json_that_can_be_read(message, value):
    document = json.loads(json_line(line(message, reason=value)), parse_constant=pytest.fail)

    assert document["event"] == "SomethingHappened"


@pytest.mark.parametrize("render", RENDERERS)
def test_a_value_cannot_forge_a_second_line(render):
    forged = 'CT1\r\n2026-11-21 12:00:00 error Data lost.\u2028\x1b[2J\u202e"}\n{"level":"error"'

    text = render(line(forged, calling_ae_title=forged))

    assert text.count(b"\n") == 1
    assert b"\r" not in text
    assert b"\x1b[2J" not in text
    assert "\u202e".encode() not in text


def test_a_long_line_loses_the_ends_of_its_values_before_their_names():
    fields = {f"field_{number}": "ü" * 5000 for number in range(10)}

    document = json.loads(json_line(line(**fields)))

    assert fields.keys() <= document.keys()
    assert document["field_9"].startswith("üüü")


def test_a_line_of_too_many_fields_says_that_it_is_not_all():
    fields = {f"field_{number}": "x" * 5000 for number in range(500)}

    document = json.loads(json_line(line(**fields)))

    assert document["truncated"] is True
    assert document["event"] == "SomethingHappened"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * VALUE_CHARS_MAX, "x" * VALUE_CHARS_MAX),
        ("x" * (VALUE_CHARS_MAX + 1), "x" * VALUE_CHARS_MAX + "…"),
        (None, None),
        (True, True),
        (float("nan"), "nan"),
        (Colour.DEEP_RED, "deep_red"),
        (Word.KEPT, "kept"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(minutes=1), 60.0),
        (Path("/var/lib/hilum"), "/var/lib/hilum"),
        (("a", 1), ["a", 1]),
        (range(5), "range(0, 5)"),
        (list(range(100)), list(range(VALUE_ITEMS_MAX))),
        ({"a": Word.KEPT}, {"a": "kept"}),
    ],
)
def test_values_become_what_json_has_a_word_for(value, expected):
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("style", "is_terminal", "expected"),
    [
        ("json", True, json_line),
        ("json", False, json_line),
        ("console", True, colourful_line),
        ("console", False, console_line),
    ],
)
def test_colours_are_for_terminals_only(style, is_terminal, expected):
    class Settings:
        format = style
        level = "info"

    assert renderer(Settings(), is_terminal=is_terminal) is expected
