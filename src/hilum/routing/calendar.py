"""Calendars of the week: "mon-fri 18:00-07:00". When something is open, and when it will be.

Times are those on the wall of the gateway. Where clocks change, a window that starts in the hour
that is skipped opens when the clock jumps, and the hour that comes twice is open both times.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOWS_MAX: Final = 100  # every quarter of an hour of a day; more is a typing mistake
TEXT_LENGTH_MAX: Final = 1000

# A weekly window can be skipped once, when the clock jumps over it; it is there a week later.
_DAYS_AHEAD: Final = 15
_MINUTES_OF_DAY: Final = 24 * 60
_ALWAYS: Final = "always"
_TIMES: Final = re.compile(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Open from `start` to `end`, in minutes of the wall clock, on the days it starts on.

    When `end` is not after `start` it ends on the following day.
    """

    days: frozenset[int]  # 0 is Monday
    start: int
    end: int

    def holds(self, weekday: int, minute: int) -> bool:
        """Tell whether the window is open at a minute of a day."""
        if self.start < self.end:
            return weekday in self.days and self.start <= minute < self.end
        is_begun = weekday in self.days and minute >= self.start
        return is_begun or ((weekday - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Windows of the week; open when any of them is. `texts` is how they were written."""

    texts: tuple[str, ...]
    windows: tuple[Window, ...]

    def is_open(self, now: datetime, zone: tzinfo) -> bool:
        """Tell whether it is open at `now` (aware), by the clock on the wall in `zone`."""
        local = now.astimezone(zone)
        weekday, minute = local.weekday(), local.hour * 60 + local.minute
        return any(window.holds(weekday, minute) for window in self.windows)

    def next_opening(self, now: datetime, zone: tzinfo) -> datetime:
        """Give the first moment from `now` on at which it is open, in UTC; `now` if it is."""
        return self._next(now, zone, is_open=True)

    def _next(self, now: datetime, zone: tzinfo, *, is_open: bool) -> datetime:
        if self.is_open(now, zone) == is_open:
            return now.astimezone(UTC)
        today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        for ahead in range(-1, _DAYS_AHEAD):
            moments = self._changes(today + timedelta(days=ahead))
            fitting = [m for m in moments if m > now and self.is_open(m, zone) == is_open]
            if fitting:
                return min(fitting)
        raise LookupError("the calendar never changes")

    def _changes(self, day: datetime) -> Iterator[datetime]:
        """Give the moments of a day, in UTC, at which something may open or close."""
        minutes = {minute for one in self.windows for minute in (one.start, one.end)}
        for minute in minutes:
            wall = day + timedelta(minutes=minute)
            # The second time round of an hour that comes twice; the same moment on other days.
            yield from (wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC))
        yield from _clock_change(day)


def _clock_change(day: datetime) -> Iterator[datetime]:
    """Find the moment of a day at which its clock is changed, to the second."""
    low = day.astimezone(UTC)
    high = (day + timedelta(days=1)).astimezone(UTC)
    zone = day.tzinfo
    if low.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset():
        return
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    yield high


def parse_calendar(texts: Sequence[str]) -> Calendar:
    """Read one text or more; open when any of them is.

    Raises:
        ValueError: says what is wrong and how it is written.
    """
    windows = tuple(window for text in texts for window in _windows(text))
    if not windows:
        raise ValueError('a calendar has at least one window, such as "07:00-19:00"')
    if len(windows) > WINDOWS_MAX:
        raise ValueError(f"a calendar has at most {WINDOWS_MAX} windows; this has {len(windows)}")
    return Calendar(tuple(texts), windows)


def _windows(text: str) -> Iterator[Window]:
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"a calendar has at most {TEXT_LENGTH_MAX} characters")
    words = text.lower().split()
    if not words or len(words) > 2 or (len(words) == 2 and words[0][0].isdigit()):
        raise _not_understood(text)
    if words == [_ALWAYS]:
        yield Window(frozenset(range(7)), 0, _MINUTES_OF_DAY)
        return
    has_days = not words[0][0].isdigit()
    days = _days(words[0], text) if has_days else frozenset(range(7))
    times = words[has_days:] or ["00:00-24:00"]
    for times_of_day in times[0].split(","):
        yield Window(days, *_times(times_of_day, text))


def _days(word: str, text: str) -> frozenset[int]:
    return frozenset(day for part in word.split(",") for day in _day_range(part, text))


def _day_range(part: str, text: str) -> Iterable[int]:
    first, dash, last = part.partition("-")
    for name in (first, last) if dash else (first,):
        if name not in DAYS:
            raise ValueError(f"{text!r}: {name!r} is not a day; the days are {', '.join(DAYS)}")
    start = DAYS.index(first)
    length = (DAYS.index(last) - start) % 7 + 1 if dash else 1
    return ((start + offset) % 7 for offset in range(length))


def _times(part: str, text: str) -> tuple[int, int]:
    found = _TIMES.fullmatch(part)
    if found is None:
        raise _not_understood(text)
    start, end = _minute(found[1], found[2]), _minute(found[3], found[4])
    if start is None or start == _MINUTES_OF_DAY or end is None:
        raise ValueError(f"{text!r} has a time that no clock shows; 00:00 to 24:00 do")
    if start == end:
        raise ValueError(f"{text!r} ends when it starts; 00:00-24:00 is a whole day")
    return start, end


def _minute(hours: str, minutes: str) -> int | None:
    minute = int(hours) * 60 + int(minutes)
    return minute if int(minutes) < 60 and minute <= _MINUTES_OF_DAY else None


def _not_understood(text: str) -> ValueError:
    return ValueError(
        f'{text!r} is not a calendar; write such as "07:00-19:00", "mon-fri 18:00-07:00" '
        'or "sat,sun"'
    )
