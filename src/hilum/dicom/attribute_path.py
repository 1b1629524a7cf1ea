"""The way to an attribute through sequences, as rules, queries and extra keys write it.

PatientName · 00100010 · RequestAttributesSequence.ScheduledProcedureStepID
(0019,"SIEMENS MR HEADER",0a) · (0010,0010)
"""

import re
from dataclasses import dataclass
from typing import Final

from hilum.dicom import dictionary

STEPS_MAX: Final = 16  # no module of PS3.3 nests attributes that deep; each step costs a search

_DIGITS: Final = re.compile(r"[0-9A-Fa-f]{8}")
_TAG: Final = re.compile(r"\(\s*([0-9A-Fa-f]{4})\s*,\s*([0-9A-Fa-f]{4})\s*\)")
_PRIVATE: Final = re.compile(
    r"\(\s*([0-9A-Fa-f]{3}[13579BDFbdf])\s*,\s*\"([^\"\\]{1,64})\"\s*,\s*([0-9A-Fa-f]{2})\s*\)"
)
_STEP: Final = re.compile(r"(\([^()\"]*(?:\"[^\"]*\"[^()\"]*)?\)|[^.()\"]+)(?:\.|$)")


class NoSuchAttribute(ValueError):
    """The text names no attribute; the message says which part of it and what was expected."""


@dataclass(frozen=True, slots=True)
class PrivateAttribute:
    """A private attribute by its creator: its block differs from data set to data set."""

    group: int
    creator: str
    element: int  # the last two digits of the tag


Step = int | PrivateAttribute


@dataclass(frozen=True, slots=True)
class AttributePath:
    """Sequences on the way, and the attribute at its end."""

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> "AttributePath":
        """Read a path.

        Raises:
            NoSuchAttribute: a part is no keyword, no tag and no private attribute.
        """
        parts: list[str] = []
        at = 0
        while at < len(text) and len(parts) <= STEPS_MAX:
            match = _STEP.match(text, at)
            if match is None:
                break
            parts.append(match[1])
            at = match.end()
        if not parts or at < len(text) or text.endswith("."):
            raise NoSuchAttribute(
                f"{text[:80]!r} is not an attribute: a keyword, a tag of eight digits, or "
                '(gggg,"creator",ee), with dots between sequences and what is in them'
            )
        return cls(tuple(_step(part) for part in parts))

    @property
    def tag(self) -> int | None:
        """The tag at its end; None when it is private."""
        last = self.steps[-1]
        return last if isinstance(last, int) else None


def _step(part: str) -> Step:
    """Read one part of a path."""
    if private := _PRIVATE.fullmatch(part):
        return PrivateAttribute(int(private[1], 16), private[2], int(private[3], 16))
    if pair := _TAG.fullmatch(part):
        return int(pair[1] + pair[2], 16)
    tag = dictionary.tag_of(part)
    if tag is not None:
        return tag
    if _DIGITS.fullmatch(part):
        return int(part, 16)
    raise NoSuchAttribute(f"{part[:80]!r} is no keyword of the data dictionary and no tag")
