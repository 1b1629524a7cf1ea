"""The real clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Time as the operating system tells it."""

    def monotonic(self) -> float:
        """Give seconds that only go forward."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give the wall time in UTC."""
        return datetime.now(UTC)
