"""What a key asks for, in SQL: exactly where that can be said, else so that no match is missed.

Texts of statements are made of names of ours only; every value of a peer is a parameter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

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
from hilum.dicom.name_matching import sound_of, words_of
from hilum.ledger.search_columns import COMPUTED, STORED, Computed, Stored
from hilum.ledger.search_names import KEY_CHARACTERS_MAX, NameRole
from hilum.query.level import Level

Parameter = str | int | float
# GLOB tries again for every star: more of them are left to `is_like`, which no pattern makes slow.
STARS_MAX: Final = 2
_INTEGER_VRS: Final = frozenset(("IS", "US"))
_INTEGER_MAX: Final = (1 << 63) - 1  # of a column; a larger parameter is refused by the driver
_PREFIX_LETTERS_MIN: Final = 2  # of a word that is the beginning of another: see `is_fuzzy_match`


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a WHERE. What it lets through must be looked at again unless it is exact."""

    text: str
    parameters: tuple[Parameter, ...] = ()
    is_exact: bool = True


TRUE: Final = Condition("1")
FALSE: Final = Condition("0")
UNDECIDED: Final = Condition("1", is_exact=False)


def condition_of(key: Key) -> Condition | None:
    """Say what a key asks for; None: the catalogue does not know the attribute."""
    if not isinstance(key.attribute, int):
        return None
    stored = STORED.get(key.attribute)
    if stored is not None:
        return of_stored(stored, key.matching)
    computed = COMPUTED.get(key.attribute)
    return None if computed is None else of_computed(computed, key.matching)


def of_stored(stored: Stored, matching: Matching) -> Condition:  # noqa: C901, PLR0911 -- a case each
    """Say it of an attribute that has a column."""
    match matching:
        case Universal():
            return TRUE
        case EmptyValue():
            empty = "IS NULL" if stored.vr in _INTEGER_VRS else "= ''"
            return Condition(f"{stored.name} {empty}")
        case OneOf(choices):
            return either([of_stored(stored, choice) for choice in choices])
        case NumberIs(number):
            return is_number(stored.name, number)
        case AnyOf(values):
            exact = is_any_of(stored.name, values)
            return UNDECIDED if stored.has_values else exact
        case Like(pattern):
            return UNDECIDED if stored.has_values else is_like(stored.name, pattern)
        case NameIs():
            return (
                UNDECIDED if stored.role is None else is_name(stored.role, stored.level, matching)
            )
        case NameSounds(key):
            return UNDECIDED if stored.role is None else sounds(stored.role, stored.level, key)
        case Between(first=first, last=last):
            return is_between(stored, first, last)
        case BetweenMoments(first=first, last=last, offset_minutes=offset):
            first, last = days_around(first, last, offset)
            days = is_between(stored, first, last)
            return Condition(days.text, days.parameters, is_exact=False)
        case ItemWith():
            return FALSE
        case _:
            assert_never(matching)


def of_computed(computed: Computed, matching: Matching) -> Condition:
    """Say it of an attribute that is counted or collected."""
    if isinstance(matching, OneOf):
        return either([of_computed(computed, choice) for choice in matching.choices])
    if not computed.value:
        if isinstance(matching, NumberIs):
            return is_number(f"(SELECT count(*) {computed.source})", matching.value)
        return FALSE if isinstance(matching, EmptyValue) else UNDECIDED
    there = f"EXISTS (SELECT 1 {computed.source}"
    match matching:
        case EmptyValue():
            return Condition(f"NOT {there} AND {computed.value} != '')")
        case AnyOf(values):
            inner = is_any_of(computed.value, values)
        case Like(pattern):
            inner = is_like(computed.value, pattern)
        case _:
            return UNDECIDED
    return Condition(f"{there} AND {inner.text})", inner.parameters, inner.is_exact)


def either(conditions: Sequence[Condition]) -> Condition:
    """Say that one of several holds."""
    return Condition(
        "(" + " OR ".join([one.text for one in conditions]) + ")",
        tuple(parameter for one in conditions for parameter in one.parameters),
        is_exact=all(one.is_exact for one in conditions),
    )


def is_number(column: str, number: float) -> Condition:
    """Say that a column has a number; one that no column can have is in none."""
    if abs(number) > _INTEGER_MAX:
        return FALSE
    return Condition(f"{column} = ?", (number,))


def is_any_of(column: str, values: Sequence[str]) -> Condition:
    """Say that a column is one of some values."""
    if not values:
        return FALSE
    if len(values) == 1:
        return Condition(f"{column} = ?", (values[0],))
    return Condition(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))


