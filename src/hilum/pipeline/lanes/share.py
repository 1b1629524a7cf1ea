"""Which part of a destination's rate this worker may use: that of the slots it has.

A worker learns only now and then how many slots the others have. So a slot that joins those of
others does not count at first, and each worker's part follows what it saw so long ago: whatever
counts now was there to be seen then. Together they never exceed the rate, and while slots come and
go little of it is left unused. No clock in it.
"""

from collections import deque
from typing import Final

# How often each worker asks for the number of slots.
NOTICE_SECONDS: Final = 0.25
# When a new slot counts: others have looked by then, even on a machine that is busy.
COUNTS_SECONDS: Final = 2.0


class Share:
    """The part of the rate that belongs to one lane."""

    def __init__(self) -> None:
        self._counts_at: dict[int, float] = {}  # by the number of the slot
        self._looks: deque[tuple[float, int]] = deque()  # when we looked, and how many were out

    def got(self, number: int, taken: int, *, looked_at: float, now: float) -> None:
        """Note a slot that was taken, and how many were out at a look after that."""
        is_alone = taken <= len(self._counts_at) + 1
        self._counts_at[number] = now if is_alone else now + COUNTS_SECONDS
        self.noticed(taken, looked_at)

    def gave(self, number: int) -> None:
        """Note a slot that was given back."""
        if self._counts_at.pop(number, None) is not None and self._looks:
            # Older looks need not have seen it: they say nothing about the others any more.
            at, taken = self._looks[-1]
            self._looks = deque([(at, taken - 1)])

    def noticed(self, taken: int, looked_at: float) -> None:
        """Note how many slots were out at a look; `looked_at` is before it, not after."""
        self._looks.append((looked_at, taken))

    def part(self, now: float) -> float:
        """Give the part, from 0 to 1."""
        counting = sum(1 for at in self._counts_at.values() if at <= now)
        return counting / max(self._taken(now), counting, 1)

    def _taken(self, now: float) -> int:
        """Give how many slots count at most: any look of late enough has seen all of them."""
        while len(self._looks) > 1 and self._looks[0][0] < now - COUNTS_SECONDS:
            self._looks.popleft()
        return min((taken for _, taken in self._looks), default=0)
