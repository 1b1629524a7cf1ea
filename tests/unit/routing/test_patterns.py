"""Texts with * and ?, exact ones and expressions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.routing.patterns import fits_one_of


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("CT", "CT", True),
        ("CT", "ct", True),
        ("CT", "CTA", False),
        ("CT*", "CTA", True),
        ("*brain*", "MR BRAIN 3T", True),
        ("*a*b", "xaxb", True),
        ("*a*b", "xbxa", False),
        ("?T", "CT", True),
        ("?T", "T", False),
        ("a**b", "ab", True),
        ("*", "", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("*x", "line\nx", True),
        ("re:^A", "b a", False),
    ],
)
def test_a_value_fits_a_pattern(pattern, value, fits):
    assert fits_one_of([pattern], minds_case=False)(value) is fits


def test_case_can_matter():
    fits = fits_one_of(["CT*", "MR1"], minds_case=True)

    assert fits("CT9")
    assert fits("MR1")
    assert not fits("ct9")
    assert not fits("mr1")


def test_several_are_alternatives():
    fits = fits_one_of(["CT", "M*", "re:^x"], minds_case=False)

    assert [value for value in ("CT", "MR", "XA", "US") if fits(value)] == ["CT", "MR", "XA"]


def _greedy(pattern, value):
    """The textbook's matcher: slow and plainly right."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_greedy(pattern[1:], value[cut:]) for cut in range(len(value) + 1))
    return bool(value) and pattern[0] in {"?", value[0]} and _greedy(pattern[1:], value[1:])


@given(pattern=st.text("ab*?", max_size=8), value=st.text("ab", max_size=8))
def test_wildcards_mean_what_the_textbook_says(pattern, value):
    assert fits_one_of([pattern], minds_case=True)(value) is _greedy(pattern, value)


def test_no_value_can_stall_wildcards():
    fits = fits_one_of(["*a" * 100 + "*b"], minds_case=False)

    started = time.perf_counter()
    assert not fits("a" * 100_000)

    assert time.perf_counter() - started < 1
