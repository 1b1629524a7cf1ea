"""How often each of many callers may do something: token buckets, in a table that is bounded."""

from collections import OrderedDict
from typing import Final

# Beyond so many, whoever was quiet for longest is forgotten, and begins with a full bucket.
CALLERS_MAX: Final = 10_000


class Buckets:
    """One bucket for each caller: `burst` at once, then `per_second`."""

    def __init__(self, *, per_second: float, burst: float, callers_max: int = CALLERS_MAX) -> None:
        self._per_second = per_second
        self._burst = burst
        self._callers_max = callers_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> float:
        """Take one out if there is one; else give the seconds until there is."""
        wait = self.wait_seconds(caller, now)
        if wait:
            return wait
        level, at = self._buckets.get(caller, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_second)
        self._buckets[caller] = (level - 1.0, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._callers_max:
            self._buckets.popitem(last=False)
        return 0.0

    def wait_seconds(self, caller: str, now: float) -> float:
        """Give the seconds until `caller` may do it; 0: now."""
        level, at = self._buckets.get(caller, (self._burst, now))
        missing = 1.0 - (level + max(now - at, 0.0) * self._per_second)
        return missing / self._per_second if missing > _ROUNDING else 0.0


_ROUNDING: Final = 1e-9
