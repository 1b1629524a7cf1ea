"""Deliveries and slots in memory: what lanes ask of the ledger, for tests and simulations.

It promises what the ledger promises, and is held to the same contract tests.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hilum.kernel.names import UID
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.ledger.delivery import Claimed, Priority, Settlement, State


@dataclass(slots=True)
class Row:
    """One delivery."""

    delivery_id: int
    destination: str
    claimed: Claimed
    priority: Priority
    due_at: datetime
    state: State = State.WAITING
    state_before: State = State.WAITING
    attempts: int = 0
    reason: str = ""
    failing: Failing | None = None
    owner: str = ""
    leased_until: datetime | None = None
    history: list[str] = field(default_factory=list)


class MemoryDeliveries:
    """The deliveries of a gateway; one object for all its pretended processes."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.delivered = 0
        self._open: dict[int, Row] = {}

    # What a commit does.

    def plan(  # noqa: PLR0913 - an instance, by keyword
        self,
        destination: str,
        *,
        now: datetime,
        priority: Priority = Priority.ROUTINE,
        size: int = 100_000,
        study: str = "1.2",
        sop_class: str = "1.2.840.10008.5.1.4.1.1.2",
        choice: str = "",
    ) -> int:
        """Plan the delivery of a new instance; give its number."""
        number = len(self.rows) + 1
        claimed = Claimed(
            number,
            UID(sop_class),
            UID(f"{study}.1.{number}"),
            UID(f"{study}.1"),
            UID(study),
            UID("1.2.840.10008.1.2.1"),
            size,
            f"instances/{number}.dcm",
            0,
            1,
            "route",
            choice,
            priority,
            now,
        )
        row = Row(number, destination, claimed, priority, now)
        self.rows[number] = self._open[number] = row
        return number

    # What lanes do.

    def claim(  # noqa: PLR0913 - as the ledger has it
        self,
        destination: str,
        *,
        owner: str,
        limit: int,
        bytes_max: int,
        now: datetime,
        leased_until: datetime,
        priorities: Sequence[Priority] = tuple(Priority),
    ) -> list[Claimed]:
        """Lease what is due, of one priority after the other as given."""
        due = [row for row in self._waiting(destination) if row.due_at <= now]
        due.sort(key=lambda row: (row.due_at, row.delivery_id))
        chosen: list[Row] = []
        size = 0
        for row in (row for priority in priorities for row in due if row.priority == priority):
            size += row.claimed.size
            if len(chosen) == limit or (chosen and size > bytes_max):
                break
            chosen.append(row)
        for row in chosen:
            row.state_before, row.state = row.state, State.ACTIVE
            row.owner, row.leased_until = owner, leased_until
            row.claimed.attempts, row.claimed.priority = row.attempts, row.priority
        return [row.claimed for row in chosen]

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> int:
        """Write down what became of claimed deliveries; twice changes nothing."""
        return sum(self._settle(settlement, now) for settlement in settlements)

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every lease of `owner`."""
        mine = [row for row in self._open.values() if row.owner == owner]
        for row in mine:
            row.leased_until = until
        return len(mine)

    def reclaim(  # history has no moments here
        self,
        *,
        expired_by: datetime,
        now: datetime,  # noqa: ARG002
        dead: Collection[str] = (),
    ) -> int:
        """Let what was leased until `expired_by`, or to a dead owner, wait again."""
        lost = [
            row
            for row in self._open.values()
            if row.leased_until is not None
            and (row.leased_until <= expired_by or row.owner in dead)
        ]
        for row in lost:
            row.attempts += 1
            row.history.append("lost")
            self._put_back(row)
        return len(lost)

    def release_owner(self, owner: str) -> int:
        """Put back all that `owner` has claimed and did not try."""
        mine = [row for row in self._open.values() if row.owner == owner]
        for row in mine:
            self._put_back(row)
        return len(mine)

    def next_due(self, destination: str) -> datetime | None:
        """Say when something is due, possibly long ago."""
        return min((row.due_at for row in self._waiting(destination)), default=None)

    # What a person does.

    def hold(self, ids: Iterable[int]) -> None:
        """Stop what is not on its way."""
        self._change(ids, {State.WAITING, State.DEFERRED}, State.HELD)

    def release(self, ids: Iterable[int], *, now: datetime) -> None:
        """Let go of what was held."""
        self._change(ids, {State.HELD}, State.WAITING, now)

    def retry(self, ids: Iterable[int], *, now: datetime) -> None:
        """Try again at once what was refused or put off."""
        self._change(ids, {State.REFUSED, State.DEFERRED}, State.WAITING, now)

    def drop(self, ids: Iterable[int]) -> None:
        """Give up what is not on its way."""
        self._change(ids, {State.WAITING, State.DEFERRED, State.HELD, State.REFUSED}, State.DROPPED)

    def set_priority(self, ids: Iterable[int], priority: Priority) -> None:
        """Make deliveries more or less urgent; what is on its way stays as it is."""
        for number in ids:
            self.rows[number].priority = priority

    # What tests look at.

    def count(self, state: State, fits: Callable[[Row], bool] = lambda _: True) -> int:
        """Count the deliveries in a state."""
        return sum(1 for row in self.rows.values() if row.state is state and fits(row))

    def _waiting(self, destination: str) -> list[Row]:
        states = (State.WAITING, State.DEFERRED)
        return [
            r for r in self._open.values() if r.destination == destination and r.state in states
        ]

    def _settle(self, settlement: Settlement, now: datetime) -> bool:
        row = self.rows[settlement.delivery_id]
        match settlement.outcome:
            case Delivered():
                if row.state is State.DELIVERED:
                    return False
                self._close(row, State.DELIVERED)
                self.delivered += 1
                return True
            case _ if row.state is not State.ACTIVE or row.owner != settlement.owner:
                return False
            case Refused(reason):
                row.attempts, row.reason = row.attempts + 1, reason
                self._close(row, State.REFUSED)
            case Deferred(failing=Failing.UNTRIED):
                self._put_back(row)
            case Deferred(reason, _, failing):
                row.attempts += 1
                row.reason, row.failing = reason, failing
                row.due_at = settlement.due_at or now
                row.state_before = State.DEFERRED
                self._put_back(row)
        return True

    def _put_back(self, row: Row) -> None:
        row.history.append(row.state_before.value)
        row.state, row.owner, row.leased_until = row.state_before, "", None

    def _close(self, row: Row, state: State) -> None:
        row.state, row.owner, row.leased_until = state, "", None
        row.history.append(state.value)
        self._open.pop(row.delivery_id, None)

    def _change(
        self, ids: Iterable[int], from_: set[State], to: State, due_at: datetime | None = None
    ) -> None:
        for number in ids:
            row = self.rows[number]
            if row.state in from_:
                row.state = to
                row.due_at = due_at or row.due_at
                row.history.append(f"person: {to.value}")
                if to is State.DROPPED:
                    self._open.pop(number, None)
                else:
                    self._open[number] = row


class MemorySlots:
    """The slots of a gateway; one object for all its pretended processes."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, int], tuple[str, datetime]] = {}

    def take(
        self, destination: str, *, limit: int, owner: str, now: datetime, until: datetime
    ) -> int | None:
        """Lease the smallest free slot of `limit`."""
        self.held = {key: holder for key, holder in self.held.items() if holder[1] > now}
        if self.leased(destination, now=now) >= limit:
            return None
        numbers = (n for n in range(1, limit + 1) if (destination, n) not in self.held)
        number = next(numbers)
        self.held[destination, number] = owner, until
        return number

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every slot of `owner`."""
        mine = [key for key, (holder, _) in self.held.items() if holder == owner]
        for key in mine:
            self.held[key] = owner, until
        return len(mine)

    def give_back(self, destination: str, number: int, owner: str) -> bool:
        """Free a slot."""
        if self.held.get((destination, number), ("",))[0] != owner:
            return False
        del self.held[destination, number]
        return True

    def leased(self, destination: str, *, now: datetime) -> int:
        """Count the slots of a destination that are leased."""
        return sum(
            1 for (name, _), (_, until) in self.held.items() if name == destination and until > now
        )
