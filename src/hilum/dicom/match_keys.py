"""From the text of a key to what it asks for (PS3.4 §C.2.2.2), for C-FIND and QIDO-RS alike."""

from dataclasses import dataclass
from typing import Final

from hilum.dicom.matching import (
    AnyOf,
    Between,
    EmptyValue,
    Like,
    Matching,
    NameIs,
    NameSounds,
    NumberIs,
    OneOf,
    Universal,
)
from hilum.dicom.moments import Span, date_of, date_time_of, split_range, time_of
from hilum.dicom.name_matching import folded_groups
from hilum.dicom.numbers import decimal_number
from hilum.dicom.vrs import BYTES_VRS, STRUCT_LETTERS
from hilum.dicom.wildcards import has_wildcards

VALUES_MAX: Final = 10_000  # UIDs of a list; a study of that many series has not been seen
TEXT_CHARACTERS_MAX: Final = 1024  # of one value; the longest text anybody looks for is a name

_MOMENT_VRS: Final = frozenset(("DA", "TM", "DT"))
_NUMBER_VRS: Final = STRUCT_LETTERS.keys() | {"DS", "IS"}
# PS3.4 §C.2.2.2.4: all others have wild cards.
_EXACT_VRS: Final = frozenset(("UI", "AS", "AT"))
_EMPTY: Final = '""'
_FORMS: Final = {
    "DA": "a date (YYYYMMDD) or a range of dates",
    "TM": "a time (HHMMSS) or a range of times",
    "DT": "a date and time (YYYYMMDDHHMMSS) or a range of them",
}


class BadKey(ValueError):
    """The text of a key has no meaning for its VR. The message never has the text."""


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What was agreed on, or is always so (DICOMweb)."""

    fuzzy_names: bool = False
    # Two quotes for "no value" and a backslash for "one of": recent, and to be negotiated in DIMSE.
    # No value of a stored attribute can be either, so nobody is hurt who did not negotiate.
    empty_value: bool = True
    multiple_values: bool = True


DEFAULT_RULES: Final = KeyRules()


def matching_of(vr: str, text: str, rules: KeyRules = DEFAULT_RULES) -> Matching:
    """Read the text of a key; several values are separated by a backslash.

    Raises:
        BadKey: the text has no meaning for the VR.
    """
    stripped = text.strip("\0 ")
    if stripped in {"", "*"}:
        return Universal()
    if stripped == _EMPTY and rules.empty_value:
        return EmptyValue()
    if vr in BYTES_VRS or vr == "SQ":
        raise BadKey(f"a value of {vr} cannot be looked for; only universal matching is possible")
    values = [value.strip("\0 ") for value in stripped.split("\\")]
    if len(values) > VALUES_MAX:
        raise BadKey(f"it has {len(values)} values; {VALUES_MAX} is the most")
    if any(len(value) > TEXT_CHARACTERS_MAX for value in values):
        raise BadKey(f"a value has more than {TEXT_CHARACTERS_MAX} characters")
    return _one_or_more(vr, [value for value in values if value], rules)


def _one_or_more(vr: str, values: list[str], rules: KeyRules) -> Matching:
    if vr == "UI":
        return _uids(values)
    if not values:
        return Universal()
    if len(values) > 1 and not rules.multiple_values:
        raise BadKey("it has several values, and multiple value matching was not agreed on")
    choices = tuple(dict.fromkeys(_single(vr, value, rules) for value in values))
    if len(choices) == 1:
        return choices[0]
    exact = [choice.values[0] for choice in choices if isinstance(choice, AnyOf)]
    return AnyOf(tuple(exact)) if len(exact) == len(choices) else OneOf(choices)


def _uids(values: list[str]) -> Matching:
    if any(has_wildcards(value) for value in values):
        raise BadKey("a UID has no wild cards (PS3.4 §C.2.2.2.4)")
    return AnyOf(tuple(dict.fromkeys(values))) if values else Universal()


def _single(vr: str, value: str, rules: KeyRules) -> Matching:
    if vr in _MOMENT_VRS:
        return _between(vr, value)
    if vr in _NUMBER_VRS:
        number = decimal_number(value)
        if number is None:
            raise BadKey(f"it is no number, and {vr} has no wild cards and ranges")
        return NumberIs(number)
    if vr == "PN":
        # A pattern has no sound. Viewers put wild cards round a name and ask for fuzziness as well,
        # and whoever negotiated it asks for everything that way.
        is_sound = rules.fuzzy_names and not has_wildcards(value)
        return NameSounds(value) if is_sound else _name(value)
    if vr in _EXACT_VRS or not has_wildcards(value):
        return AnyOf((value.upper() if vr == "AT" else value,))
    return Like(value) if value.strip("*") else Universal()


def _name(value: str) -> Matching:
    """Read a key for names; its groups are kept as they are compared."""
    groups = folded_groups(value)
    if not any(group.strip("*^") for group in groups):
        return Universal()
    return NameIs(groups, any_group="=" not in value, text=value)


def _between(vr: str, value: str) -> Between:
    """Read a date, a time, or a range of them: every end may leave out its last components."""
    single = _span(vr, value)
    if single is not None:
        return Between(vr, single.first, single.last)
    ends = split_range(value, vr)
    if ends is None or ends == ("", ""):
        raise BadKey(f"it is not {_FORMS[vr]} (PS3.4 §C.2.2.2.5)")
    spans = [_span(vr, end) if end else Span("", "") for end in ends]
    lower, upper = spans
    if lower is None or upper is None:
        raise BadKey(f"it is not {_FORMS[vr]} (PS3.4 §C.2.2.2.5)")
    if upper.last and lower.first > upper.last:
        raise BadKey("its range ends before it begins (PS3.4 §C.2.2.2.5)")
    return Between(vr, lower.first, upper.last)


def _span(vr: str, text: str) -> Span | None:
    if vr == "DA":
        date = date_of(text)
        return Span(date, date) if date else None
    return time_of(text) if vr == "TM" else date_time_of(text)
