"""Values that stay where they are: too long for a tree of elements, or pixels."""

import re
from dataclasses import dataclass
from typing import Final

_STEPS_MAX: Final = 129  # the depth to which data sets are read at all, and what is in it
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
_ITEM_NUMBER: Final = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class Bulk:
    """A value in the bytes that the data set was read from, of a deflated one in the inflated."""

    position: int  # of the value, behind its header
    length: int | None  # None: encapsulated, or not known, since the bytes at hand ended before

    def of(self, payload: bytes) -> bytes:
        """Cut the value out of the bytes that the data set was read from."""
        return payload[self.position : self.position + (self.length or 0)]


@dataclass(frozen=True, slots=True)
class BulkReference:
    """A value that is somewhere else: what a JSON or XML model says for it (PS3.18 §F.2.6)."""

    uri: str


# The way to a value through sequences: tag, number of the item from zero, tag, …
BulkPath = tuple[int, ...]


def path_text(path: BulkPath) -> str:
    """Write a path as the end of an address: 00880200/0/7FE00010."""
    return "/".join([str(step) if place & 1 else f"{step:08X}" for place, step in enumerate(path)])


def path_of(text: str) -> BulkPath | None:
    """Read what `path_text` wrote; None when it is nothing of the kind."""
    parts = text.split("/")
    if len(parts) > _STEPS_MAX or not len(parts) & 1:
        return None
    steps: list[int] = []
    for place, part in enumerate(parts):
        pattern = _ITEM_NUMBER if place & 1 else _TAG
        if pattern.fullmatch(part) is None:
            return None
        steps.append(int(part, 10 if place & 1 else 16))
    return tuple(steps)
