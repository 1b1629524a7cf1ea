"""What each destination is owed, and when it will have it at the pace of the last minutes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from hilum.ledger.delivery import LaneDepth, Pace, State

# Long enough for a few large studies, short enough to follow a change.
PACE_MINUTES: Final = 10
# What goes by itself sooner or later; held and refused deliveries wait for a person.
MOVING: Final = frozenset({State.WAITING, State.ACTIVE, State.DEFERRED})


@dataclass(frozen=True, slots=True)
class Outlook:
    """One destination. `pace` None: it took nothing lately; `empty_in` None: nobody can tell."""

    destination: str
    depths: Sequence[LaneDepth]
    pace: Pace | None
    empty_in: timedelta | None

    def count(self, *states: State) -> int:
        """Count what is in one of `states`."""
        return sum(depth.count for depth in self.depths if depth.state in states)


def outlooks(
    names: Iterable[str], depths: Iterable[LaneDepth], paces: Iterable[Pace]
) -> list[Outlook]:
    """Put depth and pace together: configured destinations first, then others that are owed."""
    by_name: dict[str, list[LaneDepth]] = {name: [] for name in names}
    for depth in depths:
        by_name.setdefault(depth.destination, []).append(depth)
    pace_of = {pace.destination: pace for pace in paces}
    return [_outlook(name, found, pace_of.get(name)) for name, found in by_name.items()]


def _outlook(name: str, depths: Sequence[LaneDepth], pace: Pace | None) -> Outlook:
    moving = sum(depth.count for depth in depths if depth.state in MOVING)
    empty_in: timedelta | None = None
    if not moving:
        empty_in = timedelta(0)
    elif pace is not None and pace.delivered and pace.minutes:
        empty_in = timedelta(minutes=moving * pace.minutes / pace.delivered)
    return Outlook(name, tuple(depths), pace, empty_in)
