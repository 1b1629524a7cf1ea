"""The `when` of a route: a table as it was read from TOML becomes a tree of conditions.

Whatever is in the table, this gives conditions and faults and never fails.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hilum.routing.arrivals import arrival_condition, presence_condition
from hilum.routing.conditions import (
    AllCondition,
    AnyCondition,
    Condition,
    ItemCondition,
    NotCondition,
    PresenceCondition,
)
from hilum.routing.faults import Faults, KeyPath
from hilum.routing.keys import (
    COMBINING_KEYS,
    ArrivalKey,
    Attribute,
    AttributeWay,
    UnknownKey,
    read_key,
)
from hilum.routing.known import Known
from hilum.routing.values import Literal, value_condition, written

DEPTH_MAX: Final = 8  # tables inside tables; nobody can read more
CONDITIONS_MAX: Final = 1000  # in one route
VALUES_MAX: Final = 10_000  # in one list: every AE title of a large group of hospitals


@dataclass(slots=True)
class Reading:
    """What a `when` came to: its conditions and the attributes they ask for."""

    conditions: tuple[Condition, ...] = ()
    attributes: list[AttributeWay] = field(default_factory=list)


def read_when(table: object, path: KeyPath, known: Known, faults: Faults) -> Reading:
    """Read the table at `path`."""
    reader = _Reader(known, faults)
    conditions = reader.table(table, path, depth=0, in_item=False)
    return Reading(tuple(conditions), reader.attributes)


class _Reader:
    def __init__(self, known: Known, faults: Faults) -> None:
        self.attributes: list[AttributeWay] = []
        self._known = known
        self._faults = faults
        self._count = 0

    def table(
        self, table: object, path: KeyPath, *, depth: int, in_item: bool
    ) -> Iterator[Condition]:
        """Read all keys of a table, each a condition that must hold."""
        if not isinstance(table, Mapping):
            remedy = 'Write such as { Modality = "CT" }'
            self._faults.error(path, f"found {written(table)}, expected a table", remedy)
            return
        if depth > DEPTH_MAX:
            self._faults.error(path, f"conditions are nested deeper than {DEPTH_MAX}")
            return
        for key, value in table.items():
            self._count += 1
            if self._count > CONDITIONS_MAX:
                self._faults.error(path, f"a route has at most {CONDITIONS_MAX} conditions")
                return
            at = (*path, key)
            made = (
                self._combined(key, value, at, depth=depth, in_item=in_item)
                if key in COMBINING_KEYS
                else self._keyed(str(key), value, at, depth=depth, in_item=in_item)
            )
            if made is not None:
                yield made

    def _combined(
        self, key: str, value: object, path: KeyPath, *, depth: int, in_item: bool
    ) -> Condition | None:
        if key == "not":
            parts = tuple(self.table(value, path, depth=depth + 1, in_item=in_item))
            if value == {}:
                self._faults.error(path, "not of nothing holds never", "Say what must not be")
            return NotCondition(key, _together(parts))
        if not isinstance(value, list | tuple) or not value:
            remedy = f'Write {key} = [ {{ Modality = "CT" }}, {{ … }} ]'
            self._faults.error(path, f"{key} needs a list of tables that is not empty", remedy)
            return None
        alternatives = []
        for index, inner in enumerate(value):
            at = (*path, index)
            parts = tuple(self.table(inner, at, depth=depth + 1, in_item=in_item))
            if inner == {}:
                self._faults.error(at, "an empty table always holds", "Say what must be")
            alternatives.append(_together(parts))
        made = AnyCondition if key == "any" else AllCondition
        return made(key, tuple(alternatives))

    def _keyed(
        self, key: str, value: object, path: KeyPath, *, depth: int, in_item: bool
    ) -> Condition | None:
        try:
            subject = read_key(key, in_item=in_item)
        except UnknownKey as error:
            self._faults.error(path, str(error), error.remedy)
            return None
        if isinstance(subject, ArrivalKey):
            return self._arrival(subject.name, value, path)
        self.attributes.append(subject)
        if value is False and len(subject.steps) > 1:
            # Absent means that no item has it, not that some item has not.
            there = self._attribute(subject.steps[-1], key, True, path)  # noqa: FBT003 - as written
            return None if there is None else NotCondition(key, _wrapped(subject.steps[:-1], there))
        if isinstance(value, Mapping):
            inner = self._inside(subject.steps[-1], value, path, depth=depth)
        else:
            inner = self._attribute(subject.steps[-1], key, value, path)
        return None if inner is None else _wrapped(subject.steps[:-1], inner)

    def _arrival(self, name: str, value: object, path: KeyPath) -> Condition | None:
        if isinstance(value, bool):
            return presence_condition(name, path, self._faults, is_present=value)
        literals = self._literals(name, value, path)
        if not literals:
            return None
        return arrival_condition(name, literals, written(value), self._known, self._faults)

    def _attribute(
        self, attribute: Attribute, key: str, value: object, path: KeyPath
    ) -> Condition | None:
        if isinstance(value, bool):
            return PresenceCondition(
                key,
                "there" if value else "absent or empty",
                attribute.tag,
                attribute.creator,
                attribute.vr == "SQ",
                value,
            )
        literals = self._literals(key, value, path)
        if not literals:
            return None
        return value_condition(attribute, literals, written(value), self._faults)

    def _inside(
        self, attribute: Attribute, table: Mapping[str, object], path: KeyPath, *, depth: int
    ) -> Condition | None:
        """Read a table below a sequence: one item must fit all of it."""
        if attribute.vr not in {"SQ", ""}:
            what = f"{attribute.key} is no sequence ({attribute.vr}) and takes no table"
            self._faults.error(path, what, "Write a text, a list of texts, true or false")
            return None
        if not table:
            self._faults.error(path, "an empty table asks for nothing", "Write true: it is there")
            return None
        parts = tuple(self.table(table, path, depth=depth + 1, in_item=True))
        inner = _together(parts)
        return ItemCondition(attribute.key, attribute.tag, attribute.creator, inner)

    def _literals(self, key: str, value: object, path: KeyPath) -> list[tuple[KeyPath, Literal]]:
        """Give what was written as a list of texts and numbers, each with its place."""
        if not isinstance(value, list | tuple):
            return self._checked(key, [(path, value)])
        if not value:
            self._faults.error(path, "an empty list fits nothing", f"Remove {key}, or fill it")
        if len(value) > VALUES_MAX:
            self._faults.error(path, f"a list has at most {VALUES_MAX} values")
            return []
        return self._checked(key, [((*path, index), one) for index, one in enumerate(value)])

    def _checked(
        self, key: str, values: Sequence[tuple[KeyPath, object]]
    ) -> list[tuple[KeyPath, Literal]]:
        checked: list[tuple[KeyPath, Literal]] = []
        for path, value in values:
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                checked.append((path, value))
            elif isinstance(value, bool):
                remedy = f"Write {key} = {written(value)} by itself, or alternatives with any"
                self._faults.error(path, "true and false cannot be in a list", remedy)
            else:
                # A date without quotes comes as a list of nothing: JSON has no dates.
                at = path[:-1] if value is None else path
                remedy = 'Texts and dates stand in quotes, as in "CT" and "20240131"'
                self._faults.error(at, "expected a text or a number", remedy)
        return checked


def _together(parts: tuple[Condition, ...]) -> Condition:
    """Make one condition of several that must all hold."""
    return parts[0] if len(parts) == 1 else AllCondition("all", parts)


def _wrapped(steps: Sequence[Attribute], inner: Condition) -> Condition:
    """Put a condition into the sequences that lead to it."""
    for step in reversed(steps):
        inner = ItemCondition(step.key, step.tag, step.creator, inner)
    return inner
