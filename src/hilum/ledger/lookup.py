"""Finding what is held by the name a person has for it: a UID of any level, an accession number."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select

from hilum.ledger.doors import Ask
from hilum.ledger.moments import moment_of
from hilum.ledger.schema import INSTANCE, PAYLOAD, RECEIPT, SERIES, STUDY
from hilum.ledger.texts import Row, run_once

FOUND_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Held:
    """The version of an instance that is served."""

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    version: int
    transfer_syntax_uid: str
    size: int
    path: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """A receipt: what was once answered with success, whatever became of it since."""

    sop_instance_uid: str
    version: int
    verdict: str
    received_at: datetime
    calling_ae_title: str
    peer: str
    host: str


class Lookup:
    """Questions of people. Every method raises LedgerUnavailable."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def held(self, name: str, *, limit: int = FOUND_MAX) -> list[Held]:
        """Give what is held under an instance, series or study UID, or an accession number."""
        question = (
            select(
                INSTANCE.c.sop_instance_uid,
                SERIES.c.series_instance_uid,
                STUDY.c.study_instance_uid,
                PAYLOAD.c.version,
                PAYLOAD.c.transfer_syntax_uid,
                PAYLOAD.c.size,
                PAYLOAD.c.path,
                PAYLOAD.c.received_at_microseconds,
            )
            .join_from(INSTANCE, SERIES, INSTANCE.c.series_row == SERIES.c.id)
            .join(STUDY, SERIES.c.study_row == STUDY.c.id)
            .join(
                PAYLOAD,
                (PAYLOAD.c.instance_row == INSTANCE.c.id)
                & (PAYLOAD.c.version == INSTANCE.c.current_version),
            )
            .where(_named(name))
            .order_by(INSTANCE.c.id)
            .limit(limit)
        )
        rows = self._ask(lambda cursor: run_once(cursor, question).fetchall())
        return [_held(row) for row in rows]

    def receipts(self, sop_instance_uid: str, *, limit: int = 100) -> list[Given]:
        """Give the receipts of an instance, the latest last."""
        columns = RECEIPT.c
        question = (
            select(
                columns.sop_instance_uid,
                columns.version,
                columns.verdict,
                columns.received_at_microseconds,
                columns.calling_ae_title,
                columns.peer,
                columns.host,
            )
            .where(columns.sop_instance_uid == sop_instance_uid)
            .order_by(columns.id.desc())
            .limit(limit)
        )
        rows = self._ask(lambda cursor: run_once(cursor, question).fetchall())
        return [
            Given(uid, version, verdict, moment_of(at), *who)
            for uid, version, verdict, at, *who in reversed(rows)
        ]


def _held(row: Row) -> Held:
    instance, series, study, version, syntax, size, path, at = row
    return Held(instance, series, study, version, syntax, size, path, moment_of(at))


def _named(name: str) -> ColumnElement[Any]:
    """Say which instances a name means. Each part is found through an index of its own."""
    study = select(STUDY.c.id).where(
        or_(STUDY.c.study_instance_uid == name, STUDY.c.accession_number == name)
    )
    series = select(SERIES.c.id).where(
        or_(SERIES.c.series_instance_uid == name, SERIES.c.study_row.in_(study))
    )
    return or_(INSTANCE.c.sop_instance_uid == name, INSTANCE.c.series_row.in_(series))
