"""The instances behind a retrieval, each with the version that is served, in a useful order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.ledger.doors import Ask
from hilum.ledger.moments import moment_of
from hilum.ledger.texts import Row
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval

_COLUMNS: Final = (
    "i.sop_class_uid, i.sop_instance_uid, s.series_instance_uid, t.study_instance_uid, "
    "y.transfer_syntax_uid, y.size, y.path, y.version, y.received_at_microseconds, y.digest, "
    "p.patient_id"
)
# CROSS JOIN: SQLite keeps to the order as it is written, from the narrowest key on.
_TABLES: Final = {
    Level.PATIENT: "patient p CROSS JOIN study t ON t.patient_row = p.id "
    "CROSS JOIN series s ON s.study_row = t.id CROSS JOIN instance i ON i.series_row = s.id",
    Level.STUDY: "study t CROSS JOIN patient p ON p.id = t.patient_row "
    "CROSS JOIN series s ON s.study_row = t.id CROSS JOIN instance i ON i.series_row = s.id",
    Level.SERIES: "series s CROSS JOIN study t ON t.id = s.study_row "
    "CROSS JOIN patient p ON p.id = t.patient_row CROSS JOIN instance i ON i.series_row = s.id",
    Level.IMAGE: "instance i CROSS JOIN series s ON s.id = i.series_row "
    "CROSS JOIN study t ON t.id = s.study_row CROSS JOIN patient p ON p.id = t.patient_row",
}
_PAYLOAD: Final = "CROSS JOIN payload y ON y.instance_row = i.id AND y.version = i.current_version"
# What has no number comes last; UIDs make the order the same at all times.
_ORDER: Final = (
    "t.id, s.series_number IS NULL, s.series_number, s.series_instance_uid, "
    "i.instance_number IS NULL, i.instance_number, i.sop_instance_uid"
)
_KEYS: Final = {
    Level.PATIENT: "p.patient_id",
    Level.STUDY: "t.study_instance_uid",
    Level.SERIES: "s.series_instance_uid",
    Level.IMAGE: "i.sop_instance_uid",
}

_LIST: Final = "(SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Holding:
    """The version of an instance that is served. `path` is where its payload lies in the vault."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    size: int
    path: str
    version: int
    received_at: datetime
    digest: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """Holdings, by study, series number and instance number; the patient's number of each study."""

    holdings: tuple[Holding, ...]
    patient_ids: Mapping[str, str]


class Holdings:
    """Finds what retrievals mean. Every method raises LedgerUnavailable."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def of(self, retrieval: Retrieval) -> Held:
        """Give everything below the entities of a retrieval; levels above may be missing."""
        text, values = statement_of(retrieval)
        rows = self._ask(lambda cursor: cursor.execute(text, values).fetchall())
        return Held(tuple([_holding(row) for row in rows]), {row[3]: row[-1] for row in rows})


def statement_of(retrieval: Retrieval) -> tuple[str, list[str]]:
    """Put the statement together: it begins at the narrowest level that is named."""
    conditions: list[str] = []
    values: list[str] = []
    narrowest = None
    for level, wanted in sorted(retrieval.keys.items()):
        if not wanted:
            continue
        narrowest = level
        if len(wanted) == 1:
            conditions.append(f"{_KEYS[level]} = ?")
            values.append(wanted[0])
        else:
            # One text, and one parameter, for lists of any length.
            conditions.append(f"{_KEYS[level]} IN {_LIST}")
            values.append(json.dumps(wanted))
    if narrowest is None:
        raise AssertionError("a retrieval names something")
    text = (
        f"SELECT {_COLUMNS} FROM {_TABLES[narrowest]} {_PAYLOAD} "  # noqa: S608 -- names of ours
        f"WHERE {' AND '.join(conditions)} ORDER BY {_ORDER}"
    )
    return text, values


def _holding(row: Row) -> Holding:
    values: Row = (*row[:8], moment_of(row[8]), row[9])
    return Holding(*values)
