"""Whose turn it is: stat before routine before bulk, and yet nobody waits for ever.

Each class has a share. A class that begins to wait is served when those above it have used up what
they are ahead by. So a stat study that arrives goes at once, and bulk moves even while stat never
ends: of 73 instances 64 are stat, 8 routine, one is bulk. Within a class the oldest goes first.
"""

from collections.abc import Collection, Mapping
from typing import Final

STAT: Final = 0
ROUTINE: Final = 1
BULK: Final = 2
PRIORITIES: Final = (STAT, ROUTINE, BULK)

SHARES: Final[Mapping[int, int]] = {STAT: 64, ROUTINE: 8, BULK: 1}


class Turns:
    """Remembers what each class had. No clock, no chance."""

    def __init__(self) -> None:
        self._waiting: frozenset[int] = frozenset()
        self._due: dict[int, float] = {}  # the point of each class's next turn
        self._point = 0.0

    def next(self, waiting: Collection[int]) -> int:
        """Give the class that is served next, of those that wait (at least one)."""
        for priority in waiting:
            if priority not in self._waiting:
                # Who comes anew waits one turn of its class; for stat that is nearly nothing. What
                # it had too much of before is not forgotten.
                turn = self._point + 1 / SHARES[priority]
                self._due[priority] = max(self._due.get(priority, 0.0), turn)
        self._waiting = frozenset(waiting)
        return min(waiting, key=lambda priority: (self._due[priority], priority))

    def served(self, priority: int, instances: int) -> None:
        """Note that `instances` of a class were begun."""
        due = self._due.get(priority, self._point)
        self._point = max(self._point, due)
        self._due[priority] = due + instances / SHARES[priority]
