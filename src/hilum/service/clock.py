"""The real clock, and one that nobody turns."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

# The wall time at zero of the monotonic clock, once: workers are forked from who imported this, so
# that all of a gateway have the same, also those that are started again later.
_WALL_AT_ZERO: Final = datetime.now(UTC) - timedelta(seconds=time.monotonic())


class SystemClock:
    """Time as the operating system tells it."""

    def monotonic(self) -> float:
        """Give seconds that only go forward."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give the wall time in UTC."""
        return datetime.now(UTC)


class SteadyClock:
    """The wall clock as it was when the gateway began, carried on: it never jumps.

    For what holds for a while and ends with the gateway, leases above all. If the wall clock was
    set meanwhile it is as far off as that; so it is nothing to write down for people.
    """

    def monotonic(self) -> float:
        """Give seconds that only go forward."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give a moment that is later than all before, by as much as went by."""
        return _WALL_AT_ZERO + timedelta(seconds=time.monotonic())
