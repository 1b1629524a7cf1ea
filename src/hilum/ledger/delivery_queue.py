"""The queue as a person sees and changes it: each change one transaction, with its audit record."""

from collections.abc import Collection
from datetime import datetime
from sqlite3 import Cursor
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.auditing import audit_values
from hilum.ledger.deliveries_settling import short
from hilum.ledger.deliveries_statements import PLANNED, literal, value
from hilum.ledger.delivery import (
    ASKED_AGAIN,
    Attempt,
    DeliveryHistory,
    Priority,
    QueuedDelivery,
    Selection,
    State,
)
from hilum.ledger.doors import Ask, Write
from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.moments import microseconds_of, moment_of
from hilum.ledger.schema import ATTEMPT, AUDIT, DELIVERY, INSTANCE, PAYLOAD
from hilum.ledger.selecting import conditions, described, meant, queued, queued_delivery
from hilum.ledger.statements import Writing
from hilum.ledger.storable import with_storable_fields
from hilum.ledger.texts import Insert, Row, Statement, run_once

PAGE_MAX: Final = 1000

_HOLDABLE: Final = (State.WAITING, State.DEFERRED)
_RETRIABLE: Final = (State.DEFERRED, State.REFUSED)
# What is active has begun: it can be stopped when the lane has said what became of it.
_STOPPABLE: Final = (State.WAITING, State.DEFERRED, State.HELD, State.REFUSED)
_WAITING: Final = (State.WAITING, State.DEFERRED, State.HELD)

_A: Final = AUDIT.c
_D: Final = DELIVERY.c
# Columns are written in the order of the table.
_REPLAY: Final = PLANNED.index("destination") + 1
_Change = tuple[Any, Any]


class Queue:
    """What people do with deliveries. Every method raises Full or LedgerUnavailable.

    `by` is who does it. What does not fit, because of its state say, is left alone and not counted.
    """

    def __init__(self, writing: Writing, write: Write, ask: Ask) -> None:
        self._writing = writing
        self._write = write
        self._ask = ask
        self._add = Insert(insert(DELIVERY), *PLANNED[:_REPLAY], "replay", *PLANNED[_REPLAY:])
        self._last_record = Statement(select(func.coalesce(func.max(_A.id), literal_column("0"))))
        self._let_go = Statement(_let_go(), "before", "after")

    def find(
        self, selection: Selection, *, after: int = 0, limit: int = 100
    ) -> list[QueuedDelivery]:
        """Give up to `limit` (at most PAGE_MAX) selected deliveries whose id is above `after`.

        In the order of their ids, so that pages neither repeat nor miss what was there all along.
        """
        states = meant(selection, State)
        question = (
            queued()
            .where(*conditions(selection, states), _D.id > after)
            .order_by(_D.id)
            .limit(min(limit, PAGE_MAX))
        )
        rows = self._ask(lambda cursor: run_once(cursor, question).fetchall())
        return [queued_delivery(row) for row in rows]

    def history(
        self, selection: Selection, *, after: int = 0, limit: int = PAGE_MAX
    ) -> list[DeliveryHistory]:
        """Give selected deliveries, as find() does, with their last failed attempts."""
        deliveries = self.find(selection, after=after, limit=limit)
        attempts = self._attempts([delivery.delivery_id for delivery in deliveries])
        return [DeliveryHistory(one, attempts.get(one.delivery_id, ())) for one in deliveries]

    def hold(self, selection: Selection, *, reason: str, by: Origin, now: datetime) -> int:
        """Let what waits or is deferred wait for a person."""
        changes = ((_D.state, literal(State.HELD)), (_D.reason, short(reason)))
        return self._change("hold", selection, _HOLDABLE, changes, by=by, now=now, reason=reason)

    def release(self, selection: Selection, *, by: Origin, now: datetime) -> int:
        """Let what is held go, in its old place in the line."""
        # Why it was held would else be told as why it waits; attempts keep how it failed before.
        changes = (*_at_once(now), (_D.reason, ""), (_D.failing, ""))
        return self._change("release", selection, (State.HELD,), changes, by=by, now=now)

    def retry(self, selection: Selection, *, by: Origin, now: datetime) -> int:
        """Let what is deferred or was refused go once more, now."""
        changes = (*_at_once(now), (_D.reason, _asked_again()))
        return self._change("retry", selection, _RETRIABLE, changes, by=by, now=now)

    def drop(self, selection: Selection, *, reason: str, by: Origin, now: datetime) -> int:
        """Give up what is open and not active."""
        at = microseconds_of(now)
        changes = (
            (_D.state, literal(State.DROPPED)),
            (_D.reason, short(reason)),
            (_D.settled_at_microseconds, at),
        )
        return self._change("drop", selection, _STOPPABLE, changes, by=by, now=now, reason=reason)

    def reprioritise(
        self, selection: Selection, priority: Priority, *, by: Origin, now: datetime
    ) -> int:
        """Make what waits, is deferred or held more or less urgent."""
        changes = ((_D.priority, int(priority)),)
        what = f"priority {priority.name.lower()}"
        return self._change(what, selection, _WAITING, changes, by=by, now=now)

    def replay(
        self,
        selection: Selection,
        *,
        to: str,
        by: Origin,
        now: datetime,
        priority: Priority | None = None,
    ) -> int:
        """Send what was planned for any destination to `to`, once more if it was there already.

        Only what is still held, and not what `to` is owed anyway.
        """
        at = microseconds_of(now)
        return self._write(lambda cursor: self._replay(cursor, selection, to, by, (at, priority)))

    def last_record(self) -> int:
        """Give the number of the last audit record, for let_go_after()."""
        row = self._ask(self._last_record.row)
        return 0 if row is None else int(row[0])

    def let_go_after(self, record: int) -> tuple[int, bool]:
        """Give the last audit record, and whether a person let deliveries go after that `record`.

        It is how one process learns of what was done in another.
        """
        row = self._ask(lambda cursor: self._let_go.row(cursor, record, record))
        last, count = row if row is not None else (record, 0)
        return last, count > 0

    def _change(  # noqa: PLR0913 - by keyword
        self,
        what: str,
        selection: Selection,
        among: Collection[State],
        changes: Collection[_Change],
        *,
        by: Origin,
        now: datetime,
        reason: str = "",
    ) -> int:
        states = meant(selection, among)
        if not states:
            return 0
        change = update(DELIVERY).ordered_values(*changes).where(*conditions(selection, states))

        def work(cursor: Cursor) -> int:
            count = run_once(cursor, change).rowcount
            self._tell(cursor, (what, reason), selection, count, (by, microseconds_of(now)))
            return count

        return self._write(work)

    def _replay(
        self,
        cursor: Cursor,
        selection: Selection,
        to: str,
        by: Origin,
        how: tuple[int, Priority | None],
    ) -> int:
        at, priority = how
        rows = run_once(cursor, _replayable(selection, to)).fetchall()
        fresh = [_replayed(row, to, at, priority) for row in rows if not row[-1]]
        self._add.run(cursor, fresh)
        self._tell(cursor, (f"replay to {to}", ""), selection, len(fresh), (by, at))
        return len(fresh)

    def _tell(
        self,
        cursor: Cursor,
        what: tuple[str, str],
        selection: Selection,
        count: int,
        who: tuple[Origin, int],
    ) -> None:
        if not count:
            return
        (action, reason), (by, at) = what, who
        words = f"{count} deliveries of: {described(selection)}"
        record = AuditRecord(
            f"deliveries: {action}",
            "success",
            by,
            study_instance_uid=selection.study_instance_uid,
            sop_instance_uid=selection.sop_instance_uid,
            detail=f"{words}; reason: {reason}" if reason else words,
        )
        self._writing.add_audit.run(cursor, [audit_values(with_storable_fields(record), at)])

    def _attempts(self, ids: Collection[int]) -> dict[int, tuple[Attempt, ...]]:
        if not ids:
            return {}
        columns = [c for c in ATTEMPT.c if c.name != "id"]
        question = select(*columns).where(ATTEMPT.c.delivery_row.in_(ids)).order_by(ATTEMPT.c.id)
        found: dict[int, tuple[Attempt, ...]] = {}
        for row, at, *said in self._ask(lambda cursor: run_once(cursor, question).fetchall()):
            found[row] = (*found.get(row, ()), Attempt(moment_of(at), *said))
        return found


