"""Time as a port, so that a simulator can replace it. Decisions never read a clock themselves."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Two kinds of time: one to measure with, one to write down."""

    def monotonic(self) -> float:
        """Give seconds that only go forward; the only time that deadlines are measured with."""
        ...

    def now(self) -> datetime:
        """Give the wall time in UTC; only for what is written down, it may jump."""
        ...
