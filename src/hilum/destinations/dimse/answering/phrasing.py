"""How a key is said in an identifier, and where it takes several to say it. Pure.

What cannot be said is asked without, and what comes is looked at by us (see `checking`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Final

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.matching import (
    AnyOf,
    Between,
    BetweenMoments,
    Key,
    Like,
    Matching,
    NameIs,
    NameSounds,
    NumberIs,
    OneOf,
)
from hilum.dicom.moments import shifted
from hilum.dicom.name_matching import words_of
from hilum.dicom.wildcards import in_whole_letters
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.query.query import Attribute

# So many questions in place of one; a key that would make more of them is looked at by us.
VARIANTS_MAX: Final = 24
_DAY_MINUTES: Final = 24 * 60
_MIDNIGHT: Final = "000000.000000"
_LAST_MOMENT: Final = "235959.999999"


@dataclass(frozen=True, slots=True)
class Said:
    """The text of an attribute; `vr` as the key has it."""

    attribute: Attribute
    vr: str
    text: str


def said(key: Key, options: FindOptions) -> tuple[Said, ...]:
    """Say one key, of which every matching has one alternative; nothing: it cannot be said."""
    if isinstance(key.matching, BetweenMoments):
        return tuple(_moments(key, key.matching, options))
    text = text_of(key.matching, options)
    return () if text is None else (Said(key.attribute, key.vr, in_whole_letters(key.vr, text)),)


def text_of(matching: Matching, options: FindOptions) -> str | None:  # noqa: PLR0911 - a case each
    """Say a matching in words of PS3.4 §C.2.2.2; None: there are none."""
    match matching:
        case AnyOf(values):
            return "\\".join(values)
        case NumberIs(number):
            return f"{number:.15g}"
        case Like(pattern):
            return pattern
        case NameIs(groups, text=text):
            return text or "=".join(groups).rstrip("=")
        case NameSounds(key):
            return key if options.fuzzy_names else f"*{max(words_of(key), key=len, default='')}*"
        case Between(vr, first, last):
            return _range(vr, first, last)
        case _:
            # `""` for "no value" is not known to most, who would look for two quotes.
            return None


def _range(vr: str, first: str, last: str) -> str:
    if vr != "DA":
        first, last = _short(first), _short(last)
    return first if first == last else f"{first}-{last}"


def _short(moment: str) -> str:
    return moment.removesuffix(".000000")


def _moments(key: Key, matching: BetweenMoments, options: FindOptions) -> Iterable[Said]:
    """Say a date and a time that belong together, to who looks at each by itself if need be."""
    first, last = matching.first, matching.last
    if options.combined_moments:
        yield Said(key.attribute, "DA", _range("DA", first[:8], last[:8]))
        yield Said(matching.time_tag, "TM", _range("TM", first[8:], last[8:]))
        if options.timezone and matching.offset_minutes is not None:
            yield Said(tags.TIMEZONE_OFFSET_FROM_UTC, "SH", _offset(matching.offset_minutes))
        return
    if matching.offset_minutes is not None:
        # Its days may be those of another zone: ask for more, and look at what comes.
        yield Said(key.attribute, "DA", _wider(first, last))
        return
    yield Said(key.attribute, "DA", _range("DA", first[:8], last[:8]))
    times = first[8:], last[8:]
    if first and last and first[:8] == last[:8] and times != (_MIDNIGHT, _LAST_MOMENT):
        yield Said(matching.time_tag, "TM", _range("TM", *times))


def _wider(first: str, last: str) -> str:
    first = shifted(first, -_DAY_MINUTES) if first else ""
    last = shifted(last, _DAY_MINUTES) if last else ""
    return _range("DA", first[:8], last[:8])


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{rest:02}"


def variants(keys: Sequence[Key]) -> list[tuple[Key, ...]]:
    """Give sets of keys, each with one alternative for each key, that together ask for the same.

    Few peers know several values in one key, but for UIDs.
    """
    choices = [list(_alternatives(key)) for key in keys]
    while prod(map(len, choices)) > VARIANTS_MAX:
        choices.remove(max(choices, key=len))
    return [tuple(one) for one in product(*choices)]


def _alternatives(key: Key) -> Iterable[Key]:
    match key.matching:
        case OneOf(several):
            for one in several:
                yield from _alternatives(replace(key, matching=one))
        case AnyOf(values) if len(values) > 1 and key.vr != "UI":
            for value in values:
                yield replace(key, matching=AnyOf((value,)))
        case _:
            yield key


def sounds_in(key: Key) -> bool:
    """Tell whether a key looks for sounds of a name."""
    matching = key.matching
    alternatives = matching.choices if isinstance(matching, OneOf) else (matching,)
    return any(isinstance(one, NameSounds) for one in alternatives)


def tag_of(attribute: Attribute) -> int:
    """Give the tag of an attribute; of a private one, in the first block."""
    if isinstance(attribute, PrivateAttribute):
        return attribute.group << 16 | 0x1000 | attribute.element
    return attribute
