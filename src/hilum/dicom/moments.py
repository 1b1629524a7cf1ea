"""Dates and times of DA, TM and DT as texts that sort, from the loosest that are met (PS3.5 §6.2).

A value that leaves out its last components stands for all moments that have the ones it gives: a
first and a last one. Nothing here knows what time it is.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DATE_FORM: Final = "YYYYMMDD"
TIME_FORM: Final = "HHMMSS.FFFFFF"

# "1997.08.13" is how ACR-NEMA wrote dates, "10:15:00" how it wrote times; both are still met.
_DATE: Final = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})")
_TIME: Final = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_DATE_TIME: Final = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?"
    r"([+-]\d{4})?"
)
_OFFSET: Final = re.compile(r"([+-])(\d{2})(\d{2})")
# PS3.5 §6.2, DT: from -1200 to +1400.
_OFFSET_MINUTES_MIN: Final = -12 * 60
_OFFSET_MINUTES_MAX: Final = 14 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """All moments that a value may mean, as texts that sort; both ends belong to it."""

    first: str
    last: str


def date_of(text: str) -> str | None:
    """Give a date as YYYYMMDD; None: it is none."""
    match = _DATE.fullmatch(text.strip("\0 "))
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[3]), int(match[4])
    if not (year and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return None
    return match[1] + match[3] + match[4]


def time_of(text: str) -> Span | None:
    """Give a time of day as HHMMSS.FFFFFF, as exact as it is; None: it is none."""
    match = _TIME.fullmatch(text.strip("\0 "))
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    # 60 is a leap second (PS3.5 §6.2, TM).
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        return None
    first = f"{hour}{minute or '00'}{second or '00'}.{(fraction or '').ljust(6, '0')}"
    last = f"{hour}{minute or '59'}{second or '59'}.{(fraction or '').ljust(6, '9')}"
    return Span(first, last)


def date_time_of(text: str) -> Span | None:
    """Give a DT as YYYYMMDDHHMMSS.FFFFFF, in UTC when it names its offset; None: it is none."""
    match = _DATE_TIME.fullmatch(text.strip("\0 "))
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    date = date_of(f"{year}{month or '01'}{day or '01'}")
    minutes = offset_minutes_of(offset) if offset else 0
    time = time_of(f"{hour or '00'}{minute or '00'}{second or '00'}")
    if date is None or minutes is None or time is None:
        return None
    last_month = month or "12"
    last_day = day or f"{monthrange(int(year), int(last_month))[1]:02}"
    tail = f"{hour or '23'}{minute or '59'}{second or '59'}.{(fraction or '').ljust(6, '9')}"
    first = date + time.first[:7] + (fraction or "").ljust(6, "0")
    return Span(shifted(first, -minutes), shifted(year + last_month + last_day + tail, -minutes))


def offset_minutes_of(text: str) -> int | None:
    """Read an offset from UTC, as Timezone Offset From UTC (0008,0201) has it; None: it is none."""
    match = _OFFSET.fullmatch(text.strip("\0 "))
    if match is None or int(match[3]) > 59:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    minutes = -minutes if match[1] == "-" else minutes
    return minutes if _OFFSET_MINUTES_MIN <= minutes <= _OFFSET_MINUTES_MAX else None


def shifted(moment: str, minutes: int) -> str:
    """Move YYYYMMDDHHMMSS.FFFFFF by minutes; at the ends of time it stays where it is."""
    if not minutes:
        return moment
    second = moment[12:14]
    try:
        moved = datetime.strptime(moment[:12], "%Y%m%d%H%M") + timedelta(minutes=minutes)  # noqa: DTZ007 -- local on purpose
    except (ValueError, OverflowError):
        return moment
    return f"{moved.year:04}{moved:%m%d%H%M}{second}{moment[14:]}"


def split_range(text: str, vr: str) -> tuple[str, str] | None:
    """Split "a-b", "-b" or "a-" (PS3.4 §C.2.2.2.5); None: it is not a range.

    In a DT a minus may begin an offset: where it can, it does (PS3.5 §6.2).
    """
    if vr == "DT":
        match = _DATE_TIME.match(text)
        at = match.end() if match else 0
        # "2024-2025" has no offset of 20 hours: the pattern took what is the end of a range.
        if match and match[8] and offset_minutes_of(match[8]) is None:
            at = match.start(8)
        return (text[:at], text[at + 1 :]) if text[at : at + 1] == "-" else None
    lower, minus, upper = text.partition("-")
    return (lower.strip(), upper.strip()) if minus else None
