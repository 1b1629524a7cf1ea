"""What searches find beside the columns: extra attributes, and items of requests of series.

Both are entered by an index of their own: a condition names the owners that a key means.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.dictionary import tag_of
from hilum.dicom.matching import AnyOf, EmptyValue, ItemWith, Key, Like, Matching, OneOf, Universal
from hilum.dicom.tags import ACCESSION_NUMBER
from hilum.dicom.vrs import vr_of
from hilum.ledger.extras import ExtraAttribute
from hilum.ledger.search_columns import ALIASES
from hilum.ledger.search_conditions import (
    FALSE,
    TRUE,
    UNDECIDED,
    Condition,
    either,
    is_any_of,
    is_like,
)
from hilum.query.level import Level

REQUEST_ATTRIBUTES: Final = 0x00400275
_OF_REQUESTS: Final = {
    tag_of("ScheduledProcedureStepID"): "scheduled_procedure_step_id",
    tag_of("RequestedProcedureID"): "requested_procedure_id",
    ACCESSION_NUMBER: "accession_number",
}
_REQUESTS: Final = (
    "(SELECT CASE WHEN count(*) THEN json_group_array(json_array(scheduled_procedure_step_id, "
    "requested_procedure_id, accession_number)) END FROM (SELECT * FROM series_request y "
    "WHERE y.series_row = s.id ORDER BY y.number))"
)


# Optional keys of PS3.4 §C.6.1.1 that have no column: who sends one gets it back. Sequences are not
# among them, nor what differs in every instance.
_BUILT_IN: Final = {
    Level.PATIENT: "PatientBirthTime OtherPatientIDs OtherPatientNames EthnicGroup PatientComments",
    Level.STUDY: "TimezoneOffsetFromUTC NameOfPhysiciansReadingStudy AdmittingDiagnosesDescription "
    "PatientAge PatientSize PatientWeight Occupation AdditionalPatientHistory OtherStudyNumbers",
    Level.SERIES: "Laterality PerformingPhysicianName OperatorsName",
    Level.IMAGE: "RelatedGeneralSOPClassUID ContainerIdentifier",
}


def extra_attribute(tag: int, level: Level) -> ExtraAttribute:
    """Make one with the VR of the dictionary."""
    return ExtraAttribute(tag, vr_of(tag).split(" ", maxsplit=1)[0], level)


BUILT_IN: Final = tuple(
    extra_attribute(tag, level)
    for level, keywords in _BUILT_IN.items()
    for keyword in keywords.split()
    if (tag := tag_of(keyword)) is not None
)


@dataclass(frozen=True, slots=True)
class Beside:
    """An attribute that is looked up beside the row of a search: `text` is its value there."""

    tag: int
    vr: str
    level: Level
    text: str


def beside(attributes: Iterable[ExtraAttribute]) -> dict[int, Beside]:
    """Give what can be asked for, by tag: extra attributes, those of ours, and requests."""
    found = {
        one.tag: Beside(one.tag, one.vr, one.level, _value_of(one.tag, one.level))
        for one in (*BUILT_IN, *attributes)
    }
    requests = Beside(REQUEST_ATTRIBUTES, "SQ", Level.SERIES, _REQUESTS)
    return {**found, REQUEST_ATTRIBUTES: requests}


def _value_of(tag: int, level: Level) -> str:
    return (
        "(SELECT group_concat(value, '\\') FROM (SELECT y.value FROM extra y "  # noqa: S608 -- names of ours
        f"WHERE y.tag = {tag} AND y.level = {level:d} AND y.owner_row = {ALIASES[level]}.id "
        "ORDER BY y.number))"
    )


def of_beside(one: Beside, matching: Matching) -> Condition | None:  # noqa: PLR0911 -- a case each
    """Say what a key asks of it; None: that cannot be answered."""
    if one.tag == REQUEST_ATTRIBUTES:
        return _of_requests(matching)
    match matching:
        case Universal():
            return TRUE
        case OneOf(choices):
            parts = [of_beside(one, choice) for choice in choices]
            return either([part for part in parts if part is not None])
        case EmptyValue():
            return _owners(one, TRUE, "NOT IN")
        case AnyOf(values):
            return _owners(one, is_any_of("y.value", values))
        case Like(pattern):
            return _owners(one, is_like("y.value", pattern))
        case ItemWith():
            return FALSE
        case _:
            return UNDECIDED


def is_leading(key: Key) -> bool:
    """Tell whether an index leads to what a key asks for."""
    return isinstance(key.matching, AnyOf | Like | ItemWith)


def _owners(one: Beside, inner: Condition, word: str = "IN") -> Condition:
    return Condition(
        f"{ALIASES[one.level]}.id {word} (SELECT y.owner_row FROM extra y "  # noqa: S608 -- names of ours
        f"WHERE y.tag = {one.tag} AND y.level = {one.level:d} AND {inner.text})",
        inner.parameters,
        inner.is_exact,
    )


def _of_requests(matching: Matching) -> Condition | None:
    """Say it of the items: all keys of one of them."""
    series = "(SELECT y.series_row FROM series_request y"
    if isinstance(matching, EmptyValue):
        return Condition(f"s.id NOT IN {series})")
    if not isinstance(matching, ItemWith):
        return FALSE
    parts: list[Condition] = []
    for key in matching.keys:
        column = _OF_REQUESTS.get(key.attribute) if isinstance(key.attribute, int) else None
        if column is None:
            return None
        parts.append(_of_column(f"y.{column}", key.matching))
    where = " AND ".join([part.text for part in parts]) or "1"
    return Condition(
        f"s.id IN {series} WHERE {where})",
        tuple([value for part in parts for value in part.parameters]),
        all(part.is_exact for part in parts),
    )


def _of_column(column: str, matching: Matching) -> Condition:
    match matching:
        case AnyOf(values):
            return is_any_of(column, values)
        case Like(pattern):
            return is_like(column, pattern)
        case EmptyValue():
            return Condition(f"{column} = ''")
        case OneOf(choices):
            return either([_of_column(column, choice) for choice in choices])
        case _:
            return UNDECIDED


def items_of(text: str, around: DataSet) -> list[DataSet]:
    """Make items of what `Beside.text` gives for requests."""
    items: list[DataSet] = []
    for values in json.loads(text):
        item = DataSet(around.charset)
        for tag, value in zip(_OF_REQUESTS, values, strict=True):
            if value and tag is not None:
                item.elements[tag] = ("SH", value.encode())
        items.append(item)
    return items
