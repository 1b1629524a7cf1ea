"""Notices that the wall clock was set back: moments that were written down are farther off then."""

from datetime import datetime, timedelta
from typing import Final

from hilum.kernel.clock import Clock

# Less is what time services do all the time, and nobody misses it.
_STEP_MIN: Final = timedelta(seconds=2)


class WallClock:
    """Compares the wall clock with the one that only goes forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero = self._wall_at_zero()

    def set_back(self) -> timedelta:
        """Give by how much it was set back since it was followed last; mostly nothing."""
        step = self._zero - self._wall_at_zero()
        if step >= _STEP_MIN:
            return step
        if step <= -_STEP_MIN:
            self.follow()  # forward: what waits is due sooner, which harms nobody
        return timedelta()

    def follow(self) -> None:
        """Take it as it is now."""
        self._zero = self._wall_at_zero()

    def _wall_at_zero(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())
