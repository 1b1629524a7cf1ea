"""The parameters of a search (QIDO-RS) as a question (PS3.18 §8.3.4, §10.6).

What cannot be understood is refused by its name; what is not known here is left out with a warning,
as the standard has it, so that a client sees why it got more than it asked for.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hilum.dicom import tags
from hilum.dicom.attribute_path import (
    AttributePath,
    NoSuchAttribute,
    PrivateAttribute,
    Step,
)
from hilum.dicom.match_keys import BadKey, KeyRules, matching_of
from hilum.dicom.matching import AnyOf, ItemWith, Key, Matching
from hilum.dicom.vrs import vr_of
from hilum.query.attributes import DEFAULTS, level_of
from hilum.query.level import Level
from hilum.query.query import Attribute, Query, Wanted, combined

PARAMETERS_MAX: Final = 200  # attributes and options of one search; a page of a viewer has twenty
VALUE_CHARACTERS_MAX: Final = 64 << 10  # a thousand UIDs; servers of HTTP stop long before
NUMBER_DIGITS_MAX: Final = 9
_MODALITIES_IN_STUDY: Final = 0x00080061
_PRIVATE_VR: Final = "LO"  # whatever it is: values are compared as texts
# Options, and what other services of a server take: none of them is an attribute.
_OPTIONS: Final = frozenset(
    (
        "includefield", "fuzzymatching", "limit", "offset", "emptyvaluematching",
        "multiplevaluematching",
    )
)  # fmt: skip
_COMMAS: Final = re.compile(r",(?![^(]*\))")  # not those in (gggg,"creator",ee)
_NOT_OURS: Final = frozenset(("accept", "charset"))


class BadParameter(ValueError):
    """A parameter has no meaning. The message names it, and never has its value."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Search:
    """A question, and what to tell the client about it (PS3.18 §10.6.3.2)."""

    query: Query
    warnings: tuple[str, ...] = ()


def query_of_parameters(
    level: Level,
    parameters: Iterable[tuple[str, str]],
    *,
    resource: Mapping[Level, str],
    limit_max: int,
) -> Search:
    """Read the parameters of a search at a level; `resource` has the UIDs that its path names.

    Names and values come decoded. A limit above `limit_max`, or none, becomes `limit_max`.

    Raises:
        BadParameter: a value has no meaning, or a parameter is there twice.
    """
    reading = _Reading(level)
    pairs = list(parameters)
    if len(pairs) > PARAMETERS_MAX:
        raise BadParameter(pairs[PARAMETERS_MAX][0][:64], f"there are more than {PARAMETERS_MAX}")
    for name, value in pairs:
        reading.take(name, value)
    return reading.search(resource, limit_max)


@dataclass(slots=True)
class _Branch:
    """Keys below one sequence: they ask for one item that answers all of them."""

    texts: dict[Attribute, tuple[str, str]] = field(default_factory=dict)  # name, value
    sequences: "dict[Attribute, _Branch]" = field(default_factory=dict)


