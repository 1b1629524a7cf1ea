"""The statements about gatherings, by name."""

from typing import Final

from sqlalchemy import ColumnElement, case, func, literal_column, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_add
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.commitment_schema import COMMITMENT_REFERENCE
from hilum.ledger.deliveries_statements import LIMIT, value
from hilum.ledger.schema import DELIVERY, GATHERING, INSTANCE, SERIES, STUDY
from hilum.ledger.texts import Statement

# Word for word the condition of the partial index.
OPEN: Final[ColumnElement[bool]] = literal_column("gathering.state = 'open'")
_G: Final = GATHERING.c
_R: Final = COMMITMENT_REFERENCE.c
_TOUCHED: Final = (
    "route",
    "level",
    "uid",
    "state",
    "opened_at_microseconds",
    "last_arrival_at_microseconds",
    "association_id",
    "arrivals",
)
_SEEN: Final = (
    _G.id,
    _G.route,
    _G.level,
    _G.uid,
    _G.opened_at_microseconds,
    _G.last_arrival_at_microseconds,
    _G.arrivals,
    _G.association_id,
)


class GatheringStatements:
    """What is asked about gatherings, and what changes them."""

    def __init__(self) -> None:
        self.touch = Statement(_touch(), *_TOUCHED, sets=_TOUCHED)
        self.due = Statement(_due(), "quiet_since", "opened_until", "row_count")
        self.of_association = Statement(
            select(*_SEEN).where(OPEN, _G.association_id == value("association")), "association"
        )
        self.of_commitment = Statement(_of_commitment(), "in_studies", "in_series")
        self.bring_forward = Statement(_bring_forward(), "now", "step", "step_too", "after")
        self.close = _close()
        self.set_due = _set_due()
        self.of_uid = Statement(_of_uid(), "seen_uid")
        self.series_evidence = Statement(
            _evidence(SERIES.c.series_instance_uid == value("seen_uid")), "seen_uid"
        )
        self.study_evidence = Statement(
            _evidence(STUDY.c.study_instance_uid == value("seen_uid")), "seen_uid"
        )


def _touch() -> ClauseElement:
    """Count arrivals; what is closed stays so, and counts them as late."""
    adding = insert_or_add(GATHERING)
    arrived = adding.excluded
    late = case((_G.state == literal_column("'open'"), literal_column("0")), else_=arrived.arrivals)
    return adding.on_conflict_do_update(
        index_elements=["route", "level", "uid"],
        set_={
            "last_arrival_at_microseconds": arrived.last_arrival_at_microseconds,
            "association_id": arrived.association_id,
            "arrivals": _G.arrivals + arrived.arrivals,
            "late_arrivals": _G.late_arrivals + late,
        },
    ).returning(_G.id, _G.state)


def _due() -> ClauseElement:
    quiet = _G.last_arrival_at_microseconds <= value("quiet_since")
    return (
        select(*_SEEN)
        .where(OPEN, or_(quiet, _G.opened_at_microseconds <= value("opened_until")))
        .order_by(_G.last_arrival_at_microseconds, _G.id)
        .suffix_with(LIMIT)
    )


def _bring_forward() -> ClauseElement:
    opened, last = _G.opened_at_microseconds, _G.last_arrival_at_microseconds
    return (
        update(GATHERING)
        .ordered_values(
            (opened, case((opened > value("now"), opened - value("step")), else_=opened)),
            (last, last - value("step_too")),
        )
        .where(OPEN, last > value("after"))
    )


def _of_commitment() -> ClauseElement:
    """Read what waits for a series or study of which a request names an instance."""
    named = (
        select(STUDY.c.study_instance_uid)
        .join_from(STUDY, SERIES)
        .join(INSTANCE)
        .join(COMMITMENT_REFERENCE, _R.sop_instance_uid == INSTANCE.c.sop_instance_uid)
    )
    of_series = named.with_only_columns(SERIES.c.series_instance_uid)
    return select(*_SEEN).where(
        OPEN,
        or_(
            _G.uid.in_(named.where(_R.commitment_row == value("in_studies")).scalar_subquery()),
            _G.uid.in_(of_series.where(_R.commitment_row == value("in_series")).scalar_subquery()),
        ),
    )


def _close() -> Statement:
    sets = ("closed_at_microseconds", "verdict", "evidence", "is_forced")
    return Statement(
        update(GATHERING)
        .ordered_values(
            (_G.state, literal_column("'closed'")), *((_G[name], value(name)) for name in sets)
        )
        .where(_G.id == value("gathering"), OPEN),
        *sets,
        "gathering",
    )


def _set_due() -> Statement:
    """Let what waited for it go; what is held stays so, but will not wait when it is released."""
    due = DELIVERY.c.due_at_microseconds
    return Statement(
        update(DELIVERY)
        .values(due_at_microseconds=value("due"))
        .where(DELIVERY.c.gathering_row == value("gathering"), due.is_(None)),
        *("due", "gathering"),
    )


def _of_uid() -> ClauseElement:
    return select(
        _G.id,
        _G.route,
        _G.level,
        _G.uid,
        _G.closed_at_microseconds,
        _G.verdict,
        _G.evidence,
        _G.is_forced,
        _G.arrivals,
        _G.late_arrivals,
    ).where(_G.uid == value("seen_uid"))


def _evidence(which: ColumnElement[bool]) -> ClauseElement:
    number = INSTANCE.c.instance_number
    return (
        select(
            SERIES.c.series_instance_uid,
            SERIES.c.modality,
            func.count(),
            func.count(number.distinct()),
            func.min(number),
            func.max(number),
        )
        .join_from(STUDY, SERIES)
        .join(INSTANCE)
        .where(which)
        .group_by(SERIES.c.id)
        .order_by(SERIES.c.id)
    )
