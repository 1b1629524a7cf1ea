"""Keys as people type them: `PatientName=DOE*`, `0010,0020=1`, `Sequence[0].Keyword=…`; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from hilum.dicom import dictionary
from hilum.dicom.building import DataSetBuilder, WrongValue
from hilum.dicom.dataset import DataSet
from hilum.dicom.vrs import STRUCT_LETTERS, vr_of
from hilum.kernel.errors import Misconfigured

Path = tuple[int, ...]

_STEP: Final = re.compile(
    r"(?:\(?(?P<group>[0-9A-Fa-f]{4}),\s*(?P<element>[0-9A-Fa-f]{4})\)?|(?P<name>\w+))"
    r"(?:\[(?P<item>\d+)\])?(?:\.|$)"
)
_DIGITS: Final = re.compile(r"[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute, through sequences if need be, and the value it must have; "" asks for it."""

    path: Path
    value: str = ""


def parse_key(text: str) -> Key:
    """Read a key as `findscu -k` takes it.

    Raises:
        Misconfigured: it names no attribute.
    """
    name, _, value = text.partition("=")
    path: list[int] = []
    at = 0
    while at < len(name):
        match = _STEP.match(name, at)
        if match is None:
            raise _not_a_key(text)
        if match["item"] not in {None, "0"}:
            raise Misconfigured(f"-k {text!r}: a query has one item in a sequence, which is [0]")
        path.append(_tag_of(match, text))
        at = match.end()
    if not path or name.endswith("."):
        raise _not_a_key(text)
    if any(vr_of(tag) != "SQ" for tag in path[:-1]):
        raise Misconfigured(f"-k {text!r}: only sequences have attributes below them")
    if value and vr_of(path[-1]) == "SQ":
        raise Misconfigured(f"-k {text!r}: a sequence has no value; write Sequence[0].Keyword=…")
    return Key(tuple(path), value)


def _tag_of(match: re.Match[str], text: str) -> int:
    if match["group"]:
        return int(match["group"] + match["element"], 16)
    name = match["name"]
    tag = dictionary.tag_of(name)
    if tag is not None:
        return tag
    if _DIGITS.fullmatch(name):
        return int(name, 16)
    near = get_close_matches(name, dictionary.keywords(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise Misconfigured(f"-k {text!r}: {name!r} is no keyword of the data dictionary{hint}")


def _not_a_key(text: str) -> Misconfigured:
    return Misconfigured(
        f"-k {text!r} is not a key; write Keyword=Value, 0010,0020=Value or "
        "Sequence[0].Keyword=Value; without a value the attribute is only asked for"
    )


@dataclass(slots=True)
class _Branch:
    values: dict[int, str] = field(default_factory=dict)
    below: "dict[int, _Branch]" = field(default_factory=dict)


def identifier_of(keys: Iterable[Key], *, charset: str) -> DataSet:
    """Put keys together; of two for one attribute the later counts.

    Raises:
        Misconfigured: a value does not fit its attribute, or not into the character set.
    """
    root = _Branch()
    for key in keys:
        branch = root
        for step in key.path[:-1]:
            branch = branch.below.setdefault(step, _Branch())
        branch.values[key.path[-1]] = key.value
    builder = DataSetBuilder(charset)
    try:
        _fill(builder, root)
    except WrongValue as error:
        raise Misconfigured(f"a key cannot be sent: {error}") from error
    return builder.data_set


def _fill(builder: DataSetBuilder, branch: _Branch) -> None:
    for tag, value in branch.values.items():
        if not value:
            builder.empty(tag)
        elif vr_of(tag) in STRUCT_LETTERS or vr_of(tag) == "AT":
            builder.texts(tag, *value.split("\\"))
        else:
            builder.texts(tag, value)
    for tag, below in branch.below.items():
        item = builder.item()
        _fill(item, below)
        builder.items(tag, item.data_set)
