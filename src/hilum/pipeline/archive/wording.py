"""What was asked for, in words for audit records: the only place that may name a patient."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never

from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.dictionary import entry
from hilum.dicom.matching import (
    AnyOf,
    Between,
    BetweenMoments,
    EmptyValue,
    ItemWith,
    Key,
    Like,
    Matching,
    NameIs,
    NameSounds,
    NumberIs,
    OneOf,
    Universal,
)
from hilum.ledger.entry import AuditRecord, Origin
from hilum.pipeline.archive.ports import Named
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

QUERY: Final = "query"
SUCCESS: Final = "success"
NOTHING_HELD: Final = "nothing held"

# Records stay for good: a list of ten thousand UIDs is told by its beginning.
DETAIL_CHARACTERS_MAX: Final = 2000
_VALUES_TOLD: Final = 20


def of_query(query: Query, asker: Origin) -> AuditRecord:
    """Tell of a search: its level and its keys, the study and patient if it names just one."""
    studies = query.uids(Level.STUDY)
    keys = "; ".join([_key(key) for key in query.keys])
    return AuditRecord(
        QUERY,
        SUCCESS,
        asker,
        study_instance_uid=_only(studies),
        sop_instance_uid=_only(query.uids(Level.IMAGE)),
        patient_id=_only(query.uids(Level.PATIENT)),
        detail=_short(f"{query.level.name}: {keys or 'all'}"),
    )


def of_holdings(
    holdings: Sequence[Named],
    patient_ids: Mapping[str, str],
    retrieval: Retrieval,
    *,
    asker: Origin,
    event: str,
) -> list[AuditRecord]:
    """Tell of instances that are given out: a record for each study; of none, what was asked."""
    if not holdings:
        return [_of_nothing(retrieval, asker, event)]
    studies: dict[str, list[Named]] = {}
    for holding in holdings:
        studies.setdefault(holding.study_instance_uid, []).append(holding)
    return [
        AuditRecord(
            event,
            SUCCESS,
            asker,
            study_instance_uid=study,
            sop_instance_uid=_only([one.sop_instance_uid for one in held]),
            patient_id=patient_ids.get(study, ""),
            detail=f"{retrieval.level.name}: {len(held)} instances",
        )
        for study, held in studies.items()
    ]


def of_count(
    count: int,
    patient_ids: Mapping[str, str],
    retrieval: Retrieval,
    *,
    asker: Origin,
    event: str,
) -> list[AuditRecord]:
    """Tell of instances that are given out before they are listed: a record for each study."""
    studies = retrieval.keys[Level.STUDY]
    among = "among " if len(studies) > 1 else ""
    detail = f"{retrieval.level.name}: {among}{count} instances"
    return [
        AuditRecord(
            event,
            SUCCESS,
            asker,
            study_instance_uid=study,
            patient_id=patient_ids.get(study, ""),
            detail=detail,
        )
        for study in studies
    ]


def _of_nothing(retrieval: Retrieval, asker: Origin, event: str) -> AuditRecord:
    keys = retrieval.keys
    asked = "; ".join(
        [f"{_name(level.unique_tag)}={_list(values)}" for level, values in sorted(keys.items())]
    )
    return AuditRecord(
        event,
        NOTHING_HELD,
        asker,
        study_instance_uid=_only(keys.get(Level.STUDY, ())),
        sop_instance_uid=_only(keys.get(Level.IMAGE, ())),
        patient_id=_only(keys.get(Level.PATIENT, ())),
        detail=_short(f"{retrieval.level.name}: {asked}"),
    )


def _key(key: Key) -> str:
    if isinstance(key.matching, ItemWith):
        return f"{_name(key.attribute)}({'; '.join(map(_key, key.matching.keys))})"
    return f"{_name(key.attribute)}={_asked(key.matching)}"


def _asked(matching: Matching) -> str:  # noqa: PLR0911 -- a case each
    match matching:
        case Universal() | ItemWith():
            return "*"
        case EmptyValue():
            return '""'
        case AnyOf(values):
            return _list(values)
        case NumberIs(number):
            return f"{number:g}"
        case Like(pattern):
            return pattern
        case NameIs(groups):
            return "=".join(groups).rstrip("=")
        case NameSounds(key):
            return f"~{key}"
        case Between(first=first, last=last) | BetweenMoments(first=first, last=last):
            return first if first == last else f"{first}-{last}"
        case OneOf(choices):
            return _list([_asked(one) for one in choices[: _VALUES_TOLD + 1]])
        case _:
            assert_never(matching)


def _list(values: Sequence[str]) -> str:
    told = "\\".join(values[:_VALUES_TOLD])
    return told if len(values) <= _VALUES_TOLD else f"{told}\\… of {len(values)}"


def _name(attribute: int | PrivateAttribute) -> str:
    if isinstance(attribute, PrivateAttribute):
        return f'({attribute.group:04X},"{attribute.creator}",{attribute.element:02X})'
    found = entry(attribute)
    return found.keyword if found and found.keyword else f"{attribute:08X}"


def _only(values: Iterable[str]) -> str:
    found = list(values)
    return found[0] if len(found) == 1 else ""


def _short(text: str) -> str:
    return text if len(text) <= DETAIL_CHARACTERS_MAX else text[: DETAIL_CHARACTERS_MAX - 1] + "…"
