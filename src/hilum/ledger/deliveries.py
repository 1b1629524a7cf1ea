"""Deliveries for lanes: claimed by batch under a lease, settled by batch. Synchronous, any thread.

A power cut may undo what lanes wrote last: then a delivery is made once more, never not at all.
Whatever else they lose (a process, a lease), what was delivered stays delivered.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from sqlite3 import Cursor
from typing import Final

from hilum.ledger.deliveries_claiming import Claiming, Wish
from hilum.ledger.deliveries_settling import (
    ATTEMPTS_KEPT_MAX,
    MICROSECONDS_PER_MINUTE,
    UNTOLD,
    Settling,
)
from hilum.ledger.deliveries_statements import DeliveryStatements
from hilum.ledger.delivery import Claimed, LaneDepth, Pace, Priority, Settlement, State
from hilum.ledger.doors import Ask, Write
from hilum.ledger.lane_statements import LaneStatements, brought_forward, brought_to
from hilum.ledger.moments import microseconds_of, moment_of
from hilum.ledger.texts import Row, run_once

BY_PRIORITY: Final = tuple(Priority)
GIVEN_ALREADY: Final = "another route gave it to the destination it was to be moved to"


class Deliveries:
    """Who gets what next. Every method raises Full or LedgerUnavailable as Ledger.record() does."""

    def __init__(self, statements: DeliveryStatements, write: Write, ask: Ask) -> None:
        self._statements = statements
        self._lanes = LaneStatements()
        self._claiming = Claiming(statements)
        self._settling = Settling(statements)
        self._write = write
        self._ask = ask

    def claim(  # noqa: PLR0913 - by keyword
        self,
        destination: str,
        *,
        owner: str,
        limit: int,
        bytes_max: int,
        now: datetime,
        leased_until: datetime,
        priorities: Sequence[Priority] = BY_PRIORITY,
    ) -> list[Claimed]:
        """Lease up to `limit` due deliveries, of one priority after the other as given.

        Within a priority they come in the order in which they were due, then planned. Give another
        order of `priorities` now and then, so that urgent work without end starves nothing.
        There is at least one if any is due, however large, and no more than `bytes_max` otherwise.
        One whose payload is not held any more becomes refused.
        """
        wish = Wish(
            destination,
            owner,
            limit,
            bytes_max,
            microseconds_of(now),
            microseconds_of(leased_until),
            priorities,
        )
        return self._write(lambda cursor: self._claiming.claim(cursor, wish))

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> int:
        """Write down what became of claimed deliveries, in one transaction; give how many changed.

        Delivered counts whoever says it and whatever was believed meanwhile. Anything else counts
        only from the one who has the lease. Settling twice changes nothing.
        """
        at = microseconds_of(now)
        return self._write(lambda cursor: self._settling.settle(cursor, settlements, at))

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every lease of `owner`; give how many it has."""
        moment = microseconds_of(until)
        return self._write(lambda c: self._statements.renew.run(c, moment, owner).rowcount)

    def reclaim(self, *, expired_by: datetime, now: datetime, dead: Collection[str] = ()) -> int:
        """Let what was leased until `expired_by`, or to a dead owner, wait again; give how many.

        It may have been delivered without anybody telling: that is written down as an attempt.
        """
        moments = (microseconds_of(expired_by), microseconds_of(now))
        return self._write(lambda cursor: self._reclaim(cursor, moments, dead))

    def owners(self) -> frozenset[str]:
        """Name all who have leased something."""
        rows = self._ask(lambda cursor: self._statements.owners.run(cursor).fetchall())
        return frozenset(owner for (owner,) in rows)

    def release_owner(self, owner: str) -> int:
        """Put back all that `owner` has claimed and did not try; give how many."""
        return self._write(lambda cursor: self._statements.unlease.run(cursor, owner).rowcount)

    def next_due(self, destination: str) -> datetime | None:
        """Say when something is due: possibly long ago. None when nothing waits for a moment."""
        due = self._ask(lambda cursor: self._next_due(cursor, destination))
        return moment_of(min(due)) if due else None

    def depths(self) -> list[LaneDepth]:
        """Count what is open, by destination and state. Reads an index, not the rows."""
        due, standing = self._ask(
            lambda cursor: (
                self._lanes.depths_due.run(cursor).fetchall(),
                self._lanes.depths_standing.run(cursor).fetchall(),
            )
        )
        depths = [depth for row in due for depth in _depths(row)]
        for state, destination, *counted in standing:
            depths.append(_depth(destination, State(state), counted))
        return depths

    def paces(self, *, now: datetime, minutes: int) -> list[Pace]:
        """Say what was settled in the last `minutes` whole minutes before the current one."""
        last = microseconds_of(now) // MICROSECONDS_PER_MINUTE - 1
        first = last - minutes + 1
        rows = self._ask(lambda cursor: self._lanes.paces.run(cursor, first, last).fetchall())
        return [Pace(destination, minutes, *counts) for destination, *counts in rows]

    def outstanding(self, destination: str) -> int:
        """Count what waits, is active or deferred for a destination."""
        row = self._ask(lambda c: self._lanes.outstanding.row(c, destination, destination))
        return 0 if row is None else int(row[0])

    def study_choice(self, choice: str, study_instance_uid: str) -> str | None:
        """Give the destination that the group `choice` chose last for this study."""
        row = self._ask(lambda c: self._lanes.study_choice.row(c, study_instance_uid, choice))
        return None if row is None else str(row[0])

    def reassign(
        self, choice: str, *, source: str, target: str, now: datetime, limit: int = 1000
    ) -> int:
        """Move what waits or is deferred from one member of a group to another.

        What failed there is due now; what waits for its calendar or gathering goes on doing so.
        At most `limit` in one transaction; call again until it gives 0. What `target` was given
        already is dropped with that reason.
        """
        at = microseconds_of(now)
        return self._write(
            lambda cursor: self._reassign(cursor, (choice, source, target), at, limit)
        )

    def bring_forward(
        self, step: timedelta, *, now: datetime, openings: Mapping[str, datetime]
    ) -> int:
        """Have all that is due later than `now` due earlier by `step`; give how many.

        For a wall clock that was set back by so much: its moments are those of before. What waits
        for the calendar of its route does not wait for so long, but until a time of day:
        `openings` gives the next one of each such route. One transaction, a second for 200,000;
        that is rare enough.
        """
        at, by = microseconds_of(now), step // timedelta(microseconds=1)
        moments = {route: microseconds_of(moment) for route, moment in openings.items()}

        def work(cursor: Cursor) -> int:
            changes = [brought_forward(at, by, besides=moments)]
            changes += [brought_to(opening, route) for route, opening in moments.items()]
            return sum(run_once(cursor, change).rowcount for change in changes)

        return self._write(work)

    def _reclaim(self, cursor: Cursor, moments: tuple[int, int], dead: Collection[str]) -> int:
        expired_by, at = moments
        owners = dict(self._statements.expired.run(cursor, expired_by).fetchall())
        for owner in dead:
            owners |= dict(self._statements.owned.run(cursor, owner).fetchall())
        by_owner: dict[str, list[int]] = {}
        for number, owner in owners.items():
            by_owner.setdefault(owner, []).append(number)
        for owner, ids in by_owner.items():
            reason = f"{owner} did not say what became of it: it may have been sent"
            rows = self._statements.reclaim.rows(cursor, ids, reason)
            attempts: list[Row] = [(row, at, UNTOLD, "", reason, None) for row, _ in rows]
            crowded = [row for row, count in rows if count > ATTEMPTS_KEPT_MAX]
            self._settling.add_attempts(cursor, attempts, crowded)
        return len(owners)

    def _next_due(self, cursor: Cursor, destination: str) -> list[int]:
        rows = (self._lanes.next_due.row(cursor, destination, int(p)) for p in Priority)
        return [row[0] for row in rows if row is not None]

    def _reassign(self, cursor: Cursor, way: tuple[str, str, str], at: int, limit: int) -> int:
        choice, source, target = way
        rows = self._lanes.movable.run(cursor, target, source, choice, target, limit).fetchall()
        there = [row for row, is_there in rows if is_there]
        free = [row for row, is_there in rows if not is_there]
        self._lanes.drop.rows(cursor, there, GIVEN_ALREADY, at)
        self._lanes.move.rows(cursor, free, target, at, at)
        return len(rows)


def _depths(row: Row) -> list[LaneDepth]:
    destination, *counted = row
    states = ((State.WAITING, counted[:3]), (State.DEFERRED, counted[3:]))
    return [_depth(destination, state, counts) for state, counts in states if counts[0]]


def _depth(destination: str, state: State, counted: Sequence[int]) -> LaneDepth:
    count, size, oldest = counted
    return LaneDepth(destination, state, count, size, moment_of(oldest))
