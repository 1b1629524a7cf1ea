"""Looks at matches of others again: servers leave out keys they do not know, and do not say so.

Only what plainly speaks against a match counts: servers may fold case, and leave attributes out.
"""

from collections.abc import Iterable
from typing import Final

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import (
    AnyOf,
    EmptyValue,
    ItemWith,
    Key,
    Like,
    NameSounds,
    OneOf,
    matches_attribute,
)
from hilum.dicom.name_matching import folded
from hilum.dicom.wildcards import is_like
from hilum.query.answer import OWN
from hilum.query.attributes import level_of
from hilum.query.level import Level
from hilum.query.query import Query, Wanted

# Where and how to get it from there: of no use to who asks us.
_THEIRS: Final = OWN - {tags.SPECIFIC_CHARACTER_SET}
_PATIENT_GROUP: Final = 0x0010


def may_match(query: Query, data_set: DataSet) -> bool:
    """Tell whether nothing in a match speaks against it."""
    return not any(_speaks_against(key, data_set) for key in query.keys)


def _speaks_against(key: Key, data_set: DataSet) -> bool:
    matching = key.matching
    if isinstance(matching, NameSounds) or not _is_there(key, data_set):
        return False
    if isinstance(matching, ItemWith):
        items = _items(key, data_set)
        return all(any(_speaks_against(one, item) for one in matching.keys) for item in items)
    if isinstance(matching, OneOf):
        return all(
            _speaks_against(Key(key.attribute, key.vr, one), data_set) for one in matching.choices
        )
    return not matches_attribute(key, data_set) and not _is_alike(key, data_set)


def _is_there(key: Key, data_set: DataSet) -> bool:
    """Tell whether the match has a value of what was asked."""
    matching = key.matching
    if isinstance(matching, EmptyValue):
        return True
    tag, creator = _place(key)
    return bool(data_set.items(tag, creator) or any(data_set.values(tag, creator)))


def _items(key: Key, data_set: DataSet) -> list[DataSet]:
    return data_set.items(*_place(key))


def _place(key: Key) -> tuple[int, str]:
    attribute = key.attribute
    if isinstance(attribute, PrivateAttribute):
        return attribute.group << 16 | attribute.element, attribute.creator
    return attribute, ""


def _is_alike(key: Key, data_set: DataSet) -> bool:
    """Compare texts without case and accents, as some servers do."""
    matching = key.matching
    if key.vr == "UI" or isinstance(key.attribute, PrivateAttribute):
        return False
    values = [folded(value) for value in data_set.values(key.attribute)]
    if isinstance(matching, Like):
        return any(is_like(folded(matching.pattern), value) for value in values)
    if isinstance(matching, AnyOf):
        return any(folded(value) in values for value in matching.values)
    return False


def completed(
    data_set: DataSet, within: Iterable[tuple[int, str]], wanted: Iterable[Wanted]
) -> DataSet:
    """Put in what the path said, and empty what is wanted and missing; leave out what is theirs."""
    for tag in _THEIRS:
        data_set.elements.pop(tag, None)
    for tag, uid in within:
        if not data_set.text(tag):
            data_set.elements[tag] = ("UI", uid.encode("ascii"))
    for one in wanted:
        missing = one.attribute
        if isinstance(missing, int) and missing not in data_set and missing not in OWN:
            data_set.elements[missing] = (one.vr, [] if one.vr == "SQ" else b"")
    return data_set


def patient_of(study: DataSet) -> DataSet:
    """Take what is the patient's out of a study."""
    patient = DataSet(study.charset)
    for tag, element in study.elements.items():
        is_patients = level_of(tag) == Level.PATIENT or tag >> 16 == _PATIENT_GROUP
        if (is_patients and level_of(tag) in {None, Level.PATIENT}) or tag in {
            tags.SPECIFIC_CHARACTER_SET,
            tags.TIMEZONE_OFFSET_FROM_UTC,
        }:
            patient.elements[tag] = element
    return patient
