"""The clock on the wall: which time zone calendars and dates are read in."""

import os
import re
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# What is longer or has other characters is no zone, and a path of it would be looked for.
_NAME: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}", re.ASCII)
_LOCAL: Final = Path("/etc/localtime")


def time_zone(name: str) -> str:
    """Check that `name` is a time zone that this machine knows."""
    try:
        ZoneInfo(name if _NAME.fullmatch(name) else "?")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f'{name!r} is not a time zone; write such as "Europe/Berlin" or "UTC" '
            "(the names are those of the IANA database)"
        ) from None
    return name


def zone_of(name: str | None) -> tzinfo:
    """Give the time zone of that name; None: the one of this machine, with its clock changes."""
    if name is not None:
        return ZoneInfo(name)
    for read in (_named_by_environment, _of_machine):
        try:
            return read()
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return datetime.now(UTC).astimezone().tzinfo or UTC


def offset_minutes(zone: tzinfo, day: str, clock: str) -> int | None:
    """Tell how many minutes a local moment (YYYYMMDD, HHMMSS) is ahead of UTC; None: it is none."""
    try:
        local = datetime.strptime(day + clock, "%Y%m%d%H%M%S").replace(tzinfo=zone)
    except ValueError:
        return None
    offset = local.utcoffset()
    return None if offset is None else int(offset.total_seconds() // 60)


def _named_by_environment() -> tzinfo:
    return ZoneInfo(os.environ.get("TZ", "").removeprefix(":") or "?")


def _of_machine() -> tzinfo:
    with _LOCAL.open("rb") as stream:
        return ZoneInfo.from_file(stream)
