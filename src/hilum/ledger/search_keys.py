"""Keeping what searches need beside the catalogue: names as they fold, modalities of studies.

Written when a patient, study or series is new or changes, so that instances cost nothing.
"""

from sqlite3 import Cursor

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_unless
from sqlalchemy.sql.expression import ClauseElement

from hilum.dicom.moments import date_of
from hilum.ledger.schema import NAME_KEY, SERIES, STUDY, STUDY_MODALITY
from hilum.ledger.search_names import NameRole, keys_of
from hilum.ledger.texts import Insert, Statement


class SearchKeys:
    """Writes by what is found. The transaction is the caller's."""

    def __init__(self) -> None:
        names = [column.name for column in NAME_KEY.columns]
        self._add_name = Insert(insert(NAME_KEY), *names)
        self._drop_names = Statement(_drop_names(), "owner_row", "first", "last")
        self._add_modality = Statement(_add_modality(), "modality", "study_row")
        self._change_day = Statement(_change_day(), "study_day", "row", sets=("study_day",))
        self._drop_modalities = Statement(_drop_modalities(), "row")

    def name(self, cursor: Cursor, role: NameRole, owner_row: int, name: str) -> None:
        """Let a new owner be found by its name."""
        keys = keys_of(role, name)
        if keys:
            self._add_name.run(
                cursor, [(kind, text, owner_row, number) for kind, text, number in keys]
            )

    def rename(self, cursor: Cursor, role: NameRole, owner_row: int, name: str) -> None:
        """Let an owner be found by another name, or by none: ""."""
        self._drop_names.run(cursor, owner_row, role.group, role.sound)
        self.name(cursor, role, owner_row, name)

    def modality(self, cursor: Cursor, study_row: int, modality: str) -> None:
        """Let a study be found by the modality of one of its series."""
        if modality:
            self._add_modality.run(cursor, modality, study_row)

    def day(self, cursor: Cursor, study_row: int, study_day: str) -> None:
        """Let the modalities of a study be found by another day."""
        self._change_day.run(cursor, study_day, study_row)

    def recount(self, cursor: Cursor, study_row: int) -> None:
        """Forget the modalities that no series of a study has any more."""
        self._drop_modalities.run(cursor, study_row)


def day_of(text: object) -> str:
    """Give a date as it sorts; '' when it is none."""
    return date_of(str(text)) or ""


def _drop_names() -> ClauseElement:
    return delete(NAME_KEY).where(
        NAME_KEY.c.owner_row == bindparam("owner_row"),
        NAME_KEY.c.kind >= bindparam("first"),
        NAME_KEY.c.kind <= bindparam("last"),
    )


def _add_modality() -> ClauseElement:
    study = select(bindparam("modality"), STUDY.c.study_day, STUDY.c.id).where(
        STUDY.c.id == bindparam("study_row")
    )
    names = [column.name for column in STUDY_MODALITY.columns]
    return insert_unless(STUDY_MODALITY).from_select(names, study).on_conflict_do_nothing()


def _change_day() -> ClauseElement:
    return update(STUDY_MODALITY).where(STUDY_MODALITY.c.study_row == bindparam("row"))


def _drop_modalities() -> ClauseElement:
    there = select(SERIES.c.id).where(
        SERIES.c.study_row == STUDY_MODALITY.c.study_row,
        SERIES.c.modality == STUDY_MODALITY.c.modality,
    )
    return delete(STUDY_MODALITY).where(
        STUDY_MODALITY.c.study_row == bindparam("row"), ~there.exists()
    )
