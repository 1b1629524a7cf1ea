"""Paths from a pattern such as `{PatientID}/{StudyDate:%Y}/{SOPInstanceUID}.dcm`: pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from hilum.destinations.folder.file_names import EMPTY, name, part_of_name
from hilum.dicom.dictionary import entry, tag_of
from hilum.dicom.header import Header

# When an instance is delivered, in local time; the only field that is no attribute.
DELIVERED: Final = "delivered"
_NAMES_MAX: Final = 16  # folders deep; a path has 4,096 bytes in all
_FIELD: Final = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_DATE_FORMAT: Final = re.compile(r"(%[YymdjUVGuaAbBHMSfe]|[^%])+")
_WIDTH: Final = re.compile(r"0?[1-9][0-9]?")
_DATES: Final = {"DA": ("%Y%m%d",), "DT": ("%Y%m%d%H%M%S", "%Y%m%d"), "TM": ("%H%M%S", "%H%M")}
_LENGTHS: Final = {"%Y%m%d": 8, "%Y%m%d%H%M%S": 14, "%H%M%S": 6, "%H%M": 4}
_NUMBERS: Final = frozenset({"IS", "US", "UL", "SS", "SL"})
_BINARY: Final = frozenset({"US", "UL", "SS", "SL"})
_UNUSABLE: Final = frozenset(
    {"SQ", "OB", "OW", "OF", "OD", "OL", "OV", "UN", "FL", "FD", "AT", "SV", "UV", ""}
)
_COMMON: Final = (
    "PatientID",
    "PatientName",
    "AccessionNumber",
    "StudyDate",
    "StudyInstanceUID",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "SeriesInstanceUID",
    "InstanceNumber",
    "SOPInstanceUID",
)


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a name where a value goes."""

    keyword: str
    tag: int  # 0: the time of delivery
    vr: str
    format: str


Part = str | Field


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern that was read: names, each of texts and fields."""

    names: tuple[tuple[Part, ...], ...]

    @property
    def tags(self) -> frozenset[int]:
        """What must be known of an instance to name its file."""
        return frozenset(
            part.tag for one in self.names for part in one if isinstance(part, Field) and part.tag
        )

    def values(self, header: Header) -> dict[int, str]:
        """Read what the names are made of from a header that has all `tags`."""
        fields = {part for one in self.names for part in one if isinstance(part, Field)}
        return {field.tag: _text_of(header, field) for field in fields if field.tag}

    def path(self, values: Mapping[int, str], delivered: datetime) -> str:
        """Give a relative path for an instance with these values; a missing one is "none"."""
        return "/".join(self._names(values, delivered))

    def _names(self, values: Mapping[int, str], delivered: datetime) -> Sequence[str]:
        names: list[str] = []
        for one in self.names:
            text = "".join(
                part if isinstance(part, str) else _value(part, values, delivered) for part in one
            )
            # A date may be written with slashes: then it is several folders.
            names += [name(piece) for piece in text.split("/")]
        return names


def _text_of(header: Header, field: Field) -> str:
    if field.vr not in _BINARY:
        return header.text(field.tag)
    number = header.integer(field.tag)
    return "" if number is None else str(number)


def read_template(pattern: str) -> Template:
    """Read a pattern.

    Raises:
        ValueError: it says what is wrong and what can be written.
    """
    if pattern.startswith("/") or "\\" in pattern:
        raise ValueError("a path starts below the folder and has / between names, no \\")
    names = pattern.split("/") if not _has_slash_in_field(pattern) else _split(pattern)
    if len(names) > _NAMES_MAX:
        raise ValueError(f"{len(names)} names deep; at most {_NAMES_MAX} are possible")
    if any(one.strip(" .") == "" for one in names):
        raise ValueError("a name between two / is empty or only dots")
    template = Template(tuple(tuple(_parts(one)) for one in names))
    if tag_of("SOPInstanceUID") not in template.tags:
        raise ValueError("{SOPInstanceUID} must be in it: without it files get the same name")
    return template


def _has_slash_in_field(pattern: str) -> bool:
    return any("/" in found.group(0) for found in _FIELD.finditer(pattern))


def _split(pattern: str) -> list[str]:
    """Split at slashes that are not within a field."""
    hidden = _FIELD.sub(lambda found: found.group(0).replace("/", "\0"), pattern)
    return [one.replace("\0", "/") for one in hidden.split("/")]


def _parts(text: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    for found in _FIELD.finditer(text):
        parts += _literal(text[at : found.start()])
        parts.append(_field(found.group(1), found.group(2) or ""))
        at = found.end()
    return parts + _literal(text[at:])


def _literal(text: str) -> list[Part]:
    if "{" in text or "}" in text:
        raise ValueError(f"{text!r} has a brace that is not closed or not opened")
    if part_of_name(text) != text.strip(" "):
        raise ValueError(f"{text!r} has a character that not every file system takes")
    return [text] if text else []


def _field(keyword: str, form: str) -> Field:
    if keyword == DELIVERED:
        _check(keyword, form, is_date=True)
        return Field(keyword, 0, "DT", form or "%Y-%m-%d")
    tag = tag_of(keyword)
    found = None if tag is None else entry(tag)
    if tag is None or found is None:
        close = get_close_matches(keyword, [*_COMMON, DELIVERED], 1, 0.6)
        hint = f"; did you mean {{{close[0]}}}?" if close else ""
        raise ValueError(f"{{{keyword}}} is no attribute of the data dictionary{hint}")
    vr = found.vr.split(" ", maxsplit=1)[0]  # "US or SS"
    if vr in _UNUSABLE or tag >> 16 == 0x0002:
        raise ValueError(f"{{{keyword}}} has no text that could be a name (VR {vr})")
    _check(keyword, form, is_date=vr in _DATES, is_number=vr in _NUMBERS)
    return Field(keyword, tag, vr, form)


def _check(keyword: str, form: str, *, is_date: bool = False, is_number: bool = False) -> None:
    if not form:
        return
    if is_date and _DATE_FORMAT.fullmatch(form) and "%" in form:
        return
    if is_number and _WIDTH.fullmatch(form):
        return
    raise ValueError(
        f"{{{keyword}:{form}}}: a date can have a format such as %Y-%m-%d, a number a width such "
        "as 04, anything else none"
    )


def _value(field: Field, values: Mapping[int, str], delivered: datetime) -> str:
    if not field.tag:
        return delivered.strftime(field.format)
    text = values.get(field.tag, "").strip(" \0")
    if not text:
        return EMPTY
    if field.format and field.vr in _NUMBERS:
        return part_of_name(_padded(text, field.format))
    if field.format:
        return _dated(text, field)
    return part_of_name(text) or EMPTY


def _padded(text: str, width: str) -> str:
    try:
        return f"{int(text):{width}d}"
    except ValueError:
        return text


def _dated(text: str, field: Field) -> str:
    digits = re.sub(r"[.:]", "", text)
    for form in _DATES[field.vr]:
        try:
            return datetime.strptime(digits[: _LENGTHS[form]], form).strftime(field.format)  # noqa: DTZ007 - a date in a name has no zone
        except ValueError:
            continue
    return part_of_name(text) or EMPTY
