"""Values that have an order: numbers, sizes, dates, times of day, ages; and how they are written.

    3 · ">= 3" · "1..5" · "20240101..20241231" · "-30d.." · "< 18Y" · ">= 100 MB" · "18:00-06:00"

A value that cannot be read as what it should be fits nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from hilum.kernel.setting_types import byte_count

_Number = int | float
_OPERATOR: Final = re.compile(r"\s*(>=|<=|==|!=|>|<|=)\s*(.*)", re.DOTALL)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_NUMBER_LENGTH_MAX: Final = 64  # the longest DS has 16 characters (PS3.5 §6.2); be generous
_DATE: Final = re.compile(r"(\d{4})([-.]?)(\d\d)\2(\d\d)", re.ASCII)
_DAYS_FROM_TODAY: Final = re.compile(r"([+-]\d{1,5})\s*([dw])", re.ASCII)
_TIME: Final = re.compile(r"(\d\d?):?(\d\d)(?::?(\d\d))?(?:\.\d{1,6})?", re.ASCII)
_TIMES: Final = re.compile(r"\s*(\d{1,2}:\d\d)\s*-\s*(\d{1,2}:\d\d)\s*", re.ASCII)
_AGE: Final = re.compile(r"(\d{1,3})\s*([DWMY])", re.ASCII | re.IGNORECASE)
# An age is a round number anyway (PS3.5 §6.2, AS); these make "12M" a year and "52W" almost one.
_DAYS: Final = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


@dataclass(frozen=True, slots=True)
class End:
    """One end of a range; a relative one is counted from today."""

    number: _Number
    is_relative: bool = False

    def at(self, today: int) -> _Number:
        """Give where it lies when `today` is the ordinal of the day."""
        return self.number + today if self.is_relative else self.number


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`; either may be missing, and belongs to it unless it is excluded."""

    low: End | None = None
    high: End | None = None
    excludes_ends: bool = False
    is_complement: bool = False  # everything but this

    @property
    def is_relative(self) -> bool:
        """Whether it depends on the day."""
        return any(end is not None and end.is_relative for end in (self.low, self.high))

    def holds(self, number: _Number, today: int = 0) -> bool:
        """Tell whether `number` lies in it."""
        return self._contains(number, today) is not self.is_complement

    def _contains(self, number: _Number, today: int) -> bool:
        if self.low is not None:
            low = self.low.at(today)
            if number < low or (number == low and self.excludes_ends):
                return False
        if self.high is not None:
            high = self.high.at(today)
            if number > high or (number == high and self.excludes_ends):
                return False
        return True


def parse_range(text: str, end_of: Callable[[str], End]) -> Range:
    """Read `3`, `>= 3` or `1..5`.

    Raises:
        ValueError: it is none of these; whatever `end_of` raises.
    """
    if found := _OPERATOR.fullmatch(text):
        end = end_of(found[2].strip())
        return _compared(found[1], end)
    low, dots, high = (part.strip() for part in text.partition(".."))
    if not dots:
        end = end_of(low)
        return Range(end, end)
    if not low and not high:
        raise ValueError("a range has at least one end, as in 1..5, 1.. or ..5")
    made = Range(end_of(low) if low else None, end_of(high) if high else None)
    if _is_turned_round(made.low, made.high):
        raise ValueError(f"{text!r} ends before it starts")
    return made


def _is_turned_round(low: End | None, high: End | None) -> bool:
    if low is None or high is None or low.is_relative != high.is_relative:
        return False
    return low.number > high.number


def _compared(operator: str, end: End) -> Range:
    match operator:
        case ">=":
            return Range(low=end)
        case ">":
            return Range(low=end, excludes_ends=True)
        case "<=":
            return Range(high=end)
        case "<":
            return Range(high=end, excludes_ends=True)
        case "!=":
            return Range(end, end, is_complement=True)
        case _:
            return Range(end, end)


def is_range(text: str) -> bool:
    """Tell whether `text` has the form of a comparison or a range of numbers."""
    if found := _OPERATOR.fullmatch(text):
        return number_of(found[2].strip()) is not None
    low, dots, high = (part.strip() for part in text.partition(".."))
    ends = [end for end in (low, high) if end]
    return bool(dots) and bool(ends) and all(number_of(end) is not None for end in ends)


def number_of(value: str) -> _Number | None:
    """Read a value as a number."""
    value = value.strip()
    if len(value) > _NUMBER_LENGTH_MAX:
        return None
    if _WHOLE.fullmatch(value):
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) else None


def number_end(text: str) -> End:
    """Read an end of a range of numbers. Raises ValueError."""
    number = number_of(text)
    if number is None:
        raise ValueError(f'{text!r} is not a number; write such as 3, ">= 3" or "1..5"')
    return End(number)


def size_end(text: str) -> End:
    """Read an end of a range of sizes. Raises ValueError."""
    size = byte_count(text)
    if not isinstance(size, int):  # byte_count gives numbers for texts
        raise TypeError(text)
    return End(size)


def day_of(value: str) -> int | None:
    """Read a date, or the date of a date and time, as the ordinal of its day."""
    found = _DATE.match(value)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4])).toordinal()
    except ValueError:
        return None


def date_end(text: str) -> End:
    """Read an end of a range of dates. Raises ValueError."""
    word = text.lower()
    if word in {"today", "yesterday"}:
        return End(-1 if word == "yesterday" else 0, is_relative=True)
    if found := _DAYS_FROM_TODAY.fullmatch(word):
        return End(int(found[1]) * (7 if found[2] == "w" else 1), is_relative=True)
    day = day_of(text) if _DATE.fullmatch(text) else None
    if day is None:
        raise ValueError(
            f'{text!r} is not a date; write such as "20240131", "20240101..20241231", "today" or '
            '"-30d.." (days and weeks: d, w)'
        )
    return End(day)


def second_of(value: str) -> int | None:
    """Read a time of day as the number of its second."""
    found = _TIME.fullmatch(value.strip())
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    # 60 is a leap second (PS3.5 §6.2, TM).
    return (
        hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second <= 60 else None
    )


def parse_times(text: str) -> tuple[Range, ...]:
    """Read a range of times of day, which may go over midnight: as two ranges then.

    "18:00-06:00" is up to, and without, six o'clock, as in calendars.

    Raises:
        ValueError: it is none.
    """
    found = _TIMES.fullmatch(text)
    if found is None:
        return (parse_range(text, _time_end),)
    start, end = _time_end(found[1]), End(_time_end(found[2]).number - 1)
    if end.number + 1 == start.number:
        raise ValueError(f"{text!r} ends when it starts")
    if start.number < end.number:
        return (Range(start, end),)
    return (Range(low=start), Range(high=end))


def _time_end(text: str) -> End:
    second = 86400 if text == "24:00" else second_of(text)
    if second is None:
        raise ValueError(f'{text!r} is not a time of day; write such as "18:00-06:00"')
    return End(second)


def age_of(value: str) -> float | None:
    """Read an age as a number of days."""
    found = _AGE.fullmatch(value.strip())
    return int(found[1]) * _DAYS[found[2].upper()] if found else None


def age_end(text: str) -> End:
    """Read an end of a range of ages. Raises ValueError."""
    age = age_of(text)
    if age is None:
        raise ValueError(
            f'{text!r} is not an age; write such as "< 18Y" or "0D..28D" (days, weeks, months or '
            "years: D, W, M, Y)"
        )
    return End(age)
