"""Texts that a value may fit: as it is, with * and ?, or as a regular expression."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from hilum.routing.regex import NotUnderstood, compile_expression

# What is compared of a value, and how long a pattern may be. The longest text with a limit in
# PS3.5 §6.2 is LT with 10,240 characters; nobody decides by what comes after the first thousand.
VALUE_LENGTH_MAX: Final = 1024
WILDCARDS: Final = frozenset("*?")
REGEX_PREFIX: Final = "re:"

Fits = Callable[[str], bool]


def has_wildcard(text: str) -> bool:
    """Tell whether `text` is a pattern with * or ?."""
    return not WILDCARDS.isdisjoint(text)


def is_expression(text: str) -> bool:
    """Tell whether `text` is a regular expression."""
    return text.startswith(REGEX_PREFIX)


def fits_one_of(texts: Iterable[str], *, minds_case: bool) -> Fits:
    """Make the test whether a value fits any of `texts`.

    Raises:
        ValueError: one of them is a regular expression with an error.
    """
    texts = list(texts)
    exact = [text for text in texts if not is_expression(text) and not has_wildcard(text)]
    tests = [_test(text, minds_case=minds_case) for text in texts if text not in exact]
    if exact:
        tests.insert(0, _equality(exact, minds_case=minds_case))
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def _equality(texts: Iterable[str], *, minds_case: bool) -> Fits:
    if minds_case:
        return frozenset(texts).__contains__
    wanted = frozenset(text.casefold() for text in texts)
    return lambda value: value.casefold() in wanted


def _test(text: str, *, minds_case: bool) -> Fits:
    if is_expression(text):
        try:
            return compile_expression(text.removeprefix(REGEX_PREFIX)).is_in
        except NotUnderstood as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    if not minds_case and (simple := _simple(text)):
        return simple
    match = _wildcards(text, minds_case=minds_case).match
    return lambda value: match(value[:VALUE_LENGTH_MAX]) is not None


def _simple(text: str) -> Fits | None:
    """Give a faster test for the commonest patterns: word*, *word and *word*."""
    word = text.strip("*").casefold()
    if not word or has_wildcard(word):
        return None
    starts, ends = text[0] != "*", text[-1] != "*"
    if starts:
        return lambda value: value.casefold().startswith(word)
    if ends:
        return lambda value: value.casefold().endswith(word)
    return lambda value: word in value.casefold()


def _wildcards(text: str, *, minds_case: bool) -> re.Pattern[str]:
    """Translate so that no value makes it try again: what a * has passed over stays passed over."""
    first, *others = [_fixed(part) for part in re.split(r"\*+", text)]
    middle = "".join(f"(?>.*?{part})" for part in others[:-1] if part)
    last = f".*{others[-1]}" if others else ""
    flags = re.DOTALL if minds_case else re.DOTALL | re.IGNORECASE
    return re.compile(rf"{first}{middle}{last}\Z", flags)


def _fixed(part: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in part)
