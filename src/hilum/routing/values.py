"""What may be written for the value of an attribute: by its VR, from texts to a test of values."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from hilum.routing.conditions import Condition, DayCondition, ValueCondition
from hilum.routing.faults import Faults, KeyPath
from hilum.routing.keys import Attribute
from hilum.routing.patterns import Fits, fits_one_of, has_wildcard, is_expression
from hilum.routing.scales import (
    Range,
    age_end,
    age_of,
    date_end,
    day_of,
    is_range,
    number_end,
    number_of,
    parse_range,
    parse_times,
    second_of,
)
from hilum.routing.uid_names import Names, no_names, sop_class_names, transfer_syntax_names, uids_of

WANTED_LENGTH_MAX: Final = 80  # what is longer is cut where it is shown

NUMBERS: Final = frozenset(("DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV", "US or SS"))
DATES: Final = frozenset(("DA", "DT"))
TEXTS: Final = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT"))
# Only in these does case matter (PS3.5 §6.2); devices write codes in small letters too.
MINDING_CASE: Final = frozenset(("AE", "UI", "UR"))
# PS3.5 Table 6.2-1; the long texts have no limit that a condition would meet.
LENGTHS_MAX: Final = {"AE": 16, "CS": 16, "SH": 16, "LO": 64, "UI": 64}

Literal = str | int | float


def written(value: object) -> str:
    """Write a value as it stands in the file, cut when it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= WANTED_LENGTH_MAX else f"{text[: WANTED_LENGTH_MAX - 1]}…"


def value_condition(
    attribute: Attribute, literals: Sequence[tuple[KeyPath, Literal]], wanted: str, faults: Faults
) -> Condition | None:
    """Make the test of an attribute's values; None: none could be made, and `faults` says why."""
    vr = attribute.vr
    if vr in TEXTS:
        return _texts(attribute, literals, wanted, faults)
    if vr == "":
        return _of_unknown_kind(attribute, literals, wanted, faults)
    if vr in NUMBERS:
        fits = _numbers(attribute, literals, faults)
    elif vr in DATES:
        return _dates(attribute, literals, wanted, faults)
    elif vr == "TM":
        fits = _in_ranges(_quoted(attribute, literals, faults), parse_times, second_of, faults)
    elif vr == "AS":
        fits = _in_ranges(_quoted(attribute, literals, faults), _ages, age_of, faults)
    else:
        what = "a sequence" if vr == "SQ" else f"binary ({vr})"
        remedy = "Write true or false: whether it is there; dots lead into a sequence"
        faults.error(literals[0][0], f"{attribute.key} is {what} and has no value", remedy)
        return None
    return _made(attribute, wanted, fits)


def _made(attribute: Attribute, wanted: str, fits: Fits | None) -> Condition | None:
    if fits is None:
        return None
    return ValueCondition(attribute.key, wanted, attribute.tag, attribute.creator, fits)


def _quoted(
    attribute: Attribute, literals: Sequence[tuple[KeyPath, Literal]], faults: Faults
) -> list[tuple[KeyPath, str]]:
    """Keep the texts among `literals`; a number stands where a text belongs."""
    for path, literal in literals:
        if not isinstance(literal, str):
            message = f"{attribute.key} is a text ({attribute.vr or 'unknown VR'}), not a number"
            faults.error(path, message, f'Write "{literal}"')
    return [(path, literal) for path, literal in literals if isinstance(literal, str)]


def _texts(
    attribute: Attribute, literals: Sequence[tuple[KeyPath, Literal]], wanted: str, faults: Faults
) -> Condition | None:
    texts = []
    for path, text in _quoted(attribute, literals, faults):
        if is_text_that_can_fit(path, text, attribute.key, faults):
            texts += _expanded(attribute, path, text, faults)
    return _made(attribute, wanted, text_test(texts, attribute.vr in MINDING_CASE))


def text_test(texts: Sequence[tuple[KeyPath, str, Faults]], minds_case: bool) -> Fits | None:  # noqa: FBT001
    """Make the test of texts that were looked at one by one."""
    good = []
    for path, text, faults in texts:
        try:
            fits_one_of([text], minds_case=minds_case)
        except ValueError as error:
            faults.error(path, str(error), _REGEX_REMEDY)
        else:
            good.append(text)
    return fits_one_of(good, minds_case=minds_case) if good else None


