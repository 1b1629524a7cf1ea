"""Ages, amounts and rates as people read them."""

from datetime import datetime, timedelta
from typing import Final

_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_KILO: Final = 1000


def span(length: timedelta) -> str:
    """Give a length of time in its largest fitting unit: 3 d, 5 h, 12 min, 40 s."""
    seconds = max(length.total_seconds(), 0)
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def age(since: datetime, now: datetime) -> str:
    """Give how long ago something was."""
    return span(now - since)


def amount(count: float) -> str:
    """Give bytes in a unit of a thousand: 12 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < _KILO or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KILO
    raise AssertionError(count)
