"""Commitment requests that were taken lately: what they list is looked at without waiting.

Only this process knows them; what it forgets is looked at when it has been quiet, as ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Who asks for commitment has sent everything, or will soon.
WATCHED_SECONDS: Final = 600.0
WATCHES_MAX: Final = 64
_PAUSE_SECONDS: Final = 1.0
_PAUSE_SECONDS_MAX: Final = 8.0


@dataclass(slots=True)
class _Watch:
    """A request, and when it is looked at. `has_found`: there was something that waited."""

    until: float
    again: float
    pause_seconds: float = _PAUSE_SECONDS
    has_found: bool = False


class Watches:
    """The requests that are watched; `now` is monotonic."""

    def __init__(self) -> None:
        self._watches: dict[int, _Watch] = {}

    def begin(self, commitment_id: int, now: float) -> None:
        """Watch a request; the oldest goes when there are too many."""
        self._watches.pop(commitment_id, None)
        if len(self._watches) >= WATCHES_MAX:
            del self._watches[next(iter(self._watches))]
        self._watches[commitment_id] = _Watch(now + WATCHED_SECONDS, now)

    def due(self, now: float) -> Sequence[int]:
        """Give those to look at now."""
        return [number for number, one in self._watches.items() if one.again <= now]

    def looked(self, commitment_id: int, now: float, *, found: int, closed: int) -> None:
        """So many that it names were gathered still, and so many of those were closed."""
        watch = self._watches.get(commitment_id)
        if watch is None:
            return
        watch.has_found = watch.has_found or found > 0
        if now >= watch.until or (watch.has_found and found == closed):
            del self._watches[commitment_id]
            return
        watch.again = now + watch.pause_seconds
        watch.pause_seconds = min(2 * watch.pause_seconds, _PAUSE_SECONDS_MAX)
