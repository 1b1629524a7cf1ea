"""Patients, studies and series: the rows an instance belongs to, found or made.

Instances of one series come in a stream, so that what was found is remembered; every value that
was dealt with is remembered beside it, and an instance that says nothing new costs no statement.
Whatever is remembered was committed or will be: forget() it after a rollback.
"""

from dataclasses import dataclass
from operator import attrgetter
from sqlite3 import Cursor
from typing import Final

from hilum.ledger.differences import Difference, Value, compare, contradictions
from hilum.ledger.entry import Entry
from hilum.ledger.extras import Extras
from hilum.ledger.moments import microseconds_of
from hilum.ledger.recent import Recent
from hilum.ledger.search_keys import SearchKeys, day_of
from hilum.ledger.search_names import PATIENT, REFERRING_PHYSICIAN
from hilum.ledger.statements import (
    IDENTITY,
    PATIENT_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
    Reading,
    Writing,
)

REMEMBERED_STUDIES_MAX: Final = 256
REMEMBERED_SERIES_MAX: Final = 512
# Some attributes differ in every instance of some devices (Series Time, say): enough to see that.
REMEMBERED_VALUES_MAX: Final = 32
CONFLICTS_PER_ATTRIBUTE_MAX: Final = 32

Values = tuple[Value, ...]

_IDENTITY_END: Final = len(IDENTITY)
_PATIENT_END: Final = _IDENTITY_END + len(PATIENT_ATTRIBUTES)

_NAME: Final = PATIENT_ATTRIBUTES.index("patient_name")
_BIRTH_DATE: Final = PATIENT_ATTRIBUTES.index("patient_birth_date")
_STUDY_DATE: Final = STUDY_ATTRIBUTES.index("study_date")
_PHYSICIAN: Final = STUDY_ATTRIBUTES.index("referring_physician_name")
_MODALITY: Final = SERIES_ATTRIBUTES.index("modality")

_study_values = attrgetter(*IDENTITY, *PATIENT_ATTRIBUTES, *STUDY_ATTRIBUTES)
_series_values = attrgetter(*SERIES_ATTRIBUTES)


@dataclass(slots=True)
class _Known:
    """A row, and the values of its attributes that need no thought any more."""

    row: int
    settled: set[Values]

    def settle(self, values: Values) -> None:
        if len(self.settled) >= REMEMBERED_VALUES_MAX:
            self.settled.clear()
        self.settled.add(values)


