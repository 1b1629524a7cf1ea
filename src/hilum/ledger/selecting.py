"""Which rows a Selection means, and deliveries as people see them: put together when asked."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select

from hilum.ledger.deliveries_statements import CLAIMABLE, STANDING, literal
from hilum.ledger.delivery import Priority, QueuedDelivery, Selection, State
from hilum.ledger.moments import microseconds_of, moment_of, moment_or_none
from hilum.ledger.schema import DELIVERY, STUDY
from hilum.ledger.texts import Row

_D: Final = DELIVERY.c
_NAMES: Final = (
    "destination",
    "route",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
)
_CLAIMABLE: Final = frozenset({State.WAITING, State.DEFERRED})
_STANDING: Final = frozenset({State.ACTIVE, State.HELD, State.REFUSED})


def conditions(selection: Selection, states: Collection[State]) -> list[ColumnElement[bool]]:
    """Say what `selection` means of what is in one of `states`."""
    clauses = [_D[name] == getattr(selection, name) for name in _NAMES if getattr(selection, name)]
    if selection.ids:
        clauses.append(_D.id.in_(selection.ids))
    if selection.accession_number:
        number = STUDY.c.accession_number == selection.accession_number
        studies = select(STUDY.c.study_instance_uid).where(number)
        clauses.append(_D.study_instance_uid.in_(studies))
    if selection.created_before is not None:
        before = microseconds_of(selection.created_before)
        clauses.append(_D.created_at_microseconds < before)
    return [*clauses, *_states(states)]


def _states(states: Collection[State]) -> list[ColumnElement[bool]]:
    """Name the states; the conditions of the indexes too, so that these are used."""
    if set(states) == set(State):
        return []
    named = _D.state.in_([literal(state) for state in State if state in states])
    if _CLAIMABLE.issuperset(states):
        return [named, CLAIMABLE]
    if _STANDING.issuperset(states):
        return [named, STANDING]
    return [named]


def meant(selection: Selection, among: Iterable[State]) -> set[State]:
    """Give those states of `among` that `selection` allows."""
    return set(among).intersection(selection.states) if selection.states else set(among)


def described(selection: Selection) -> str:
    """Say in words what was selected, for the audit trail."""
    words = [f"{name} {getattr(selection, name)}" for name in _NAMES if getattr(selection, name)]
    if selection.ids:
        words.append(f"ids {', '.join(map(str, selection.ids))}")
    if selection.states:
        words.append(f"states {', '.join(state.value for state in selection.states)}")
    if selection.accession_number:
        words.append(f"accession number {selection.accession_number}")
    if selection.created_before is not None:
        words.append(f"created before {selection.created_before.isoformat()}")
    return "; ".join(words) or "all"


def queued() -> Select[Any]:
    """Ask for deliveries as people see them."""
    return select(
        _D.id,
        _D.sop_instance_uid,
        _D.version,
        _D.series_instance_uid,
        _D.study_instance_uid,
        _D.destination,
        _D.replay,
        _D.route,
        _D.choice,
        _D.state,
        _D.priority,
        _D.due_at_microseconds,
        _D.created_at_microseconds,
        _D.settled_at_microseconds,
        _D.attempts,
        _D.failing,
        _D.reason,
        _D.status,
        _D.size,
        _D.lease_owner,
    )


def queued_delivery(row: Row) -> QueuedDelivery:
    """Read a row of queued()."""
    state, priority, due, created, settled, *rest = row[9:]
    values: Row = (
        *row[:9],
        State(state),
        Priority(priority),
        moment_or_none(due),
        moment_of(created),
        moment_or_none(settled),
        *rest,
    )
    return QueuedDelivery(*values)
