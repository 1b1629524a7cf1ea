"""The wall clock, for what cannot be undone: time that nobody saw go by counts only after a while.

A machine may begin in 2070, until a time service has set its clock. By then nothing must have gone
that is kept for thirty days.
"""

import threading
from datetime import datetime, timedelta
from typing import Final

from hilum.kernel.clock import Clock
from hilum.service.wall_clock import STEP_MIN

# A leap is believed after as long as it was, and after a day in any case: by then a time service
# has found its server, or somebody has looked.
_BELIEVED_AFTER_MAX: Final = timedelta(days=1)


class VouchedClock:
    """Gives moments that are never later than the time that was seen to go by allows.

    Leaps are those from the end of the last run to this one, and those of the clock while it runs.
    For any thread.
    """

    def __init__(self, clock: Clock, seen: datetime | None) -> None:
        """Begin; `seen` is the last moment of the run before, None when there was none."""
        self._clock = clock
        self._lock = threading.Lock()
        self._zero = self._wall_at_zero()
        self._doubt = timedelta()
        self._believed_at = 0.0
        if seen is not None:
            self._leap(clock.now() - seen)

    def monotonic(self) -> float:
        """Give seconds that only go forward."""
        return self._clock.monotonic()

    def now(self) -> datetime:
        """Give the wall time, less what is still in doubt of it."""
        with self._lock:
            zero = self._wall_at_zero()
            step, self._zero = zero - self._zero, zero
            if abs(step) >= STEP_MIN:
                self._leap(step)
            if self._clock.monotonic() >= self._believed_at:
                self._doubt = timedelta()
            return self._clock.now() - self._doubt

    def _leap(self, step: timedelta) -> None:
        self._doubt = max(self._doubt + step, timedelta())
        wait = min(self._doubt, _BELIEVED_AFTER_MAX)
        self._believed_at = self._clock.monotonic() + wait.total_seconds()

    def _wall_at_zero(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())
