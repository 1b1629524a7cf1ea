"""A question in the words of QIDO-RS (PS3.18 §8.3.4, §10.6.1): paths and parameters. Pure.

What the words have not for is asked wider, and what comes is looked at again (`checking`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Literal, assert_never

from hilum.dicom import tags
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
from hilum.dicom.wildcards import in_whole_letters
from hilum.query.answer import OWN
from hilum.query.attributes import COMPUTED, level_of
from hilum.query.level import Level
from hilum.query.query import Attribute, Query

# Of one list, so that an address stays below the 8 KiB that servers take at least.
LIST_UIDS_MAX: Final = 64
PATIENTS: Final = "/patients"
# Requests that one question becomes; beyond it is asked wider.
_ALTERNATIVES_MAX: Final = 16
_LEGAL: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~*?,:/@!$()"
)
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
_EMPTY: Final = '""'
_IDENTIFYING: Final = (
    tags.SPECIFIC_CHARACTER_SET,
    tags.TIMEZONE_OFFSET_FROM_UTC,
    tags.ISSUER_OF_PATIENT_ID,
    tags.SOP_CLASS_UID,
    *[level.unique_tag for level in Level],
)
_NOT_INCLUDED: Final = OWN | {0x00080056}

KeyStyle = Literal["tag", "keyword"]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Search:
    """One resource that is searched. `shape`: its path with the UIDs left out."""

    level: Level
    path: str
    shape: str
    within: tuple[tuple[int, str], ...]  # unique keys that the path says, by tag
    parameters: Pairs
    included: tuple[str, ...]
    useful: frozenset[str] | None  # tags that somebody looks at; None: all

    @property
    def has_escapes(self) -> bool:
        """Tell whether a value has characters that an address cannot have."""
        return any(_plain(value) != value for _, value in self.parameters)

    def without_escapes(self) -> "Search":
        """Ask wider, with wild cards for what would be escaped."""
        return replace(
            self, parameters=tuple((name, _plain(value)) for name, value in self.parameters)
        )

    def address(self, include: str, *, limit: int, offset: int) -> str:
        """Write path and parameters of a page."""
        fields: tuple[str, ...] = ()
        if include == "all":
            fields = ("all",)
        elif include == "wanted":
            fields = self.included
        pairs = [
            *self.parameters,
            *(("includefield", one) for one in fields),
            ("limit", str(limit)),
            *([("offset", str(offset))] if offset else []),
        ]
        return self.path + "?" + "&".join([f"{name}={_escaped(value)}" for name, value in pairs])


def _escaped(text: str) -> str:
    """Escape no more than is needed: wild cards and commas may stand in a query (RFC 3986 §3.4)."""
    return "".join(
        [chr(byte) if byte in _LEGAL else f"%{byte:02X}" for byte in text.encode("utf-8")]
    )


def _plain(text: str) -> str:
    """Put wild cards for what is escaped; not for two quotes, which are a word of their own."""
    if text == _EMPTY:
        return text
    one = "".join([char if ord(char) > 0x7F or ord(char) in _LEGAL else "?" for char in text])
    return _FOREIGN.sub("*", one)


def cannot_say(query: Query) -> tuple[Attribute, ...]:
    """Give the attributes of keys that no parameter can ask for: private ones."""
    return tuple(key.attribute for key in query.keys if isinstance(key.attribute, PrivateAttribute))


def has_list(query: Query) -> bool:
    """Tell whether a question has a list of UIDs."""
    return any(
        key.vr == "UI" and isinstance(key.matching, AnyOf) and len(key.matching.values) > 1
        for key in query.keys
    )


def alternatives(query: Query, *, lists: bool) -> Iterator[Query]:
    """Split a question into some whose answers together are its answer.

    Several values are for UIDs alone, and short lists; without `lists`, not even these.
    """
    choices = [_choices(key, lists=lists) for key in query.keys]
    count = 1
    for one in choices:
        count *= len(one)
    # UIDs have no wider question: as many requests as it takes. Others are asked wider.
    if count > _ALTERNATIVES_MAX:
        choices = [
            found if key.vr == "UI" else [key]
            for key, found in zip(query.keys, choices, strict=True)
        ]
    for keys in product(*choices):
        yield replace(query, keys=keys)


def _choices(key: Key, *, lists: bool) -> list[Key]:
    matching = key.matching
    if isinstance(matching, AnyOf):
        size = LIST_UIDS_MAX if lists and key.vr == "UI" else 1
        values = matching.values
        parts = [values[at : at + size] for at in range(0, len(values), size)]
        return [replace(key, matching=AnyOf(part)) for part in parts] or [key]
    if isinstance(matching, OneOf):
        return [replace(key, matching=one) for one in matching.choices] or [key]
    return [key]


def search_of(query: Query, style: KeyStyle, *, patients: bool = False) -> Search:
    """Write one question; `patients`: search the resource of patients, which few servers have."""
    level = query.level
    path, shape, within = _resource(query, patients=patients)
    said = {tag for tag, _ in within}
    parameters: list[tuple[str, str]] = []
    for key in query.keys:
        if key.attribute not in said:
            parameters += _pairs(key, style, "")
    if query.fuzzy_names and any(key.vr == "PN" for key in query.keys):
        parameters.append(("fuzzymatching", "true"))
    return Search(
        level, path, shape, within, tuple(parameters), _included(query, style), _useful(query)
    )


def _resource(query: Query, *, patients: bool) -> tuple[str, str, tuple[tuple[int, str], ...]]:
    """Find the narrowest path that has all the UIDs above the level that are known."""
    if query.level == Level.PATIENT and patients:
        return PATIENTS, PATIENTS, ()
    if query.level <= Level.STUDY:
        return "/studies", "/studies", ()
    name = "series" if query.level == Level.SERIES else "instances"
    studies, series = query.uids(Level.STUDY), query.uids(Level.SERIES)
    if len(studies) != 1:
        return f"/{name}", f"/{name}", ()
    within = [(Level.STUDY.unique_tag, studies[0])]
    path, shape = f"/studies/{studies[0]}", "/studies/{}"
    if query.level == Level.IMAGE and len(series) == 1:
        within.append((Level.SERIES.unique_tag, series[0]))
        path, shape = f"{path}/series/{series[0]}", f"{shape}/series/{{}}"
    return f"{path}/{name}", f"{shape}/{name}", tuple(within)


def _included(query: Query, style: KeyStyle) -> tuple[str, ...]:
    """Give what `includefield` names: all that is wanted, and all that is looked at again."""
    if query.everything:
        return ("all",)
    return tuple(
        dict.fromkeys(
            _name(tag, style)
            for tag in _attributes(query)
            if tag not in _NOT_INCLUDED and not tag & 0x10000
        )
    )


def _useful(query: Query) -> frozenset[str] | None:
    """Give what of a match is wanted, looked at again, or says what it is."""
    about = [*[one.attribute for one in query.wanted], *[key.attribute for key in query.keys]]
    if query.everything or any(isinstance(one, PrivateAttribute) for one in about):
        return None
    return frozenset(f"{tag:08X}" for tag in (*_attributes(query), *_IDENTIFYING))


def _attributes(query: Query) -> Iterator[int]:
    """Give what is wanted, and what keys are about; private ones have no name to ask by."""
    for wanted in query.wanted:
        if isinstance(wanted.attribute, int):
            yield wanted.attribute
    for key in query.keys:
        if isinstance(key.attribute, int):
            yield key.attribute
        if isinstance(key.matching, BetweenMoments):
            yield key.matching.time_tag


def _pairs(key: Key, style: KeyStyle, prefix: str) -> Iterable[tuple[str, str]]:
    """Write a key; a sequence as the paths into it."""
    if isinstance(key.attribute, PrivateAttribute):
        return
    name = prefix + _name(key.attribute, style)
    if isinstance(key.matching, ItemWith):
        for inner in key.matching.keys:
            yield from _pairs(inner, style, f"{name}.")
        return
    text = in_whole_letters(key.vr, _text(key))
    if text:
        yield name, text


def _name(tag: int, style: KeyStyle) -> str:
    known = entry(tag) if style == "keyword" else None
    return (known.keyword if known else "") or f"{tag:08X}"


def _text(key: Key) -> str:  # noqa: PLR0911 -- a case each
    """Write what is asked of a value; "" where there are no words for it."""
    matching: Matching = key.matching
    match matching:
        case EmptyValue():
            return _EMPTY
        case AnyOf(values):
            return ",".join(values) if key.vr == "UI" or len(values) == 1 else ""
        case NumberIs(value):
            return str(int(value)) if value == int(value) else repr(value)
        case Like(pattern):
            return pattern
        case NameIs():
            return matching.text
        case NameSounds(text):
            return text
        case Between(_, first, last):
            return _range(first, last)
        case BetweenMoments(_, first, last):
            # Some servers match date and time each by itself: the day is asked for, no more.
            return _range(first[:8], last[:8])
        case Universal() | ItemWith() | OneOf():
            return ""
        case _:
            assert_never(matching)


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def asks_above(query: Query) -> bool:
    """Tell whether a key is about what is counted or collected of studies, from below them."""
    return any(_is_computed_above(key.attribute, query.level) for key in query.keys)


def asks_computed(query: Query) -> bool:
    """Tell whether a key is about what is counted or collected, so that UIDs are no answer."""
    return any(key.attribute in COMPUTED for key in query.keys)


def without_above(query: Query) -> Query:
    """Leave such keys out: what is found above answers them."""
    kept = [key for key in query.keys if not _is_computed_above(key.attribute, query.level)]
    return replace(query, keys=tuple(kept))


def _is_computed_above(attribute: Attribute, level: Level) -> bool:
    own = level_of(attribute) if isinstance(attribute, int) else None
    return attribute in COMPUTED and own == Level.STUDY and level > Level.STUDY


def studies_above(query: Query) -> Query:
    """Ask for the studies that matches of a question are in."""
    return _above(query, Level.STUDY)


def series_above(query: Query) -> Query:
    """Ask for the series that matches of a question are in."""
    return _above(query, Level.SERIES)


def _above(query: Query, level: Level) -> Query:
    kept = [key for key in query.keys if _is_at_most(key.attribute, level)]
    return Query(
        level=level,
        keys=tuple(kept),
        relational=True,
        fuzzy_names=query.fuzzy_names,
        charset=query.charset,
        via=query.via,
    )


def _is_at_most(attribute: Attribute, level: Level) -> bool:
    own = level_of(attribute) if isinstance(attribute, int) else None
    return own is not None and own <= level


def narrowed_to(query: Query, level: Level, uid: str) -> Query:
    """Ask a question within one study or series."""
    tag = level.unique_tag
    others = [key for key in query.keys if key.attribute != tag]
    return replace(query, keys=(Key(tag, "UI", AnyOf((uid,))), *others))
