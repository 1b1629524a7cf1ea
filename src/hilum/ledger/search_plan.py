"""Where a search begins and in which order it goes on: decided by the question alone.

The same question has the same plan at all times, so that its pages fit together; the plan begins
where an index leads to few rows, and its order is the one of that index, so that the first answers
cost the same however many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom import tags
from hilum.dicom.matching import AnyOf, Between, BetweenMoments, Like, Matching, NameIs, NameSounds
from hilum.ledger.search_columns import MODALITIES_IN_STUDY, STORED
from hilum.ledger.search_conditions import (
    UNDECIDED,
    Condition,
    asked_groups,
    is_text,
    of_stored,
    prefix_of,
)
from hilum.ledger.search_extras import Beside, is_leading
from hilum.ledger.search_names import PATIENT
from hilum.query.level import Level
from hilum.query.query import Query

# CROSS JOIN: SQLite keeps to the order as it is written.
_DOWN: Final = {
    Level.STUDY: "CROSS JOIN study t ON t.patient_row = p.id",
    Level.SERIES: "CROSS JOIN series s ON s.study_row = t.id",
    Level.IMAGE: "CROSS JOIN instance i ON i.series_row = s.id",
}
_UP: Final = {
    Level.PATIENT: "CROSS JOIN patient p ON p.id = t.patient_row",
    Level.STUDY: "CROSS JOIN study t ON t.id = s.study_row",
    Level.SERIES: "CROSS JOIN series s ON s.id = i.series_row",
}
_ROWS: Final = {
    Level.PATIENT: "p.id",
    Level.STUDY: "t.id",
    Level.SERIES: "s.id",
    Level.IMAGE: "i.id",
}
_TABLES: Final = {
    Level.PATIENT: "patient p",
    Level.STUDY: "study t",
    Level.SERIES: "series s",
    Level.IMAGE: "instance i",
}
# In which order an index gives what is below one row: of a study's series, that of their UIDs.
_BELOW: Final = {**_ROWS, Level.SERIES: "s.series_instance_uid"}
_PATIENT_ORDER: Final = ("p.patient_id", "p.issuer_of_patient_id", "p.unidentified_in_study_uid")


@dataclass(frozen=True, slots=True)
class Plan:
    """FROM and ORDER BY of a search, with the conditions that its beginning needs.

    `order` tells every match from every other; the first of it begins with an index. `falling`: it
    goes from the last to the first.
    """

    tables: str
    order: tuple[str, ...]
    falling: bool = False
    begins: tuple[Condition, ...] = ()


def plan_of(query: Query, extra: Mapping[int, Beside]) -> Plan:
    """Choose the beginning that leads to the fewest rows; `extra`: what is beside the columns."""
    for level in (Level.IMAGE, Level.SERIES, Level.STUDY):
        if level <= query.level and query.uids(level):
            return _from(level, query.level, STORED[level.unique_tag].name)
    for begin in (_by_number, _by_name, _by_sound):
        plan = begin(query)
        if plan is not None:
            return plan
    for key in query.keys:
        one = extra.get(key.attribute) if isinstance(key.attribute, int) else None
        if one is not None and is_leading(key):
            # The condition of the key names the rows.
            return _from(one.level, query.level, _ROWS[one.level])
    for begin in (_by_modality, _by_birth_day):
        plan = begin(query)
        if plan is not None:
            return plan
    if query.level == Level.PATIENT:
        return _from(Level.PATIENT, query.level, "p.id")
    return _by_day(query)


def _matching(query: Query, tag: int) -> Matching | None:
    key = query.key(tag)
    return key.matching if key else None


def _leads(matching: Matching | None) -> bool:
    """Tell whether a key leads an index somewhere."""
    return isinstance(matching, AnyOf) or (
        isinstance(matching, Like) and bool(prefix_of(matching.pattern))
    )


def _by_number(query: Query) -> Plan | None:
    """Begin at accession number, patient's number or study's, exact before patterns."""
    numbers = (
        (tags.ACCESSION_NUMBER, Level.STUDY, ("t.accession_number",)),
        (tags.PATIENT_ID, Level.PATIENT, _PATIENT_ORDER),
        (tags.STUDY_ID, Level.STUDY, ("t.study_id",)),
    )
    fitting = [
        (isinstance(matching, Like), level, order)
        for tag, level, order in numbers
        if level <= query.level and _leads(matching := _matching(query, tag))
    ]
    # Of the same kind, the first: min() is stable.
    best = min(fitting, key=lambda one: one[0], default=None)
    return None if best is None else _from(best[1], query.level, *best[2])


def _by_name(query: Query) -> Plan | None:
    """Begin at the name of the patient, in the alphabet's order."""
    matching = _matching(query, tags.PATIENT_NAME)
    if not isinstance(matching, NameIs):
        return None
    number, group = next(
        ((number, group) for number, group in asked_groups(matching) if prefix_of(group)),
        asked_groups(matching)[0],
    )
    inner = is_text("n.text", group)
    if inner == UNDECIDED:
        return None
    begins = [Condition(f"n.kind = {PATIENT.group}"), inner]
    if matching.any_group:
        begins.append(_not_before(group))
    else:
        begins.append(Condition(f"n.number = {number}"))
    below = _below(Level.PATIENT, query.level)
    tables = f"name_key n CROSS JOIN patient p ON p.id = n.owner_row{below}"
    order = ("n.text", "n.owner_row", "n.number", *_rows(Level.PATIENT, query.level))
    return Plan(tables, order, begins=tuple(begins))


