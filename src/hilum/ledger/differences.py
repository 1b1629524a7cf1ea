"""How what an instance says of its study differs from what is kept of it: a pure comparison.

What was said first is kept. An attribute that was empty so far is filled in, for silence is not a
statement; by the same reason an empty one contradicts nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Value = str | int | None

_CAPITALS: Final = {"id": "ID", "uid": "UID", "ae": "AE", "sop": "SOP"}


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute, by its keyword, that has two values."""

    attribute: str
    kept: str
    seen: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to keep from now on, and what contradicts it."""

    kept: tuple[Value, ...]
    differences: tuple[Difference, ...]


def compare(names: Sequence[str], kept: Sequence[Value], seen: Sequence[Value]) -> Comparison:
    """Compare the values `seen` in an instance with those that are `kept`."""
    keeps: list[Value] = []
    differences: list[Difference] = []
    for name, old, new in zip(names, kept, seen, strict=True):
        if is_empty(old):
            keeps.append(new)
            continue
        keeps.append(old)
        if new != old and not is_empty(new):
            differences.append(Difference(keyword_of(name), str(old), str(new)))
    return Comparison(tuple(keeps), tuple(differences))


def contradictions(
    names: Sequence[str], kept: Sequence[Value], seen: Sequence[Value]
) -> tuple[Difference, ...]:
    """Compare what tells one thing from another, where an empty value does contradict."""
    return tuple(
        Difference(keyword_of(name), str(old), str(new))
        for name, old, new in zip(names, kept, seen, strict=True)
        if new != old
    )


def is_empty(value: Value) -> bool:
    """Tell whether nothing is said."""
    return value is None or value == ""


def keyword_of(name: str) -> str:
    """Give the DICOM keyword of a field: `study_id` is StudyID."""
    return "".join(_CAPITALS.get(part, part.capitalize()) for part in name.split("_"))
