"""Groups of destinations: who gets a study now, and what moves when a member fails or comes back.

A member is down when nothing has gone to it for a while, or a person holds it. `first_of` moves all
that waits to its best member that is not down, and back; `one_of` only takes from those that are
down. A study stays with the member that has begun to get it, as long as that is not down.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.lanes.events import DeliveriesMoved
from hilum.pipeline.lanes.ports import Aside
from hilum.routing.targets import Target, choose

# Others take over when a destination has been failing for so long: not for every hiccup.
DOWN_SECONDS: Final = 10.0
# A member of one_of gets no new study while it owes so many times what another one owes, and more
# than a study is likely to have.
CROWDED_TIMES: Final = 2.0
CROWDED_INSTANCES: Final = 500
# What moves in one transaction.
MOVED_MAX: Final = 1000


class Standing(enum.Enum):
    """How a member of a group is."""

    WELL = "well"
    SHAKY = "shaky"  # failing, but not for long: nothing moves
    TRIAL = "trial"  # it answered a probe; one delivery shall show whether it is well
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Move:
    """Deliveries of a group that shall go to another member."""

    choice: str
    source: str
    target: str
    limit: int


@dataclass(frozen=True, slots=True)
class Members:
    """How all members are, and what each is owed. A value: any thread may read it."""

    standings: Mapping[str, Standing]
    owed: Mapping[str, int]

    def pick(self, target: Target, study_instance_uid: str, begun_with: str | None) -> str:
        """Give the member that gets an instance; `begun_with` has got others of its study."""
        up = [name for name in target.members if self.standing(name) is not Standing.DOWN]
        if begun_with in up:
            return begun_with
        if target.kind == "one_of":
            up = self._uncrowded(target, up)
        return choose(target, study_instance_uid, up)

    def standing(self, name: str) -> Standing:
        """Give how a member is; one without a lane is down."""
        return self.standings.get(name, Standing.DOWN)

    def load(self, target: Target, name: str) -> float:
        """Give what a member is owed in proportion to its weight."""
        weights = dict(zip(target.members, target.weights, strict=False))
        return self.owed.get(name, 0) / weights.get(name, 1.0)

    def _uncrowded(self, target: Target, names: list[str]) -> list[str]:
        least = min((self.load(target, name) for name in names), default=0.0)
        most = least * CROWDED_TIMES + CROWDED_INSTANCES
        return [name for name in names if self.load(target, name) <= most]


def moves(target: Target, members: Members) -> Iterator[Move]:
    """Give what should move in a group. Pure."""
    ready = [n for n in target.members if members.standing(n) in (Standing.WELL, Standing.TRIAL)]
    if not ready:
        return
    best = ready[0]
    if target.kind == "one_of":
        best = min(ready, key=lambda name: members.load(target, name))
    for source in target.members:
        is_down = members.standing(source) is Standing.DOWN
        is_later = target.members.index(source) > target.members.index(best)
        returns = target.kind == "first_of" and is_later
        if source != best and members.owed.get(source, 0) and (is_down or returns):
            is_trial = members.standing(best) is Standing.TRIAL
            yield Move(target.choice, source, best, 1 if is_trial else MOVED_MAX)


class Choices(Protocol):
    """What groups need of the ledger (`hilum.ledger.deliveries.Deliveries`); raises HilumError."""

    def outstanding(self, destination: str) -> int:
        """Count what waits, is active or deferred for a destination."""
        ...

    def reassign(self, choice: str, *, source: str, target: str, now: datetime, limit: int) -> int:
        """Move what waits or is deferred from one member of a group to another."""
        ...


class Lanes(Protocol):
    """What groups need of the lanes (`Dispatcher`)."""

    def standings(self) -> Mapping[str, Standing]:
        """Give how each destination is."""
        ...

    async def is_surely_well(self, name: str) -> bool:
        """Find out whether a destination works now, by asking it if nothing else tells."""
        ...

    def wake_all(self) -> None:
        """Look for deliveries everywhere."""
        ...


class Groups:
    """The groups of the configuration. `members` is read by commits, in whatever thread."""

    def __init__(
        self, choices: Choices, aside: Aside, clock: Clock, lanes: Lanes, telemetry: Telemetry
    ) -> None:
        self.members = Members({}, {})
        self._choices = choices
        self._aside = aside
        self._clock = clock
        self._lanes = lanes
        self._telemetry = telemetry
        self._targets: tuple[Target, ...] = ()

    def change(self, targets: Iterable[Target]) -> None:
        """Look after these groups from now on; targets that are no groups are left out."""
        self._targets = tuple(target for target in targets if target.choice)
        self.members = Members(self._lanes.standings(), self.members.owed)

    async def balance(self) -> None:
        """Find out how members are, and move what should. For about once a second.

        Raises HilumError.
        """
        if not self._targets:
            return
        names = sorted({name for target in self._targets for name in target.members})
        owed = await self._aside.run(
            lambda: {name: self._choices.outstanding(name) for name in names}
        )
        self.members = Members(self._lanes.standings(), owed)
        for target in self._targets:
            for move in moves(target, self.members):
                await self._do(move)

    async def _do(self, move: Move) -> None:
        """Move deliveries, but only to where they will surely be taken.

        Each worker knows only its own failures; without asking first, one would move back what
        another one has just moved away.
        """
        if not await self._lanes.is_surely_well(move.target):
            return
        now = self._clock.now()
        moved = await self._aside.run(
            lambda: self._choices.reassign(
                move.choice, source=move.source, target=move.target, now=now, limit=move.limit
            )
        )
        if moved:
            self._lanes.wake_all()
            self._telemetry.emit(DeliveriesMoved(move.choice, move.source, move.target, moved))
