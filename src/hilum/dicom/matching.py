"""Attribute matching of PS3.4 §C.2.2: what a key asks for, and whether values answer it.

Keys are values that somebody else may translate into another language, SQL for one: texts in them
are normalised (dates and times sort, names are folded), so that comparing is all there is to do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.dataset import DataSet
from hilum.dicom.moments import (
    Span,
    date_of,
    date_time_of,
    offset_minutes_of,
    shifted,
    time_of,
)
from hilum.dicom.name_matching import folded_groups, is_fuzzy_match
from hilum.dicom.numbers import decimal_number
from hilum.dicom.wildcards import is_like

_TIMEZONE_OFFSET: Final = 0x00080201


@dataclass(frozen=True, slots=True)
class Universal:
    """Matches everything; the attribute is only asked for."""


@dataclass(frozen=True, slots=True)
class EmptyValue:
    """Matches where there is no value: `""` in the key."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Matches one of these values exactly; one for single value matching.

    Of UIDs, it is list of UID matching; of others, multiple value matching.
    """

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberIs:
    """Matches the same number, however it is written."""

    value: float


@dataclass(frozen=True, slots=True)
class Like:
    """Matches texts with `*` for any characters and `?` for one; case counts."""

    pattern: str


@dataclass(frozen=True, slots=True)
class NameIs:
    """Matches names of people: folded groups, with wildcards; empty groups match everything.

    With `any_group`, the first group of the key may be found in any group of a name. `text`: as it
    was asked for, to be asked of others, who fold names in ways of their own.
    """

    groups: tuple[str, str, str]
    any_group: bool
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NameSounds:
    """Matches names of people by words and sounds: see `name_matching`."""

    key: str


@dataclass(frozen=True, slots=True)
class Between:
    """Matches dates or times in a span: DA as YYYYMMDD, TM as HHMMSS.FFFFFF, DT as both together.

    An end that is "" is open. A single date or time is a span, too.
    """

    vr: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class BetweenMoments:
    """Matches a date and a time together (PS3.4 §C.2.2.2.5, combined): YYYYMMDDHHMMSS.FFFFFF.

    `offset_minutes`: of both ends from UTC, when the question names it.
    """

    time_tag: int
    first: str
    last: str
    offset_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ItemWith:
    """Matches sequences of which one item matches all of these keys."""

    keys: "tuple[Key, ...]"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Matches where one of several does: multiple value matching of names, wildcards, dates."""

    choices: "tuple[Matching, ...]"


Matching = (
    Universal
    | EmptyValue
    | AnyOf
    | NumberIs
    | Like
    | NameIs
    | NameSounds
    | Between
    | BetweenMoments
    | ItemWith
    | OneOf
)


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute and what is asked of it."""

    attribute: int | PrivateAttribute
    vr: str
    matching: Matching

    @property
    def is_asking(self) -> bool:
        """Tell whether it narrows the answer."""
        return not isinstance(self.matching, Universal)


def matches_data_set(keys: Iterable[Key], data_set: DataSet) -> bool:
    """Tell whether a data set answers all keys."""
    return all(matches_attribute(key, data_set) for key in keys)


def matches_attribute(key: Key, data_set: DataSet) -> bool:
    """Tell whether a data set answers one key."""
    attribute = key.attribute
    if isinstance(attribute, PrivateAttribute):
        tag, creator = attribute.group << 16 | attribute.element, attribute.creator
    else:
        tag, creator = attribute, ""
    matching = key.matching
    if isinstance(matching, ItemWith):
        items = data_set.items(tag, creator)
        return any(matches_data_set(matching.keys, item) for item in items)
    if isinstance(matching, EmptyValue):
        return not data_set.items(tag, creator) and not any(data_set.values(tag, creator))
    values = data_set.values(tag, creator)
    if isinstance(matching, BetweenMoments):
        times = data_set.texts(matching.time_tag)
        return matches_moment(matching, values, times, data_set.text(_TIMEZONE_OFFSET))
    return matches(matching, values)


def matches(matching: Matching, values: Sequence[str]) -> bool:  # noqa: C901, PLR0911 -- a case each
    """Tell whether any value of an attribute is what a key asks for."""
    match matching:
        case Universal():
            return True
        case EmptyValue():
            return not any(values)
        case AnyOf(wanted):
            return any(value in wanted for value in values)
        case NumberIs(number):
            return any(decimal_number(value) == number for value in values)
        case Like(pattern):
            return any(is_like(pattern, value) for value in values)
        case NameIs():
            return any(_is_name(matching, value) for value in values)
        case NameSounds(key):
            return any(is_fuzzy_match(key, value) for value in values)
        case Between():
            return any(_is_between(matching, value) for value in values)
        case BetweenMoments():
            return matches_moment(matching, values, (), "")
        case OneOf(choices):
            return any(matches(choice, values) for choice in choices)
        case ItemWith():
            return False  # texts are no items
        case _:
            assert_never(matching)


def matches_moment(
    matching: BetweenMoments, dates: Sequence[str], times: Sequence[str], offset: str
) -> bool:
    """Tell whether a date with its time is in a span; without a time, whether its day may be.

    `offset`: Timezone Offset From UTC of the data set, "" when it does not say.
    """
    date = date_of(dates[0]) if dates else None
    if date is None:
        return False
    time = time_of(times[0]) if times else None
    span = Span(time.first, time.last) if time else Span("000000.000000", "235959.999999")
    minutes = 0
    stored = offset_minutes_of(offset)
    if stored is not None and matching.offset_minutes is not None:
        minutes = matching.offset_minutes - stored
    first, last = shifted(date + span.first, minutes), shifted(date + span.last, minutes)
    return last >= matching.first and (not matching.last or first <= matching.last)


def _is_between(matching: Between, value: str) -> bool:
    """Compare a date or time by what it means; one that is incomplete by its first moment."""
    moment: str | None
    if matching.vr == "DA":
        moment = date_of(value)
    else:
        span = time_of(value) if matching.vr == "TM" else date_time_of(value)
        moment = span.first if span else None
    if moment is None:
        return False
    return moment >= matching.first and (not matching.last or moment <= matching.last)


def _is_name(matching: NameIs, value: str) -> bool:
    groups = folded_groups(value)
    if matching.any_group:
        return any(group and is_like(matching.groups[0], group) for group in groups)
    return all(
        not wanted or is_like(wanted, group)
        for wanted, group in zip(matching.groups, groups, strict=True)
    )