def is_like(column: str, pattern: str) -> Condition:
    """Say that a column is what a pattern describes; the part before its first wildcard is a range.

    GLOB means what PS3.4 §C.2.2.2.4 does, but for brackets.
    """
    prefix = prefix_of(pattern)
    parts: list[str] = []
    parameters: list[Parameter] = []
    if prefix:
        parts.append(f"{column} >= ? AND {column} < ?")
        parameters += [prefix, after_all_with(prefix)]
    is_exact = pattern.count("*") <= STARS_MAX
    if is_exact and pattern != f"{prefix}*":
        parts.append(f"{column} GLOB ?")
        parameters.append(pattern.replace("[", "[[]"))
    return Condition(" AND ".join(parts) or "1", tuple(parameters), is_exact)


def prefix_of(pattern: str) -> str:
    """Give what stands before the first wildcard."""
    ends = [at for at in (pattern.find("*"), pattern.find("?")) if at >= 0]
    return pattern[: min(ends)] if ends else pattern


def after_all_with(prefix: str) -> str:
    """Give a text that sorts behind every text that begins with `prefix`."""
    return prefix + "\U0010ffff"


def is_text(column: str, text: str) -> Condition:
    """Say that a folded text is what a key says, with wildcards or without."""
    if len(text) > KEY_CHARACTERS_MAX:
        return UNDECIDED
    return (
        is_like(column, text) if "*" in text or "?" in text else Condition(f"{column} = ?", (text,))
    )


def is_name(role: NameRole, level: Level, name: NameIs) -> Condition:
    """Say that a name of somebody is what a key describes, in any group or in each it has."""
    owner = "p.id" if level == Level.PATIENT else "t.id"
    asked = asked_groups(name)
    parts: list[str] = []
    parameters: list[Parameter] = []
    is_exact = True
    for number, group in asked:
        inner = is_text("n.text", group)
        which = "" if name.any_group else f" AND n.number = {number}"
        parts.append(
            f"EXISTS (SELECT 1 FROM name_key n WHERE n.owner_row = {owner} "  # noqa: S608 -- names of ours
            f"AND n.kind = {role.group}{which} AND {inner.text})"
        )
        parameters += inner.parameters
        is_exact = is_exact and inner.is_exact
    return Condition(" AND ".join(parts) or "1", tuple(parameters), is_exact)


def asked_groups(name: NameIs) -> list[tuple[int, str]]:
    """Give the groups of a key that ask for something, each with its number."""
    if name.any_group:
        return [(0, name.groups[0])]
    return [(number, group) for number, group in enumerate(name.groups) if group]


def sounds(role: NameRole, level: Level, key: str) -> Condition:
    """Say that each word of a key is in a name: itself, its beginning, or its sound."""
    if not role.is_fuzzy:
        return UNDECIDED
    owner = "p.id" if level == Level.PATIENT else "t.id"
    parts: list[str] = []
    parameters: list[Parameter] = []
    for word in words_of(key):
        found, values = _alike(role, word)
        parts.append(f"{owner} IN ({found})")
        parameters += values
    return Condition(" AND ".join(parts) or "1", tuple(parameters))


def _alike(role: NameRole, word: str) -> tuple[str, list[Parameter]]:
    """Ask for the owners of names with a word like another."""
    names = "SELECT owner_row FROM name_key WHERE kind = "
    sound = sound_of(word)
    if len(word) >= _PREFIX_LETTERS_MIN:
        text = f"{names}{role.word} AND text >= ? AND text < ?"
        values: list[Parameter] = [word, after_all_with(word)]
    else:
        text = f"{names}{role.word} AND text = ?"
        values = [word]
    if len(sound) > 1:
        text += f" UNION {names}{role.sound} AND text = ?"
        values.append(sound)
    return text, values


def is_between(stored: Stored, first: str, last: str) -> Condition:
    """Say that a date is in a span; a time or a date without a column that sorts is undecided."""
    if not stored.day:
        return UNDECIDED
    # What is no date has '', which would be before all others.
    parts, parameters = [f"{stored.day} >= ?"], [first or "0"]
    if last:
        parts.append(f"{stored.day} <= ?")
        parameters.append(last)
    return Condition(" AND ".join(parts), tuple(parameters))


def days_around(first: str, last: str, offset: int | None) -> tuple[str, str]:
    """Give the days that moments of a span may be on, wherever they were told."""
    if offset is None:
        return first[:8], last[:8]
    return _moved(first[:8], -1), _moved(last[:8], 1)


def _moved(day: str, days: int) -> str:
    try:
        moved = datetime.strptime(day, "%Y%m%d") + timedelta(days=days)  # noqa: DTZ007 -- a day only
    except (ValueError, OverflowError):
        return day
    return f"{moved:%Y%m%d}"
