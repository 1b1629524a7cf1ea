"""The statements about commitments that others ask us for, by name."""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from hilum.ledger.commitment_schema import COMMITMENT, COMMITMENT_REFERENCE
from hilum.ledger.deliveries_statements import LIMIT, value
from hilum.ledger.schema import INSTANCE, ORIGIN, PAYLOAD, SERIES, STUDY
from hilum.ledger.texts import Insert, Statement

# Word for word the condition of the partial index.
OWED: Final[ColumnElement[bool]] = literal_column("commitment.state = 'asked'")
_C: Final = COMMITMENT.c
_R: Final = COMMITMENT_REFERENCE.c
_ADDED: Final = (
    "transaction_uid",
    *ORIGIN,
    "state",
    "asked_at_microseconds",
    "due_at_microseconds",
    "attempts",
)
_ONE_MORE: Final[ColumnElement[int]] = _C.attempts + literal_column("1")


class CommitmentStatements:
    """What is asked about commitments, and what changes them."""

    def __init__(self) -> None:
        self.add = Insert(insert(COMMITMENT), *_ADDED)
        self.add_references = Insert(insert(COMMITMENT_REFERENCE), *COMMITMENT_REFERENCE.c.keys())
        self.known = Statement(
            select(_C.id).where(
                _C.calling_ae_title == value("calling"), _C.transaction_uid == value("which")
            ),
            *("calling", "which"),
        )
        self.named = Statement(
            select(_R.sop_instance_uid, _R.sop_class_uid)
            .where(_R.commitment_row == value("number"))
            .order_by(_R.sop_instance_uid),
            "number",
        )
        self.one = Statement(_one(), "number")
        self.due = Statement(
            select(_C.id)
            .where(OWED, _C.due_at_microseconds <= value("now"))
            .order_by(_C.due_at_microseconds, _C.id)
            .suffix_with(LIMIT),
            *("now", "row_count"),
        )
        self.references = Statement(_references(), "number")
        self._make_changes()
        held = select(INSTANCE.c.sop_instance_uid).join_from(STUDY, SERIES).join(INSTANCE)
        of_study = STUDY.c.study_instance_uid == value("uid")
        of_series = SERIES.c.series_instance_uid == value("uid")
        self.held_of_study = Statement(held.where(of_study), "uid")
        self.held_of_series = Statement(held.where(of_series), "uid")
        self.listed_of_study = _listed(STUDY.c.study_instance_uid)
        self.listed_of_series = _listed(SERIES.c.series_instance_uid)

    def _make_changes(self) -> None:
        due = _C.due_at_microseconds
        self.ask_again = Statement(
            update(COMMITMENT)
            .ordered_values(
                (_C.state, literal_column("'asked'")),
                (_C.attempts, _ONE_MORE),
                (_C.asked_at_microseconds, value("now")),
                (due, value("until")),
                (_C.settled_at_microseconds, literal_column("NULL")),
            )
            .where(_C.id == value("number")),
            *("now", "until", "number"),
        )
        self.lease = Statement(
            update(COMMITMENT)
            .ordered_values((_C.attempts, _ONE_MORE), (due, value("until")))
            .where(_C.id == value("number"), OWED),
            *("until", "number"),
        )
        self.put_off = Statement(
            update(COMMITMENT)
            .ordered_values((due, value("until")), (_C.reason, value("why")))
            .where(_C.id == value("number"), _C.attempts == value("count"), OWED),
            *("until", "why", "number", "count"),
        )
        self.settle = Statement(
            update(COMMITMENT)
            .ordered_values(
                (_C.state, value("ending")),
                (_C.settled_at_microseconds, value("at")),
                (_C.reason, value("why")),
            )
            .where(_C.id == value("number"), OWED),
            *("ending", "at", "why", "number"),
        )
        self.end_leases = Statement(
            update(COMMITMENT)
            .ordered_values((due, value("now")))
            .where(OWED, due > value("later")),
            *("now", "later"),
        )
        old = (
            select(_C.id)
            .where(_C.settled_at_microseconds < value("before"))
            .order_by(_C.settled_at_microseconds)
            .suffix_with(LIMIT)
        )
        self.forget = Statement(
            delete(COMMITMENT).where(_C.id.in_(old.scalar_subquery())), "before", "row_count"
        )


def is_reported_later(sop_instance_uid: ColumnElement[str]) -> ColumnElement[bool]:
    """Tell whether a report that is owed names an instance: until then it must stay."""
    return (
        select(_R.commitment_row)
        .join_from(COMMITMENT_REFERENCE, COMMITMENT, _C.id == _R.commitment_row)
        .where(_R.sop_instance_uid == sop_instance_uid, OWED)
        .exists()
    )


def _one() -> Select[Any]:
    return select(
        _C.id,
        _C.transaction_uid,
        *(_C[name] for name in ORIGIN),
        _C.asked_at_microseconds,
        _C.attempts,
    ).where(_C.id == value("number"))


def _references() -> Select[Any]:
    """Read what is named, and of each the version that is served, if any."""
    return (
        select(_R.sop_class_uid, _R.sop_instance_uid, INSTANCE.c.sop_class_uid, PAYLOAD.c.path)
        .join_from(
            COMMITMENT_REFERENCE,
            INSTANCE,
            INSTANCE.c.sop_instance_uid == _R.sop_instance_uid,
            isouter=True,
        )
        .join(
            PAYLOAD,
            and_(
                PAYLOAD.c.instance_row == INSTANCE.c.id,
                PAYLOAD.c.version == INSTANCE.c.current_version,
            ),
            isouter=True,
        )
        .where(_R.commitment_row == value("number"))
        .order_by(_R.sop_instance_uid)
    )


def _listed(key: ColumnElement[str]) -> Statement:
    """Read the UIDs of every list that names something of an entity.

    Of those, what is held elsewhere is not of it; of what is held nowhere nobody knows.
    """
    lists = (
        select(_R.commitment_row)
        .distinct()
        .join_from(STUDY, SERIES)
        .join(INSTANCE)
        .join(COMMITMENT_REFERENCE, _R.sop_instance_uid == INSTANCE.c.sop_instance_uid)
        .where(key == value("uid"))
    )
    named = (
        select(_R.commitment_row, _R.sop_instance_uid)
        .join_from(
            COMMITMENT_REFERENCE,
            INSTANCE,
            INSTANCE.c.sop_instance_uid == _R.sop_instance_uid,
            isouter=True,
        )
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row, isouter=True)
        .join(STUDY, STUDY.c.id == SERIES.c.study_row, isouter=True)
        .where(
            _R.commitment_row.in_(lists.scalar_subquery()),
            or_(key.is_(None), key == value("same")),
        )
    )
    return Statement(named, *("uid", "same"))