_REGEX_REMEDY: Final = (
    r"It knows . [] ^ $ | () * + ? {2,5} \d \w \s; single quotes keep backslashes"
)


def is_text_that_can_fit(path: KeyPath, text: str, key: str, faults: Faults) -> bool:
    """Refuse what no value can be: values are compared without their padding."""
    if not text:
        faults.error(path, "an empty text fits nothing", f"Write {key} = false: absent or empty")
    elif text != text.strip(" \0") and not is_expression(text):
        remedy = f"Write {written(text.strip(' '))}"
        faults.error(path, f"{text!r}: values are compared without blanks around them", remedy)
    else:
        return True
    return False


def _expanded(
    attribute: Attribute, path: KeyPath, text: str, faults: Faults
) -> list[tuple[KeyPath, str, Faults]]:
    """Give the texts that `text` stands for: UIDs may have a name."""
    longest = LENGTHS_MAX.get(attribute.vr)
    is_exact = not has_wildcard(text) and not is_expression(text)
    texts = [text]
    if attribute.vr == "UI":
        try:
            texts = uids_of(text, _names_of(attribute.key))
        except ValueError as error:
            faults.error(path, str(error))
            return []
    elif is_exact and longest is not None and len(text) > longest:
        message = f"{text!r} has {len(text)} characters; {attribute.vr} has at most {longest}"
        remedy = "It fits only values that break PS3.5 §6.2"
        faults.warning(path, message, remedy)
    return [(path, one, faults) for one in texts]


def _names_of(key: str) -> Names:
    if "SOPClassUID" in key:
        return sop_class_names
    return transfer_syntax_names if "TransferSyntaxUID" in key else no_names


def _of_unknown_kind(
    attribute: Attribute, literals: Sequence[tuple[KeyPath, Literal]], wanted: str, faults: Faults
) -> Condition | None:
    """Private attributes: what is written says what they are."""
    numeric = [not isinstance(one, str) or is_range(one) for _, one in literals]
    if all(numeric):
        return _made(attribute, wanted, _numbers(attribute, literals, faults))
    if any(numeric):
        faults.error(literals[0][0], "numbers and texts are mixed", "Write them all as texts")
        return None
    return _texts(attribute, literals, wanted, faults)


def _numbers(
    attribute: Attribute, literals: Sequence[tuple[KeyPath, Literal]], faults: Faults
) -> Fits | None:
    ranges = []
    for path, literal in literals:
        try:
            ranges.append(parse_range(str(literal), number_end))
        except ValueError as error:
            faults.error(path, str(error), f"{attribute.key} is a number ({attribute.vr})")
    return _ranges_test(ranges, number_of)


def _in_ranges(
    literals: Sequence[tuple[KeyPath, str]],
    parse: Callable[[str], Sequence[Range]],
    read: Callable[[str], int | float | None],
    faults: Faults,
) -> Fits | None:
    ranges: list[Range] = []
    for path, text in literals:
        try:
            ranges += parse(text)
        except ValueError as error:
            faults.error(path, str(error))
    return _ranges_test(ranges, read)


def _ages(text: str) -> tuple[Range]:
    return (parse_range(text, age_end),)


def _ranges_test(ranges: Sequence[Range], read: Callable[[str], int | float | None]) -> Fits | None:
    if not ranges:
        return None

    def fits(value: str) -> bool:
        number = read(value)
        return number is not None and any(one.holds(number) for one in ranges)

    return fits


def _dates(
    attribute: Attribute, literals: Sequence[tuple[KeyPath, Literal]], wanted: str, faults: Faults
) -> Condition | None:
    ranges: list[Range] = []
    patterns: list[str] = []
    for path, text in _quoted(attribute, literals, faults):
        if has_wildcard(text) and text.replace("*", "").replace("?", "").isdecimal():
            patterns.append(text)
            continue
        try:
            ranges.append(parse_range(text, date_end))
        except ValueError as error:
            faults.error(path, str(error))
    if not ranges and not patterns:
        return None
    test = fits_one_of(patterns, minds_case=True) if patterns else None

    def fits(value: str, today: int) -> bool:
        day = day_of(value)
        in_range = day is not None and any(one.holds(day, today) for one in ranges)
        return in_range or (test is not None and test(value))

    return DayCondition(attribute.key, wanted, attribute.tag, attribute.creator, fits)