class _Reading:
    """The parameters of one search, as they are read."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._options: dict[str, str] = {}
        self._root = _Branch()
        self._included: list[AttributePath] = []
        self._everything = False
        self._creators: dict[int, str] = {}
        self._warnings: list[str] = []

    def take(self, name: str, value: str) -> None:
        """Take one parameter."""
        option = name.lower()
        if len(value) > VALUE_CHARACTERS_MAX:
            raise BadParameter(name[:64], f"it has more than {VALUE_CHARACTERS_MAX} characters")
        if option == "includefield":
            for part in _COMMAS.split(value):
                self._include(part.strip())
        elif option in _OPTIONS:
            if option in self._options:
                raise BadParameter(option, "it is there twice")
            self._options[option] = value.strip()
        elif option not in _NOT_OURS:
            self._attribute(name, value)

    def _include(self, text: str) -> None:
        if text.lower() == "all":
            self._everything = True
        elif text:
            try:
                self._included.append(AttributePath.parse(text))
            except NoSuchAttribute:
                self._warn(f"includefield: {_printable(text)} is not an attribute")

    def _attribute(self, name: str, value: str) -> None:
        try:
            path = AttributePath.parse(name)
        except NoSuchAttribute:
            self._warn(f"the parameter {_printable(name)} is not known and was ignored")
            return
        last = path.steps[-1]
        if len(path.steps) == 1 and isinstance(last, int) and _is_creator(last):
            self._creators[last] = value.strip()
            return
        branch = self._root
        for step in path.steps[:-1]:
            branch = branch.sequences.setdefault(step, _Branch())
        if last in branch.texts:
            raise BadParameter(name, "it is there twice (PS3.18 §8.3.4.1)")
        branch.texts[last] = (name, value)

    def search(self, resource: Mapping[Level, str], limit_max: int) -> Search:
        """Put the question together."""
        rules = KeyRules(
            fuzzy_names=self._flag("fuzzymatching", default=False),
            empty_value=self._flag("emptyvaluematching", default=True),
            multiple_values=self._flag("multiplevaluematching", default=True),
        )
        keys: list[Key] = []
        for key in self._keys(self._root, rules):
            keys += self._fitting(key)
        for level, uid in resource.items():
            keys = _within(keys, Key(level.unique_tag, "UI", AnyOf((uid,))))
        query = Query(
            level=self._level,
            keys=combined([key for key in keys if key.is_asking], None),
            wanted=tuple(self._wanted(resource)),
            everything=self._everything,
            relational=True,
            fuzzy_names=rules.fuzzy_names,
            limit=min(self._number("limit", limit_max), limit_max),
            offset=self._number("offset", 0),
            charset="ISO_IR 192",
        )
        return Search(query, tuple(self._warnings))

    def _fitting(self, key: Key) -> list[Key]:
        """Keep a key that the level has; of others, say that they were ignored."""
        attribute = key.attribute
        lowest = level_of(attribute) if isinstance(attribute, int) else None
        if lowest is None or lowest <= self._level:
            return [key]
        if attribute == tags.MODALITY:
            # Asked by who means Modalities in Study.
            return [Key(_MODALITIES_IN_STUDY, "CS", key.matching)]
        self._warn(f"{_name(attribute)} is not known at this level and was ignored")
        return []

    def _keys(self, branch: _Branch, rules: KeyRules) -> Iterable[Key]:
        for attribute, (name, value) in branch.texts.items():
            known = self._with_creator(attribute, name)
            if known is not None:
                yield _key(known, name, value, rules)
        for attribute, below in branch.sequences.items():
            known = self._with_creator(attribute, _name(attribute))
            asking = tuple(key for key in self._keys(below, rules) if key.is_asking)
            if known is not None and asking:
                yield Key(known, "SQ", ItemWith(asking))

    def _with_creator(self, attribute: Attribute, name: str) -> Attribute | None:
        """Find the creator of a private tag; without one it means nothing (PS3.18 §8.3.4.1)."""
        if not isinstance(attribute, int) or not attribute & 0x10000:
            return attribute
        creator = self._creators.get(attribute & 0xFFFF0000 | (attribute >> 8 & 0xFF))
        if creator:
            return PrivateAttribute(attribute >> 16, creator, attribute & 0xFF)
        self._warn(f"{_printable(name)} needs its private creator as a parameter and was ignored")
        return None

    def _wanted(self, resource: Mapping[Level, str]) -> Iterable[Wanted]:
        """Give what the level answers by itself, what the levels above do, and what was asked."""
        seen: set[Attribute] = set()
        levels = [level for level in Level if level <= self._level and level not in resource]
        for level in levels if self._level > Level.PATIENT else [Level.PATIENT]:
            for tag in DEFAULTS[level]:
                if tag not in seen:
                    seen.add(tag)
                    yield Wanted(tag, _vr(tag))
        for attribute in (*self._root.texts, *self._root.sequences):
            if attribute not in seen and not (isinstance(attribute, int) and attribute & 0x10000):
                seen.add(attribute)
                yield Wanted(attribute, _vr(attribute))
        for path in self._included:
            yield _nested(path.steps)

    def _flag(self, option: str, *, default: bool) -> bool:
        text = self._options.get(option, "").lower()
        if text not in {"", "true", "false"}:
            raise BadParameter(option, "expected true or false")
        return text == "true" if text else default

    def _number(self, option: str, default: int) -> int:
        text = self._options.get(option, "")
        if not text:
            return default
        if not (text.isascii() and text.isdecimal()) or len(text) > NUMBER_DIGITS_MAX:
            raise BadParameter(option, "expected a whole number of zero or more")
        return int(text)

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def _key(attribute: Attribute, name: str, value: str, rules: KeyRules) -> Key:
    """Read one key; lists of UIDs have commas here, and codes may (PS3.18 §8.3.4.1)."""
    vr = _vr(attribute)
    text = value.replace(",", "\\") if vr in {"UI", "CS"} else value
    try:
        return Key(attribute, vr, matching_of(vr, text, rules))
    except BadKey as error:
        raise BadParameter(name, str(error)) from error


def _within(keys: list[Key], bound: Key) -> list[Key]:
    """Add what the path says: a parameter for the same UID may only narrow it."""
    there = next((key for key in keys if key.attribute == bound.attribute), None)
    if there is None or not isinstance(there.matching, AnyOf):
        return [bound, *[key for key in keys if key is not there]]
    matching: Matching = bound.matching
    if isinstance(matching, AnyOf):
        matching = AnyOf(tuple(uid for uid in matching.values if uid in there.matching.values))
    return [Key(bound.attribute, "UI", matching), *[key for key in keys if key is not there]]


def _nested(steps: tuple[Step, ...]) -> Wanted:
    first, rest = steps[0], steps[1:]
    return Wanted(first, _vr(first), (_nested(rest),) if rest else ())


def _vr(attribute: Attribute) -> str:
    if isinstance(attribute, PrivateAttribute):
        return _PRIVATE_VR
    return vr_of(attribute).split(" ", maxsplit=1)[0]


def _is_creator(tag: int) -> bool:
    return bool(tag & 0x10000) and 0x10 <= tag & 0xFFFF <= 0xFF


def _name(attribute: Attribute) -> str:
    if isinstance(attribute, PrivateAttribute):
        return f'({attribute.group:04X},"{attribute.creator}",{attribute.element:02X})'
    return f"{attribute:08X}"


def _printable(text: str) -> str:
    """Give a name of a parameter as it may stand in a header: a client may have sent anything."""
    return "".join([one if " " < one < "\x7f" and one not in '"\\' else "?" for one in text[:64]])
