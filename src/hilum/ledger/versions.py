"""All that is held below a study, series or instance: every version, served or not."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from hilum.ledger.commitment_statements import is_reported_later
from hilum.ledger.delivery import State
from hilum.ledger.doors import Ask
from hilum.ledger.schema import DELIVERY, INSTANCE, PAYLOAD, SERIES, STUDY
from hilum.ledger.texts import run_once


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held, and how much of it is still owed to somebody.

    `paths`: of the payloads, with their sizes. `deliveries`: how many are not settled, and how many
    instances somebody was promised a report on.
    """

    paths: dict[str, int]
    deliveries: int


class Versions:
    """Answers for whom wants to let go of something. Every method raises LedgerUnavailable."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def under(self, *, study: str = "", series: str = "", instance: str = "") -> Standing:
        """Give what is held below UIDs, all of those that are given.

        Raises:
            ValueError: none is given; nobody means everything.
        """
        places = {
            STUDY.c.study_instance_uid: study,
            SERIES.c.series_instance_uid: series,
            INSTANCE.c.sop_instance_uid: instance,
        }
        named = [column == uid for column, uid in places.items() if uid]
        if not named:
            raise ValueError("no UID is given")
        held, owed, promised = _held(named), _owed(named), _promised(named)
        return self._ask(
            lambda cursor: Standing(
                dict(run_once(cursor, held).fetchall()),
                run_once(cursor, owed).fetchone()[0] + run_once(cursor, promised).fetchone()[0],
            )
        )


def _held(named: list[ColumnElement[bool]]) -> Select[Any]:
    return (
        select(PAYLOAD.c.path, PAYLOAD.c.size)
        .join_from(STUDY, SERIES, SERIES.c.study_row == STUDY.c.id)
        .join(INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
        .join(PAYLOAD, PAYLOAD.c.instance_row == INSTANCE.c.id)
        .where(*named)
    )


def _owed(named: list[ColumnElement[bool]]) -> Select[Any]:
    """Count as removals do: held, refused and deferred ones are still somebody's business."""
    settled = [State.DELIVERED.value, State.DROPPED.value]
    return (
        select(func.count())
        .select_from(STUDY)
        .join(SERIES, SERIES.c.study_row == STUDY.c.id)
        .join(INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
        .join(PAYLOAD, PAYLOAD.c.instance_row == INSTANCE.c.id)
        .join(
            DELIVERY,
            (DELIVERY.c.sop_instance_uid == INSTANCE.c.sop_instance_uid)
            & (DELIVERY.c.version == PAYLOAD.c.version),
        )
        .where(*named, DELIVERY.c.state.not_in(settled))
    )


def _promised(named: list[ColumnElement[bool]]) -> Select[Any]:
    """Count instances that a storage commitment names whose report is owed."""
    return (
        select(func.count())
        .select_from(STUDY)
        .join(SERIES, SERIES.c.study_row == STUDY.c.id)
        .join(INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
        .where(*named, is_reported_later(INSTANCE.c.sop_instance_uid))
    )