def _not_before(group: str) -> Condition:
    """Leave out a name whose other group came before: nobody shall be found twice.

    Not as (text, number) < (text, number): SQLite then walks all names that begin so, each time.
    """
    other = is_text("o.text", group)
    return Condition(
        "NOT EXISTS (SELECT 1 FROM name_key o WHERE o.owner_row = n.owner_row AND o.kind = n.kind "  # noqa: S608 -- names of ours
        f"AND (o.text < n.text OR (o.text = n.text AND o.number < n.number)) AND {other.text})",
        other.parameters,
    )


def _by_sound(query: Query) -> Plan | None:
    """Begin at the words of a fuzzy name: the condition of the key leads there."""
    if not isinstance(_matching(query, tags.PATIENT_NAME), NameSounds):
        return None
    return _from(Level.PATIENT, query.level, "p.id")


def _by_modality(query: Query) -> Plan | None:
    """Begin at the studies of one modality, the last day first."""
    matching = _matching(query, MODALITIES_IN_STUDY) or _matching(query, tags.MODALITY)
    if not (isinstance(matching, AnyOf) and len(matching.values) == 1):
        return None
    begins = [Condition("m.modality = ?", matching.values), *_days(query, "m.study_day")]
    tables = (
        "study_modality m CROSS JOIN study t ON t.id = m.study_row "
        f"{_UP[Level.PATIENT]}{_below(Level.STUDY, query.level)}"
    )
    order = ("m.study_day", "m.study_row", *_rows(Level.STUDY, query.level))
    return Plan(tables, order, falling=True, begins=tuple(begins))


def _by_birth_day(query: Query) -> Plan | None:
    """Begin at the patients born on a day, unless days of studies were asked for."""
    has_days = bool(_days(query, "t.study_day")) and query.level > Level.PATIENT
    if has_days or not isinstance(_matching(query, tags.PATIENT_BIRTH_DATE), Between):
        return None
    return _from(Level.PATIENT, query.level, "p.birth_day", "p.id")


def _by_day(query: Query) -> Plan:
    """Begin at the last day, of those that were asked for."""
    plan = _from(Level.STUDY, query.level, "t.study_day", "t.id")
    return Plan(plan.tables, plan.order, falling=True)


def _days(query: Query, column: str) -> list[Condition]:
    """Bound a column of days by what is asked of Study Date."""
    matching = _matching(query, tags.STUDY_DATE)
    if not isinstance(matching, Between | BetweenMoments):
        return []
    stored = STORED[tags.STUDY_DATE]
    days = of_stored(stored, matching)
    return [Condition(days.text.replace(stored.day, column), days.parameters)]


def _from(first: Level, last: Level, *order: str) -> Plan:
    """Begin in the table of a level, go up to the patient and down to what is asked for."""
    up = "".join(f" {_UP[level]}" for level in reversed(Level) if level < first)
    own = () if order[-1] == _ROWS[first] else (_ROWS[first],)
    if order == _PATIENT_ORDER:
        own = ()  # they are unique
    below = _rows(first, last)
    return Plan(f"{_TABLES[first]}{up}{_below(first, last)}", (*order, *own, *below))


def _below(first: Level, last: Level) -> str:
    return "".join(f" {_DOWN[level]}" for level in Level if first < level <= last)


def _rows(first: Level, last: Level) -> tuple[str, ...]:
    return tuple(_BELOW[level] for level in Level if first < level <= last)
