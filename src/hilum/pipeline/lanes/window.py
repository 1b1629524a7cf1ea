"""How many sessions a lane uses at once, found by trying. No clock in it.

One more session is tried while the last one paid off, two at a time at first; when it did not, the
lane goes back and tries again after a while. A failure that may come from crowding halves it.
"""

from typing import Final

# A round must be so long and so full before its throughput means anything.
ROUND_SECONDS: Final = 0.5
ROUND_INSTANCES_MIN: Final = 8
# One more session has paid off when throughput grew by this share of what it could have grown.
WORTH_SHARE: Final = 0.2
# After a step that did not pay off, or a failure, so many seconds pass before the next one.
REST_SECONDS: Final = 15.0
# An instance costs a destination about as much as so many bytes: small ones count, too.
INSTANCE_BYTES: Final = 32 * 1024


class Window:
    """The number of sessions, between 1 and the maximum."""

    def __init__(self, maximum: int, now: float) -> None:
        self.size = 1
        self._maximum = max(maximum, 1)
        self._is_young = True  # nothing has failed to pay off yet: go faster
        self._size_before = 0  # what is compared with, and how fast that was; 0 is nothing yet
        self._speed_before = 0.0
        self._rest_until = now
        self._begin_round(now)

    def set_maximum(self, maximum: int) -> None:
        """Never use more than `maximum` from now on."""
        self._maximum = max(maximum, 1)
        self.size = min(self.size, self._maximum)

    def delivered(self, size: int) -> None:
        """Count an instance that arrived."""
        self._instances += 1
        self._work += size + INSTANCE_BYTES

    def crowded(self, now: float) -> None:
        """Halve: the destination is busy, or connections broke."""
        self.size = max(self.size // 2, 1)
        self._is_young = False
        self._size_before = 0
        self._rest_until = now + REST_SECONDS
        self._begin_round(now)

    def idle(self, now: float) -> None:
        """Forget this round: there was not enough to send, so it measured nothing."""
        self._begin_round(now)

    def judge(self, now: float) -> None:
        """Change the size if a round is over; call it whenever something was delivered."""
        seconds = now - self._round_at
        if seconds < ROUND_SECONDS or self._instances < ROUND_INSTANCES_MIN:
            return
        speed = self._work / seconds
        if self._size_before and self.size > self._size_before and not self._was_worth(speed):
            self._step_back(now)
        elif self.size < self._maximum and now >= self._rest_until:
            self._step_up(speed)
        self._begin_round(now)

    def _was_worth(self, speed: float) -> bool:
        possible = self._speed_before * (self.size / self._size_before - 1)
        return speed - self._speed_before >= possible * WORTH_SHARE

    def _step_back(self, now: float) -> None:
        self.size, self._size_before = self._size_before, 0
        self._is_young = False
        self._rest_until = now + REST_SECONDS

    def _step_up(self, speed: float) -> None:
        self._size_before, self._speed_before = self.size, speed
        step = self.size if self._is_young else 1
        self.size = min(self.size + step, self._maximum)

    def _begin_round(self, now: float) -> None:
        self._round_at = now
        self._instances = 0
        self._work = 0.0
