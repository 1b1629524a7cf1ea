"""Remembers that something made the event loop wait, so that threads do the next of it.

For how long follows how long it took: a disk that is always slow stops the loop for a fiftieth of
the time at most. One short pause after so long without is the machine's or its disk's and within
that fiftieth: it is forgiven, for seconds in threads would make everybody wait longer than it did.
"""

from typing import Final

from hilum.kernel.clock import Clock

# The loop is given to slow jobs for one part in so many.
_SHARE: Final = 50
# What is forgiven takes no more than so many times what is slow.
_FORGIVEN_TIMES: Final = 5
# Longer than that nothing is held against anybody.
WARY_SECONDS_MAX: Final = 30.0


class Wariness:
    """Whether the loop may do it, or a thread should. On the loop only."""

    __slots__ = ("_clock", "_made_up_at", "_slow_seconds", "_until")

    def __init__(self, clock: Clock, *, slow_seconds: float) -> None:
        """Trust; what takes more than `slow_seconds` ends that for a while."""
        self._clock = clock
        self._slow_seconds = slow_seconds
        self._until = 0.0
        self._made_up_at = 0.0  # what was slow is a fiftieth of the time until then

    @property
    def is_wary(self) -> bool:
        """Tell whether a thread should do it now."""
        return self._clock.monotonic() < self._until

    def judge(self, begun: float) -> None:
        """Learn that something has ended that the loop began at `begun`."""
        ended = self._clock.monotonic()
        took = ended - begun
        if took <= self._slow_seconds:
            return
        is_forgiven = took <= _FORGIVEN_TIMES * self._slow_seconds and begun >= self._made_up_at
        made_up_at = max(self._made_up_at, ended) + took * _SHARE
        self._made_up_at = min(made_up_at, ended + WARY_SECONDS_MAX)
        if not is_forgiven:
            self._until = self._made_up_at
