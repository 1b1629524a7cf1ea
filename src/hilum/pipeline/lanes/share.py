"""Which part of a destination's rate this worker may use: that of the slots it has.

A worker learns only once in a while how many slots the others have. So a slot that joins those of
others does not count before they have had time to notice: together they never exceed the rate. No
clock in it.
"""

from typing import Final

# How often each worker asks for the number of slots, and when a new slot counts.
NOTICE_SECONDS: Final = 1.0
COUNTS_SECONDS: Final = 2 * NOTICE_SECONDS


class Share:
    """The part of the rate that belongs to one lane."""

    def __init__(self) -> None:
        self._counts_at: dict[int, float] = {}  # by the number of the slot
        self._taken = 0  # of all workers, when last asked

    def got(self, number: int, taken: int, now: float) -> None:
        """Note a slot that was taken, and how many were out then, it included."""
        self._taken = taken
        is_alone = taken <= len(self._counts_at) + 1
        self._counts_at[number] = now if is_alone else now + COUNTS_SECONDS

    def gave(self, number: int) -> None:
        """Note a slot that was given back."""
        if self._counts_at.pop(number, None) is not None:
            self._taken -= 1

    def noticed(self, taken: int) -> None:
        """Note how many slots are out."""
        self._taken = taken

    def part(self, now: float) -> float:
        """Give the part, from 0 to 1."""
        counting = sum(1 for at in self._counts_at.values() if at <= now)
        return counting / max(self._taken, len(self._counts_at), 1)