def _at_once(now: datetime) -> tuple[_Change, ...]:
    """Let it wait in its old place; what has none waits for its gathering."""
    at = microseconds_of(now)
    due = _D.due_at_microseconds
    return (
        (_D.state, literal(State.WAITING)),
        (due, case((due > at, at), else_=due)),
    )


def _asked_again() -> ColumnElement[str]:
    """Go on telling how it failed at last, and why it waits all the same."""
    is_told = or_(_D.reason == "", _D.reason.startswith(ASKED_AGAIN, autoescape=True))
    return case((is_told, _D.reason), else_=literal_column(f"'{ASKED_AGAIN}'") + _D.reason)


def _let_go() -> ClauseElement:
    """Read what was recorded since, by its number: short, however long the trail is."""
    is_let_go = or_(
        _A.event.in_([literal_column(f"'deliveries: {what}'") for what in ("retry", "release")]),
        _A.event.like(literal_column("'deliveries: replay to %'")),
    )
    return select(
        func.coalesce(func.max(_A.id), value("before")),
        func.count(case((is_let_go, literal_column("1")))),
    ).where(_A.id > value("after"))


def _replayable(selection: Selection, to: str) -> Any:
    """Ask for each selected version that is held: once, and how often `to` was given it."""
    other = DELIVERY.alias("other")
    there = (
        (other.c.sop_instance_uid == _D.sop_instance_uid)
        & (other.c.version == _D.version)
        & (other.c.destination == to)
    )
    settled: ColumnElement[bool] = other.c.state.in_(
        [literal(State.DELIVERED), literal(State.DROPPED)]
    )
    times = select(func.max(other.c.replay)).where(there).scalar_subquery()
    is_owed = select(literal_column("1")).where(there, ~settled).exists()
    return (
        select(
            _D.sop_instance_uid,
            _D.version,
            _D.study_instance_uid,
            _D.series_instance_uid,
            _D.route,
            func.min(_D.priority),
            PAYLOAD.c.size,
            times,
            is_owed,
        )
        .join_from(DELIVERY, INSTANCE, INSTANCE.c.sop_instance_uid == _D.sop_instance_uid)
        .join(
            PAYLOAD, (PAYLOAD.c.instance_row == INSTANCE.c.id) & (PAYLOAD.c.version == _D.version)
        )
        .where(*conditions(selection, meant(selection, State)))
        .group_by(_D.sop_instance_uid, _D.version)
        .order_by(func.min(_D.id))
    )


def _replayed(row: Row, to: str, at: int, priority: Priority | None) -> Row:
    uid, version, study, series, route, urgency, size, times, _ = row
    if priority is not None:
        urgency = int(priority)
    again = 0 if times is None else times + 1
    # As PLANNED has them, and the replay behind the destination.
    return (
        *(uid, version, study, series, to, again, route, "", State.WAITING.value, urgency),
        *(at, at, size, None, "", None),
    )
