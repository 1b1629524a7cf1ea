"""Attributes that are searched by besides the columns, and requests of series: written and kept.

What was said first stays, as in the catalogue; of an instance, what its newest version says. Rows
go with their owners, by triggers and foreign keys of the tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, select

from hilum.ledger.recent import Recent
from hilum.ledger.schema import EXTRA, SERIES_REQUEST, STUDY
from hilum.ledger.statements import are
from hilum.ledger.texts import Insert, Statement
from hilum.query.level import Level

# Of one attribute or sequence: nobody has more, and no peer makes us write without end.
VALUES_MAX: Final = 64
REQUESTS_MAX: Final = 32
_REMEMBERED_MAX: Final = 1024
_FIRST: Final[ColumnElement[int]] = literal_column("0")


@dataclass(frozen=True, slots=True)
class ExtraAttribute:
    """An attribute that is kept for searches, and whose it is."""

    tag: int
    vr: str
    level: Level


@dataclass(frozen=True, slots=True)
class Extra:
    """What an instance says of an extra attribute."""

    level: Level
    tag: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """An item of Request Attributes Sequence."""

    scheduled_procedure_step_id: str
    requested_procedure_id: str
    accession_number: str


class Extras:
    """Writes them. The transaction is the caller's; forget() after a rollback."""

    def __init__(self) -> None:
        names = [column.name for column in EXTRA.columns]
        self._add = Insert(insert(EXTRA).prefix_with("OR IGNORE"), *names)
        whose = ("owner_row", "level")
        self._there = Statement(select(EXTRA.c.tag).where(*are(EXTRA, *whose)), *whose)
        self._drop = Statement(delete(EXTRA).where(*are(EXTRA, *whose)), *whose)
        self._patient = Statement(
            select(STUDY.c.patient_row).where(STUDY.c.id == bindparam("study_row")), "study_row"
        )
        names = [column.name for column in SERIES_REQUEST.columns]
        self._requested = Statement(
            select(SERIES_REQUEST.c.number).where(
                *are(SERIES_REQUEST, "series_row"), SERIES_REQUEST.c.number == _FIRST
            ),
            "series_row",
        )
        self._add_request = Insert(insert(SERIES_REQUEST), *names)
        self._settled: Recent[tuple[Level, int, tuple[Extra, ...]], bool] = Recent(_REMEMBERED_MAX)
        self._last: Recent[int, Sequence[Extra]] = Recent(_REMEMBERED_MAX)

    def forget(self) -> None:
        """Forget what was written: it may not be there any more."""
        self._settled.clear()
        self._last.clear()

    def above(
        self, cursor: Cursor, extras: Sequence[Extra], study_row: int, series_row: int
    ) -> None:
        """Keep what an instance says of its series, study and patient, where nobody has yet."""
        # Hot: instances of a series say the same, mostly by the same objects.
        if self._last.get(series_row) == extras:
            return
        rows = {Level.STUDY: study_row, Level.SERIES: series_row}
        for level in (Level.PATIENT, Level.STUDY, Level.SERIES):
            said = tuple([extra for extra in extras if extra.level == level])
            if not said:
                continue
            # The patient of a study never changes: its row says as much.
            key = (level, rows.get(level, study_row), said)
            if self._settled.get(key) is not None:
                continue
            if level == Level.PATIENT:
                (owner,) = self._patient.row(cursor, study_row) or (0,)
            else:
                owner = rows[level]
            there = {tag for (tag,) in self._there.run(cursor, owner, level).fetchall()}
            self._write(cursor, [one for one in said if one.tag not in there], owner)
            self._settled.put(key, value=True)
        self._last.put(series_row, extras)

    def instance(self, cursor: Cursor, extras: Sequence[Extra], row: int, *, is_new: bool) -> None:
        """Keep what an instance says of itself, and no more what it said before."""
        if not is_new:
            self._drop.run(cursor, row, Level.IMAGE)
        self._write(cursor, [extra for extra in extras if extra.level == Level.IMAGE], row)

    def requests(self, cursor: Cursor, requests: Sequence[SeriesRequest], series_row: int) -> None:
        """Keep what a series was made for, if it is not known."""
        if self._requested.row(cursor, series_row) is not None:
            return
        rows = [
            (
                series_row,
                number,
                one.scheduled_procedure_step_id,
                one.requested_procedure_id,
                one.accession_number,
            )
            for number, one in enumerate(requests[:REQUESTS_MAX])
        ]
        self._add_request.run(cursor, rows)

    def _write(self, cursor: Cursor, extras: Sequence[Extra], owner: int) -> None:
        rows = [
            (extra.tag, extra.level, value, owner, number)
            for extra in extras
            for number, value in enumerate(extra.values[:VALUES_MAX])
        ]
        self._add.run(cursor, rows)
