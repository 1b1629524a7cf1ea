"""The identifier of a C-FIND as a question (PS3.4 §C.4.1.1).

Strict where a wrong answer would follow: a level that the model has not, a unique key above the
level that is missing. Lenient where clients are known to ask for more than there is.
"""

from dataclasses import dataclass
from typing import Final

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.dataset import DataSet, Element
from hilum.dicom.match_keys import BadKey, KeyRules, matching_of
from hilum.dicom.matching import ItemWith, Key, Matching, Universal
from hilum.dicom.moments import offset_minutes_of
from hilum.query.attributes import level_of
from hilum.query.level import Level, Model
from hilum.query.query import Attribute, Query, Wanted, combined
from hilum.query.via import is_via

QUERY_RETRIEVE_LEVEL: Final = 0x00080052
# PS3.7 §C: the only failure that says "your identifier", and the one of an unknown model.
IDENTIFIER_DOES_NOT_MATCH: Final = 0xA900
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122

# About the identifier itself or added by whoever answers: never keys (PS3.4 §C.4.1.1.3).
_NO_KEYS: Final = frozenset(
    (
        tags.SPECIFIC_CHARACTER_SET,
        tags.TIMEZONE_OFFSET_FROM_UTC,
        QUERY_RETRIEVE_LEVEL,
        0x00080053,  # Query/Retrieve View
        0x00080054,  # Retrieve AE Title
        0x00080056,  # Instance Availability
        0x00880130,  # Storage Media File-Set ID
        0x00880140,  # Storage Media File-Set UID
    )
)
_MODALITIES_IN_STUDY: Final = 0x00080061


class BadIdentifier(ValueError):
    """The identifier is no question: answer `status` with the offending attribute.

    The message fits into an Error Comment and never has a value.
    """

    def __init__(self, tag: int, reason: str, status: int = IDENTIFIER_DOES_NOT_MATCH) -> None:
        super().__init__(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {reason}")
        self.tag = tag
        self.status = status


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What both sides agreed on for C-FIND (PS3.4 §C.5.1.1)."""

    relational: bool = False
    combined_moments: bool = False
    fuzzy_names: bool = False
    timezone: bool = False


NOTHING_NEGOTIATED: Final = Negotiated()


def query_of_identifier(
    identifier: DataSet, model: Model, negotiated: Negotiated = NOTHING_NEGOTIATED
) -> Query:
    """Read an identifier.

    Raises:
        BadIdentifier: it has no level, one that the model has not, no unique key above the level,
            or a key without meaning.
    """
    level = level_of_identifier(identifier, model)
    rules = KeyRules(fuzzy_names=negotiated.fuzzy_names)
    found = _Found()
    for tag, element in identifier.sorted():
        if _may_be_key(identifier, tag):
            found.take(identifier, tag, element, level, rules)
    keys = tuple(key for key in found.keys if key.is_asking)
    if not negotiated.relational:
        _check_hierarchy(keys, level, model)
    if negotiated.combined_moments:
        offset = identifier.text(tags.TIMEZONE_OFFSET_FROM_UTC) if negotiated.timezone else ""
        keys = combined(keys, offset_minutes_of(offset))
    return Query(
        level=level,
        keys=keys,
        wanted=tuple(found.wanted),
        relational=negotiated.relational,
        fuzzy_names=negotiated.fuzzy_names,
        charset=identifier.text(tags.SPECIFIC_CHARACTER_SET),
        unsupported=tuple(found.unsupported),
    )


def _may_be_key(identifier: DataSet, tag: int) -> bool:
    is_creator = bool(tag & 0x10000) and 0x10 <= tag & 0xFFFF <= 0xFF
    is_about_it = tag in _NO_KEYS or not tag & 0xFFFF or is_creator
    return not (is_about_it or is_via(identifier, tag))


def level_of_identifier(identifier: DataSet, model: Model) -> Level:
    """Read Query/Retrieve Level, of a query or a retrieval.

    Raises:
        BadIdentifier: there is none, or the model has not this one.
    """
    text = identifier.text(QUERY_RETRIEVE_LEVEL).upper()
    names = {level.name: level for level in model.levels}
    if text in names:
        return names[text]
    if not text:
        raise BadIdentifier(QUERY_RETRIEVE_LEVEL, "Query/Retrieve Level is missing")
    reason = "level is not one of " + ", ".join(names)
    raise BadIdentifier(QUERY_RETRIEVE_LEVEL, reason)


class _Found:
    """What an identifier asks for, as it is read."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.wanted: list[Wanted] = []
        self.unsupported: list[Attribute] = []

    def take(
        self, identifier: DataSet, tag: int, element: Element, level: Level, rules: KeyRules
    ) -> None:
        """Take one attribute as a key and as something to be told."""
        creator = identifier.creator_of(tag)
        attribute = PrivateAttribute(tag >> 16, creator, tag & 0xFF) if creator else tag
        key, wanted = _read(identifier, tag, attribute, element, rules)
        self.wanted.append(wanted)
        lowest = level_of(tag)
        if lowest is None or lowest <= level:
            self.keys.append(key)
        elif tag == tags.MODALITY and level == Level.STUDY:
            # Asked by who means Modalities in Study; the answer has that one as well.
            self.keys.append(Key(_MODALITIES_IN_STUDY, "CS", key.matching))
            self.wanted.append(Wanted(_MODALITIES_IN_STUDY, "CS"))
            self.unsupported.append(tag)
        else:
            self.unsupported.append(attribute)


def _read(
    data_set: DataSet, tag: int, attribute: Attribute, element: Element, rules: KeyRules
) -> tuple[Key, Wanted]:
    """Read an attribute of an identifier, or of an item in it."""
    vr, value = element
    if isinstance(value, list):
        matching, items = _sequence(tag, value, rules)
        return Key(attribute, vr, matching), Wanted(attribute, vr, items)
    try:
        matching = matching_of(vr, "\\".join(data_set.texts_of(element)), rules)
    except BadKey as error:
        raise BadIdentifier(tag, str(error)) from error
    return Key(attribute, vr, matching), Wanted(attribute, vr)


def _sequence(
    tag: int, items: list[DataSet], rules: KeyRules
) -> tuple[Matching, tuple[Wanted, ...]]:
    """Read what is asked of the items of a sequence (PS3.4 §C.2.2.2.6)."""
    if len(items) > 1:
        raise BadIdentifier(tag, "a sequence in an identifier has one item (PS3.4 §C.2.2.2.6)")
    if not items:
        return Universal(), ()
    item = items[0]
    pairs = [
        _read(item, inner, inner, element, rules)
        for inner, element in item.sorted()
        if inner not in _NO_KEYS and inner & 0xFFFF
    ]
    asking = tuple(key for key, _ in pairs if key.is_asking)
    return ItemWith(asking) if asking else Universal(), tuple(wanted for _, wanted in pairs)


def _check_hierarchy(keys: tuple[Key, ...], level: Level, model: Model) -> None:
    """Require one value of every unique key above the level (PS3.4 §C.4.1.2.1)."""
    by_attribute = {key.attribute: key for key in keys}
    for above in model.levels:
        if above >= level:
            return
        key = by_attribute.get(above.unique_tag)
        values = getattr(key.matching, "values", ()) if key else ()
        if len(values) != 1:
            reason = f"is needed with one value for a query at the {level.name} level"
            raise BadIdentifier(above.unique_tag, reason)
