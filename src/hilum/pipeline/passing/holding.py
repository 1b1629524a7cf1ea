"""Instances that go through without ever being written: held where the socket put them.

A file costs a small instance more than its way through the gateway. What is long, or more than the
budget in all, is written to a draft as before.
"""

from typing import TYPE_CHECKING, Final

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.reception import Run
from hilum.vault.held import HeldReader

if TYPE_CHECKING:
    from hilum.pipeline.buffers import Buffer

# Longer ones are few, and reading them from the page cache costs them little.
HELD_INSTANCE_BYTES_MAX: Final = 4 * 1024 * 1024
# All that one process holds so, counted in whole buffers. Well below what connections may have in
# buffers, or those that are in mid-transfer would wait for each other.
HELD_BYTES_MAX: Final = 32 * 1024 * 1024


class Held:
    """An instance in memory (`pipeline.ports.Source`), as far as it has come."""

    __slots__ = ("_budget", "_buffers", "_cost", "is_open", "pieces", "size")

    def __init__(self, budget: "Budget") -> None:
        self._budget = budget
        self._buffers: list[Buffer] = []
        self._cost = 0
        self.pieces: list[memoryview] = []
        self.size = 0
        # False: it is in a file, or over.
        self.is_open = True

    def fits(self, run: Run) -> bool:
        """Tell whether `run` may be held with what is."""
        return (
            self.is_open
            and self.size + run.size <= HELD_INSTANCE_BYTES_MAX
            and self._cost_of(run) <= self._budget.left
        )

    def take(self, run: Run) -> None:
        """Take the bytes over; whoever releases the run then releases nothing."""
        cost = self._cost_of(run)
        self._budget.left -= cost
        self._cost += cost
        self.size += run.size
        self.pieces += run.pieces
        self._buffers += run.buffers
        run.pieces, run.buffers = [], []

    def release(self, *, is_read: bool = False) -> None:
        """Give the memory up. `is_read`: somebody may still look at it, so nobody gets it next."""
        self.is_open = False
        self.pieces = []
        buffers, self._buffers = self._buffers, []
        for buffer in buffers:
            if is_read:
                buffer.retire()
            buffer.release()
        self._budget.left += self._cost
        self._cost = 0

    def open(self) -> HeldReader:
        """Open it as a payload. Raises CorruptPayload: it is over."""
        if not self.is_open:
            raise CorruptPayload("it is not held any more")
        return HeldReader(tuple(self.pieces), self.size)

    def _cost_of(self, run: Run) -> int:
        """Give what holding it keeps from others; the rest of a buffer is kept with its begin."""
        latest = self._buffers[-1] if self._buffers else None
        buffers = sum(buffer.size for buffer in run.buffers if buffer is not latest)
        return max(buffers, run.size)


class Budget:
    """What may still be held in one process."""

    def __init__(self, size: int = HELD_BYTES_MAX) -> None:
        self.left = size