class Catalogue:
    """Finds or makes the series row of an entry, and records what contradicts it."""

    def __init__(self, reading: Reading, writing: Writing) -> None:
        self._reading = reading
        self._writing = writing
        self._keys = SearchKeys()
        self.extras = Extras()
        self._studies: Recent[str, _Known] = Recent(REMEMBERED_STUDIES_MAX)
        self._series: Recent[tuple[int, str], _Known] = Recent(REMEMBERED_SERIES_MAX)

    def forget(self) -> None:
        """Forget every row: one of them may not exist any more."""
        self._studies.clear()
        self._series.clear()
        self.extras.forget()

    def series_row(self, cursor: Cursor, entry: Entry) -> int:
        """Give the row of the series that `entry` belongs to."""
        facts = entry.facts
        study = self._studies.get(facts.study_instance_uid)
        values: Values = _study_values(facts)
        if study is None or values not in study.settled:
            study = self._settle_study(cursor, entry, study, values)
        series = self._series.get((study.row, facts.series_instance_uid))
        values = _series_values(facts)
        if series is None or values not in series.settled:
            series = self._settle_series(cursor, entry, study.row, series, values)
        if entry.requests:
            self.extras.requests(cursor, entry.requests, series.row)
        if entry.extras:
            self.extras.above(cursor, entry.extras, study.row, series.row)
        return series.row

    def record_conflicts(
        self,
        cursor: Cursor,
        entry: Entry,
        level: str,
        uid: str,
        differences: tuple[Difference, ...],
    ) -> None:
        """Record each difference once, up to a number of values for an attribute."""
        for difference in differences:
            attribute = difference.attribute
            row = self._reading.conflicts.row(cursor, level, uid, attribute)
            if row is None or row[0] >= CONFLICTS_PER_ATTRIBUTE_MAX:
                continue
            seen = (entry.facts.sop_instance_uid, microseconds_of(entry.received_at))
            conflict = (level, uid, attribute, difference.seen, difference.kept, *seen)
            self._writing.add_conflict.run(cursor, [conflict])

    def _settle_study(
        self, cursor: Cursor, entry: Entry, known: _Known | None, values: Values
    ) -> _Known:
        uid = entry.facts.study_instance_uid
        row = self._reading.study.row(cursor, uid)
        if row is None:
            study_row, patient_row, kept = self._add_study(cursor, entry, values)
        else:
            study_row, patient_row, kept = row[0], row[1], row[2:]
        if kept != values:
            self._compare_study(cursor, entry, (study_row, patient_row), kept, values)
        if known is None or known.row != study_row:
            known = _Known(study_row, set())
            self._studies.put(uid, known)
        known.settle(values)
        return known

    def _add_study(self, cursor: Cursor, entry: Entry, values: Values) -> tuple[int, int, Values]:
        uid = entry.facts.study_instance_uid
        identity = values[:_IDENTITY_END]
        key = (*identity, "" if entry.facts.patient_id else uid)
        patient = values[_IDENTITY_END:_PATIENT_END]
        row = self._reading.patient.row(cursor, *key)
        if row is None:
            birth_day = day_of(patient[_BIRTH_DATE])
            [patient_row] = self._writing.add_patient.run_numbered(
                cursor, [(*key, *patient, birth_day)]
            )
            self._keys.name(cursor, PATIENT, patient_row, str(patient[_NAME]))
        else:
            patient_row, patient = row[0], row[1:]
        study = values[_PATIENT_END:]
        study_day = day_of(study[_STUDY_DATE])
        [study_row] = self._writing.add_study.run_numbered(
            cursor, [(patient_row, uid, *study, study_day)]
        )
        self._keys.name(cursor, REFERRING_PHYSICIAN, study_row, str(study[_PHYSICIAN]))
        return study_row, patient_row, (*identity, *patient, *study)

    def _compare_study(
        self, cursor: Cursor, entry: Entry, rows: tuple[int, int], kept: Values, seen: Values
    ) -> None:
        """Record what contradicts the study or its patient; fill in what they did not say."""
        uid = entry.facts.study_instance_uid
        study_row, patient_row = rows
        start, end = _IDENTITY_END, _PATIENT_END
        strangers = contradictions(IDENTITY, kept[:start], seen[:start])
        patient = compare(PATIENT_ATTRIBUTES, kept[start:end], seen[start:end])
        study = compare(STUDY_ATTRIBUTES, kept[end:], seen[end:])
        self.record_conflicts(cursor, entry, "study", uid, strangers + study.differences)
        self.record_conflicts(cursor, entry, "patient", uid, patient.differences)
        # What is said of somebody else must not fill in what is missing of this patient.
        if patient.kept != kept[start:end] and not strangers:
            birth_day = day_of(patient.kept[_BIRTH_DATE])
            self._writing.change_patient.run(cursor, *patient.kept, birth_day, patient_row)
            self._keys.rename(cursor, PATIENT, patient_row, str(patient.kept[_NAME]))
        if study.kept != kept[end:]:
            self._change_study(cursor, study_row, study.kept)

    def _change_study(self, cursor: Cursor, study_row: int, kept: Values) -> None:
        study_day = day_of(kept[_STUDY_DATE])
        self._writing.change_study.run(cursor, *kept, study_day, study_row)
        self._keys.rename(cursor, REFERRING_PHYSICIAN, study_row, str(kept[_PHYSICIAN]))
        self._keys.day(cursor, study_row, study_day)

    def _settle_series(
        self, cursor: Cursor, entry: Entry, study_row: int, known: _Known | None, values: Values
    ) -> _Known:
        uid = entry.facts.series_instance_uid
        row = self._reading.series.row(cursor, study_row, uid)
        if row is None:
            [series_row] = self._writing.add_series.run_numbered(
                cursor, [(study_row, uid, *values)]
            )
            self._keys.modality(cursor, study_row, str(values[_MODALITY]))
        else:
            series_row = row[0]
            series = compare(SERIES_ATTRIBUTES, row[1:], values)
            self.record_conflicts(cursor, entry, "series", uid, series.differences)
            if series.kept != row[1:]:
                self._writing.change_series.run(cursor, *series.kept, series_row)
                self._keys.modality(cursor, study_row, str(series.kept[_MODALITY]))
        if known is None or known.row != series_row:
            known = _Known(series_row, set())
            self._series.put((study_row, uid), known)
        known.settle(values)
        return known

    def drop_empty(self, cursor: Cursor, series_row: int) -> None:
        """Remove a series that holds nothing any more, and what is empty without it."""
        parents = self._reading.parents.row(cursor, series_row)
        if parents is None:
            return
        study_row, patient_row = parents
        if self._writing.drop_empty_series.run(cursor, series_row).rowcount == 0:
            return
        self.forget()
        self._keys.recount(cursor, study_row)
        if self._writing.drop_empty_study.run(cursor, study_row).rowcount == 0:
            return
        self._keys.rename(cursor, REFERRING_PHYSICIAN, study_row, "")
        if self._writing.drop_empty_patient.run(cursor, patient_row).rowcount:
            self._keys.rename(cursor, PATIENT, patient_row, "")
