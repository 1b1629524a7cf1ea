"""Regular expressions: what they find is what the standard library finds, and in bounded time."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.routing.regex import (
    STATES_MAX,
    VALUE_LENGTH_MAX,
    NotUnderstood,
    compile_expression,
)


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("brain", "CT Brain w/o", True),
        ("^brain", "CT Brain", False),
        ("^ct .*w/o$", "CT Brain w/o", True),
        ("^(ct|mr)$", "MR", True),
        ("^(ct|mr)$", "MRA", False),
        (r"^\d{3}-\d{2,4}$", "123-45678", False),
        (r"^\d{3}-\d{2,4}$", "123-4567", True),
        (r"^a{2,}$", "a", False),
        (r"^a{2,}$", "aaaa", True),
        ("[^0-9]", "123", False),
        ("[A-F]x", "cX", True),
        ("[]a]", "]", True),
        ("[a-]", "-", True),
        (r"\.dcm$", "image.dcm", True),
        (r"\.dcm$", "image_dcm", False),
        (r"\W", "a b", True),
        (r"^[\d\s]+$", "1 2 3", True),
        ("^$", "", True),
        ("^$", "x", False),
        ("", "anything", True),
        ("(?:ab)+?c", "ababc", True),
        ("ÄRZTE", "für ärzte", True),
    ],
)
def test_an_expression_is_found_where_it_is(pattern, text, is_found):
    assert compile_expression(pattern).is_in(text) is is_found


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "not closed"),
        (")", "closes nothing"),
        ("[a", "not closed"),
        ("*a", "nothing stands before"),
        ("a**", "follows a repetition"),
        ("^*", "cannot be repeated"),
        ("a{5,2}", "ends before it starts"),
        ("a{x}", "repetition is written"),
        ("a{101}", "more than 100 times"),
        ("(?i)a", "not known here"),
        ("(?=a)", "not known here"),
        (r"(a)\1", "not known here"),
        (r"\b", "not known here"),
        ("\\", "not known here"),
        ("[z-a]", "ends before it starts"),
        ("((a{90}){90})", "too large"),
        ("a" * 201, "more than 200 characters"),
        ("(" * 30 + ")" * 30, "too deep"),
    ],
)
def test_what_is_not_understood_is_told(pattern, words):
    with pytest.raises(NotUnderstood, match=words):
        compile_expression(pattern)


_ATOMS = st.sampled_from(
    ["a", "b", "c", ".", "[ab]", "[^a]", r"\d", "1", "^", "$", "(a|b)", "(b*)"]
)
_QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"])


@st.composite
def expressions(draw):
    pieces = [
        atom + (draw(_QUANTIFIERS) if atom not in {"^", "$"} else "")
        for atom in draw(st.lists(_ATOMS, max_size=6))
    ]
    split = draw(st.integers(0, len(pieces)))
    halves = ["".join(pieces[:split]), "".join(pieces[split:])]
    return "|".join(halves) if draw(st.booleans()) else "".join(halves)


@given(pattern=expressions(), text=st.text("abc1AB", max_size=12))
def test_it_finds_what_the_standard_library_finds(pattern, text):
    # The library's $ also stands before a last line break; texts here have none.
    expected = re.search(pattern, text, re.IGNORECASE | re.DOTALL) is not None

    assert compile_expression(pattern).is_in(text) is expected


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)*b", "(.*)*(.*)*x", "a?" * 60 + "a" * 60])
def test_no_value_can_stall_it(pattern):
    """Each of them takes a backtracking engine longer than anybody lives."""
    value = "a" * (VALUE_LENGTH_MAX - 1) + "!"
    expression = compile_expression(pattern)

    started = time.perf_counter()
    expression.is_in(value)

    assert time.perf_counter() - started < 1


def test_the_worst_value_for_the_largest_expression_is_bounded():
    """Every character is another one, so that nothing can be remembered."""
    expression = compile_expression("(.?.?.?.?.?.?.?.?.?){16}\x00")
    value = "".join(chr(0x4E00 + index) for index in range(VALUE_LENGTH_MAX))

    assert len(expression._program) <= STATES_MAX
    started = time.perf_counter()
    assert not expression.is_in(value)

    assert time.perf_counter() - started < 2


def test_what_is_remembered_has_a_limit():
    expression = compile_expression("a.b")
    for index in range(6000):
        expression.is_in(chr(0x4E00 + index))

    assert len(expression._steps) <= 4096


@given(text=st.text(max_size=30))
def test_any_text_is_an_expression_or_told_to_be_none(text):
    with suppress(NotUnderstood):
        compile_expression(text).is_in("some text")
