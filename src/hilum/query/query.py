"""A question: what is looked for, what is to be told of it, and how much of that at once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.matching import AnyOf, Between, BetweenMoments, Key
from hilum.query.attributes import MOMENTS
from hilum.query.level import Level
from hilum.query.via import Via

Attribute = int | PrivateAttribute


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attribute that the answer shall have; of a sequence, with what in its items.

    No `items`: all of them has.
    """

    attribute: Attribute
    vr: str
    items: tuple["Wanted", ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One question, whichever door it came through.

    `keys` narrow the answer, all of them; universal ones are not among them. Keys of the query's
    own level and of those above it only.
    """

    level: Level
    keys: tuple[Key, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    everything: bool = False  # each attribute that is known
    relational: bool = False  # keys above the level need not name one patient, study and series
    fuzzy_names: bool = False
    limit: int | None = None
    offset: int = 0
    charset: str = ""  # Specific Character Set of the question, for the answer
    # Asked for or looked for, but not known at this level: answered empty, with a warning.
    unsupported: tuple[Attribute, ...] = ()
    via: Via = ()  # who has asked it until now

    def key(self, attribute: Attribute) -> Key | None:
        """Give the key of an attribute, when it narrows the answer."""
        return next((key for key in self.keys if key.attribute == attribute), None)

    def uids(self, level: Level) -> tuple[str, ...]:
        """Give the values that the unique key of a level must have one of; none: any."""
        key = self.key(level.unique_tag)
        return key.matching.values if key and isinstance(key.matching, AnyOf) else ()

    def narrowed(self, *keys: Key) -> "Query":
        """Give this question with more keys: an access policy may only take away."""
        return replace(self, keys=(*self.keys, *keys))


def combined(keys: Iterable[Key], offset_minutes: int | None) -> tuple[Key, ...]:
    """Make one moment of each date and time that are looked for together (PS3.4 §C.2.2.2.5)."""
    found = list(keys)
    for date_tag, time_tag in MOMENTS.items():
        date = next((key for key in found if key.attribute == date_tag), None)
        time = next((key for key in found if key.attribute == time_tag), None)
        if date is None or time is None:
            continue
        if isinstance(date.matching, Between) and isinstance(time.matching, Between):
            moments = _together(date.matching, time.matching, time_tag, offset_minutes)
            found[found.index(date)] = replace(date, matching=moments)
            found.remove(time)
    return tuple(found)


def _together(
    dates: Between, times: Between, time_tag: int, offset_minutes: int | None
) -> BetweenMoments:
    """Join the ends: an open end of the times is the end of the day."""
    first = dates.first + (times.first or "000000.000000") if dates.first else ""
    last = dates.last + (times.last or "235959.999999") if dates.last else ""
    return BetweenMoments(time_tag, first, last, offset_minutes)
