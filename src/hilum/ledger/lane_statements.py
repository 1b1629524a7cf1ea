"""The statements that measure lanes, and those that keep a study together in a group, by name."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, func, literal_column, select, update
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.deliveries_statements import (
    CLAIMABLE,
    COUNTED,
    LIMIT,
    STANDING,
    is_in,
    literal,
    those,
    value,
)
from hilum.ledger.delivery import State
from hilum.ledger.schema import DELIVERY, PACE
from hilum.ledger.texts import Statement, StatementIn

_D: Final = DELIVERY.c


class LaneStatements:
    """What is asked about lanes and groups, and what moves between them."""

    def __init__(self) -> None:
        self.next_due = Statement(_next_due(), "lane", "urgency")
        self.depths_due = Statement(_depths_due())
        self.depths_standing = Statement(_depths_standing())
        self.paces = Statement(_paces(), "first", "last")
        self.outstanding = Statement(_outstanding(), "lane", "lane_too")
        self.study_choice = Statement(_study_choice(), "study", "group")
        self.movable = Statement(_movable(), "target", "lane", "group", "target", "row_count")
        self.move = _move()
        self.drop = _drop()


def _next_due() -> ClauseElement:
    return (
        select(_D.due_at_microseconds)
        .where(CLAIMABLE, _D.destination == value("lane"), _D.priority == value("urgency"))
        .where(_D.due_at_microseconds.is_not(None))
        .order_by(_D.due_at_microseconds, _D.id)
        .suffix_with("LIMIT 1")
    )


def _depths_due() -> ClauseElement:
    """Count both states at once: the index has them side by side."""
    columns: list[ColumnElement[Any]] = []
    for state in (State.WAITING, State.DEFERRED):
        columns += [
            func.sum(_D.state == literal(state)),
            func.sum(case((is_in(state), _D.size), else_=literal_column("0"))),
            func.min(case((is_in(state), _D.created_at_microseconds))),
        ]
    return select(_D.destination, *columns).where(CLAIMABLE).group_by(_D.destination)


def _depths_standing() -> ClauseElement:
    return (
        select(
            _D.state,
            _D.destination,
            func.count(),
            func.sum(_D.size),
            func.min(_D.created_at_microseconds),
        )
        .where(STANDING)
        .group_by(_D.state, _D.destination)
    )


def _paces() -> ClauseElement:
    return (
        select(PACE.c.destination, *(func.sum(PACE.c[name]) for name in COUNTED))
        .where(PACE.c.minute >= value("first"), PACE.c.minute <= value("last"))
        .group_by(PACE.c.destination)
    )


def _outstanding() -> ClauseElement:
    counts = (
        select(func.count()).where(CLAIMABLE, _D.destination == value("lane")),
        select(func.count()).where(
            is_in(State.ACTIVE), STANDING, _D.destination == value("lane_too")
        ),
    )
    return select(counts[0].scalar_subquery() + counts[1].scalar_subquery())


def _study_choice() -> ClauseElement:
    return (
        select(_D.destination)
        .where(_D.study_instance_uid == value("study"), _D.choice == value("group"))
        .where(_D.state != literal(State.DROPPED))
        .order_by(_D.id.desc())
        .suffix_with("LIMIT 1")
    )


def _movable() -> ClauseElement:
    """Read what a group could move, and whether its new destination has it already."""
    other = DELIVERY.alias("other")
    there: Select[Any] = (
        select(literal_column("1"))
        .where(other.c.sop_instance_uid == _D.sop_instance_uid, other.c.version == _D.version)
        .where(other.c.destination == value("target"))
    )
    given_up = other.c.state.in_([literal(State.REFUSED), literal(State.DROPPED)])
    return (
        select(_D.id, there.exists())
        .where(CLAIMABLE, _D.destination == value("lane"), _D.choice == value("group"))
        # What a person decides about there does not end here.
        .where(~there.where(given_up).exists())
        .suffix_with(LIMIT)
    )


def _move() -> StatementIn:
    """Move to another member of the group; what waits for a gathering or calendar goes on so."""
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.destination, value("target")),
            (_D.state, literal(State.WAITING)),
            (
                _D.due_at_microseconds,
                case(
                    (
                        is_in(State.DEFERRED) & (_D.due_at_microseconds > value("now")),
                        value("now_too"),
                    ),
                    else_=_D.due_at_microseconds,
                ),
            ),
        )
        .where(those()),
        *("target", "now", "now_too"),
        each="ids",
    )


def brought_forward(at: int, by: int, *, besides: Collection[str]) -> ClauseElement:
    """Have it due earlier by so much, but not before `at`; not what `besides` keep waiting."""
    due = _D.due_at_microseconds
    is_planned = is_in(State.WAITING) & _D.route.in_(besides)
    return (
        update(DELIVERY)
        .values(due_at_microseconds=func.max(at, due - by))
        .where(CLAIMABLE, due > at, ~is_planned)
    )


def brought_to(opening: int, route: str) -> ClauseElement:
    """Have what a route keeps waiting due when it opens."""
    return (
        update(DELIVERY)
        .values(due_at_microseconds=opening)
        .where(CLAIMABLE, is_in(State.WAITING), _D.route == route)
        .where(_D.due_at_microseconds > opening)
    )


def _drop() -> StatementIn:
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.DROPPED)),
            (_D.reason, value("why")),
            (_D.settled_at_microseconds, value("at")),
        )
        .where(those()),
        *("why", "at"),
        each="ids",
    )
