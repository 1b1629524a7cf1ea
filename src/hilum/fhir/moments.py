"""Dates and times of DICOM as FHIR has them, and back: a time of day needs a zone there."""

import re
from calendar import monthrange
from collections.abc import Callable
from typing import Final

from hilum.dicom.moments import date_of, offset_minutes_of, time_of

# The offset from UTC in minutes that a local date and time (YYYYMMDD, HHMMSS) has; None: not known.
OffsetOf = Callable[[str, str], int | None]

_DATE_TIME: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:T(?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?:Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)


def fhir_date(date: str) -> str:
    """Give a date as YYYY-MM-DD; "" when it is none."""
    found = date_of(date)
    return f"{found[:4]}-{found[4:6]}-{found[6:]}" if found else ""


def fhir_date_time(date: str, time: str, offset: str, offset_of: OffsetOf) -> str:
    """Give a date and time; only the date where the time or its zone is not known.

    `offset`: Timezone Offset From UTC of the data set, "" when it has none.
    """
    day, moment = date_of(date), time_of(time)
    if day is None or moment is None or not time.strip():
        return fhir_date(date)
    clock = moment.first[:6]
    if clock.endswith("60"):  # FHIR's times have no leap seconds
        clock = clock[:4] + "59"
    minutes = offset_minutes_of(offset) if offset else offset_of(day, clock)
    if minutes is None:
        return fhir_date(date)
    return f"{fhir_date(date)}T{clock[:2]}:{clock[2:4]}:{clock[4:6]}{_zone(minutes)}"


def _zone(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def span_of(text: str) -> tuple[str, str] | None:
    """Give the first and last DICOM date of a FHIR date or dateTime; None: it is none.

    A time of day is left out: those of studies are local, and mostly without a zone to compare by.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day = match["year"], match["month"], match["day"]
    first = date_of(f"{year}{month or '01'}{day or '01'}")
    if first is None:
        return None
    last_month = month or "12"
    last_day = day or f"{monthrange(int(year), int(last_month))[1]:02}"
    return first, f"{year}{last_month}{last_day}"
