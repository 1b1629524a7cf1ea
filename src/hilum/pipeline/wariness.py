"""Remembers that something made the event loop wait, so that threads do the next of it.

For how long follows how long it took: a disk that is always slow stops the loop for a fiftieth of
the time at most, and one moment in which the machine was busy costs a second, not half a minute.
"""

from typing import Final

from hilum.kernel.clock import Clock

# The loop is given to slow jobs for one part in so many.
_SHARE: Final = 50
# Longer than that nothing is held against anybody.
WARY_SECONDS_MAX: Final = 30.0


class Wariness:
    """Whether the loop may do it, or a thread should. On the loop only."""

    __slots__ = ("_clock", "_slow_seconds", "_until")

    def __init__(self, clock: Clock, *, slow_seconds: float) -> None:
        """Trust; what takes more than `slow_seconds` ends that for a while."""
        self._clock = clock
        self._slow_seconds = slow_seconds
        self._until = 0.0

    @property
    def is_wary(self) -> bool:
        """Tell whether a thread should do it now."""
        return self._clock.monotonic() < self._until

    def judge(self, begun: float) -> None:
        """Learn that something has ended that the loop began at `begun`."""
        ended = self._clock.monotonic()
        took = ended - begun
        if took > self._slow_seconds:
            self._until = ended + min(took * _SHARE, WARY_SECONDS_MAX)
