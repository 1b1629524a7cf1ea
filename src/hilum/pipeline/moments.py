"""Moments of reception: no two of a process are the same, so that their order is the arrival's.

They are sealed into the payload files, and a ledger that is made anew from files has nothing else
to tell which version of an instance came last.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from hilum.kernel.clock import Clock

_STEP: Final = timedelta(microseconds=1)
# A clock that is put back by more than this was wrong before; written moments follow it.
_CORRECTION_MIN: Final = timedelta(minutes=1)


class Moments:
    """Gives moments, each later than the one before. Used by one thread at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)

    def next(self) -> datetime:
        """Give the moment of a reception that is being committed."""
        now = self._clock.now()
        if now <= self._last < now + _CORRECTION_MIN:
            now = self._last + _STEP
        self._last = now
        return now
