"""Conditions of a route, as they were read: each tells whether it holds, and shows why.

Nothing here fails on a value: what cannot be read does not fit. Of an attribute with several values
one that fits is enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from hilum.routing.facts import Elements, Facts
from hilum.routing.patterns import Fits


class Moment:
    """What is asked about: an instance, at a time, by the clock on the wall of the gateway."""

    __slots__ = ("_today", "facts", "now", "zone")

    def __init__(self, facts: Facts, now: datetime, zone: tzinfo) -> None:
        self.facts = facts
        self.now = now
        self.zone = zone
        self._today = 0

    @property
    def today(self) -> int:
        """The ordinal of the day."""
        if not self._today:
            self._today = self.now.astimezone(self.zone).toordinal()
        return self._today


@dataclass(frozen=True, slots=True)
class Trace:
    """How a condition came out. For a terminal only: `wanted` and `actual` may name a patient."""

    key: str
    wanted: str
    holds: bool
    actual: tuple[str, ...] = ()
    inside: tuple["Trace", ...] = ()


class Condition(Protocol):
    """Something that holds for an instance, or does not."""

    @property
    def key(self) -> str:
        """What was written on the left."""
        ...

    @property
    def is_of_association(self) -> bool:
        """Whether it is the same for all that comes over one association."""
        ...

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Tell whether it holds for a data set or item of the instance of `moment`."""
        ...

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Tell it with the values that were met."""
        ...


@dataclass(frozen=True, slots=True)
class ValueCondition:
    """A value of an attribute fits."""

    key: str
    wanted: str
    tag: int
    creator: str
    fits: Fits
    is_of_association = False

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Look for a value that fits."""
        del moment
        fits = self.fits
        for value in elements.values(self.tag, self.creator):  # noqa: SIM110 — any() is slower
            if fits(value):
                return True
        return False

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show all values."""
        actual = tuple(elements.values(self.tag, self.creator))
        return Trace(self.key, self.wanted, self.holds(elements, moment), actual)


@dataclass(frozen=True, slots=True)
class DayCondition:
    """A value of an attribute fits today."""

    key: str
    wanted: str
    tag: int
    creator: str
    fits: Callable[[str, int], bool]
    is_of_association = False

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Look for a value that fits."""
        today = moment.today
        return any(self.fits(value, today) for value in elements.values(self.tag, self.creator))

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show all values."""
        actual = tuple(elements.values(self.tag, self.creator))
        return Trace(self.key, self.wanted, self.holds(elements, moment), actual)


@dataclass(frozen=True, slots=True)
class PresenceCondition:
    """An attribute is there and not empty, or it is not."""

    key: str
    wanted: str
    tag: int
    creator: str
    is_sequence: bool
    is_present: bool
    is_of_association = False

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Look whether it has a value or an item."""
        del moment
        if self.is_sequence:
            return bool(elements.items(self.tag, self.creator)) is self.is_present
        is_there = any(elements.values(self.tag, self.creator))
        if not is_there and self.creator:  # only the data set knows what a private attribute is
            is_there = bool(elements.items(self.tag, self.creator))
        return is_there is self.is_present

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show what is there."""
        count = len(elements.items(self.tag, self.creator)) if self.is_sequence else 0
        items = (f"{count} items",) if count else ()
        actual = items or tuple(elements.values(self.tag, self.creator))
        return Trace(self.key, self.wanted, self.holds(elements, moment), actual)


@dataclass(frozen=True, slots=True)
class ItemCondition:
    """One and the same item of a sequence fits everything."""

    key: str
    tag: int
    creator: str
    inner: Condition
    is_of_association = False

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Look for an item that fits."""
        return any(
            self.inner.holds(item, moment) for item in elements.items(self.tag, self.creator)
        )

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show every item."""
        items = elements.items(self.tag, self.creator)
        inside = tuple(self.inner.trace(item, moment) for item in items)
        actual = () if items else ("no items",)
        return Trace(self.key, "an item", any(one.holds for one in inside), actual, inside)


@dataclass(frozen=True, slots=True)
class ArrivalCondition:
    """A fact about how the instance came fits."""

    key: str
    wanted: str
    read: Callable[[Moment], str]
    fits: Callable[[Moment], bool]
    is_of_association: bool

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Look at the fact."""
        del elements
        return self.fits(moment)

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show the fact."""
        actual = self.read(moment)
        return Trace(
            self.key, self.wanted, self.holds(elements, moment), (actual,) if actual else ()
        )


@dataclass(frozen=True, slots=True)
class AllCondition:
    """Every one of several holds; none: always."""

    key: str
    parts: tuple[Condition, ...]

    @property
    def is_of_association(self) -> bool:
        """Whether all of them are."""
        return _are_of_association(self.parts)

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Stop at the first that does not."""
        return all(part.holds(elements, moment) for part in self.parts)

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show each."""
        inside = tuple(part.trace(elements, moment) for part in self.parts)
        return Trace(self.key, "all of", all(one.holds for one in inside), (), inside)


@dataclass(frozen=True, slots=True)
class AnyCondition:
    """At least one of several holds."""

    key: str
    parts: tuple[Condition, ...]

    @property
    def is_of_association(self) -> bool:
        """Whether all of them are."""
        return _are_of_association(self.parts)

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Stop at the first that does."""
        return any(part.holds(elements, moment) for part in self.parts)

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show each."""
        inside = tuple(part.trace(elements, moment) for part in self.parts)
        return Trace(self.key, "any of", any(one.holds for one in inside), (), inside)


@dataclass(frozen=True, slots=True)
class NotCondition:
    """The complement: it holds when the other does not, absent attributes included."""

    key: str
    part: Condition

    @property
    def is_of_association(self) -> bool:
        """Whether the other is."""
        return self.part.is_of_association

    def holds(self, elements: Elements, moment: Moment) -> bool:
        """Turn it round."""
        return not self.part.holds(elements, moment)

    def trace(self, elements: Elements, moment: Moment) -> Trace:
        """Show the other."""
        inside = self.part.trace(elements, moment)
        return Trace(self.key, "not", not inside.holds, (), (inside,))


def _are_of_association(parts: Sequence[Condition]) -> bool:
    return all(part.is_of_association for part in parts)
