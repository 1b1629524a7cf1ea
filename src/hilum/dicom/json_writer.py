"""Data sets in the DICOM JSON Model (PS3.18 §F), as bytes in UTF-8.

Tags ascend; group lengths and group 0002 are left out; padding goes, the digits of numbers stay.
"""

from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final

from hilum.dicom import tags
from hilum.dicom.bulk import Bulk, BulkPath, BulkReference
from hilum.dicom.byte_order import in_other_order
from hilum.dicom.dataset import DataSet, Element
from hilum.dicom.json_numbers import decimal_literal, float_literal, integer_literal
from hilum.dicom.numbers import binary_numbers, tags_in
from hilum.dicom.person_name import PersonName
from hilum.dicom.vrs import BYTES_VRS, CHARSET_VRS, SINGLE_TEXT_VRS, STRUCT_LETTERS

# Where clients get a value that is not in the JSON; "": nowhere. The path says which value it is.
BulkUri = Callable[[BulkPath, str], str]

# Longer values become BulkDataURI where their VR may (PS3.18 §F.2.6) and there is an address.
INLINE_BYTES_MAX: Final = 1024

_MAY_BE_BULK: Final = BYTES_VRS | STRUCT_LETTERS.keys() | SINGLE_TEXT_VRS | {"DS", "IS", "UC"}
_FILE_META_GROUP: Final = 0x0002
_SHORT_BYTES_MAX: Final = 64
_UTF_8: Final = ',"Value":["ISO_IR 192"]'  # of this JSON, whatever the values were in (PS3.18 §F.2)
_PLAIN: Final = DataSet()

quoted = encode_basestring


def nowhere(path: BulkPath, vr: str) -> str:
    """Give no address."""
    del path, vr
    return ""


def may_be_bulk(vr: str) -> bool:
    """Tell whether values of a VR may be somewhere else (PS3.18 §F.2.6)."""
    return vr in _MAY_BE_BULK


def to_json(
    data_set: DataSet, *, bulk: BulkUri = nowhere, inline_bytes_max: int = INLINE_BYTES_MAX
) -> bytes:
    """Write one data set as a JSON object.

    What is only in the payload (`Bulk`) and has no address is left out.
    """
    return _Writer(bulk, inline_bytes_max).data_set(data_set, ()).encode("utf-8", "replace")


@lru_cache(maxsize=16 << 10)  # the dictionary has 5,300 attributes; private ones come and go
def prefix(tag: int, vr: str) -> str:
    """Write how an element begins."""
    return f'"{tag:08X}":{{"vr":"{vr}"'


class _Writer:
    """Writes with one set of addresses."""

    def __init__(self, bulk: BulkUri, inline_bytes_max: int) -> None:
        self._bulk = bulk
        self._inline_bytes_max = inline_bytes_max

    def data_set(self, data_set: DataSet, path: BulkPath) -> str:
        """Write the elements of a data set or an item."""
        parts: list[str] = []
        straight = data_set.little_endian
        for tag, element in data_set.sorted():
            if not tag & 0xFFFF or tag >> 16 == _FILE_META_GROUP:
                continue
            vr, value = element
            if not isinstance(value, bytes) or len(value) > self._inline_bytes_max:
                body = self.large(data_set, element, (*path, tag))
                if body is None:
                    continue
            elif tag == tags.SPECIFIC_CHARACTER_SET:
                body = _UTF_8 if value else ""
            elif len(value) <= _SHORT_BYTES_MAX and straight and _has_one_meaning(vr, value):
                body = _short_body(vr, value)
            else:
                body = _body(data_set, element)
            parts.append(prefix(tag, vr) + body + "}")
        return "{" + ",".join(parts) + "}"

    def large(self, data_set: DataSet, element: Element, path: BulkPath) -> str | None:
        """Write a sequence, or a value that may be somewhere else; None: it is left out."""
        vr, value = element
        if isinstance(value, list):
            if not value:
                return ""
            items = [self.data_set(item, (*path, at)) for at, item in enumerate(value)]
            return ',"Value":[' + ",".join(items) + "]"
        if isinstance(value, BulkReference):
            return ',"BulkDataURI":' + quoted(value.uri)
        uri = self._bulk(path, vr) if vr in _MAY_BE_BULK else ""
        if uri:
            return ',"BulkDataURI":' + quoted(uri)
        return None if isinstance(value, Bulk) else _body(data_set, element)


_ALL_INLINE: Final = _Writer(nowhere, INLINE_BYTES_MAX)


def element_json(data_set: DataSet, tag: int, element: Element) -> str:
    """Write one element of a data set with its tag; "" for what is only in the payload.

    Specific Character Set is not told apart: whoever puts an object together says what that is.
    """
    vr, value = element
    if not isinstance(value, bytes):
        body = _ALL_INLINE.large(data_set, element, (tag,))
        return "" if body is None else prefix(tag, vr) + body + "}"
    if len(value) <= _SHORT_BYTES_MAX and data_set.little_endian and _has_one_meaning(vr, value):
        return prefix(tag, vr) + _short_body(vr, value) + "}"
    return prefix(tag, vr) + _body(data_set, element) + "}"


def _has_one_meaning(vr: str, raw: bytes) -> bool:
    """Tell whether a value means the same in every character set."""
    return vr not in CHARSET_VRS or (raw.isascii() and b"\x1b" not in raw)


@lru_cache(maxsize=8 << 10)
def _short_body(vr: str, raw: bytes) -> str:
    """Write a short value; those of an instance are mostly those of its series."""
    return _body(_PLAIN, (vr, raw))


def _body(data_set: DataSet, element: Element) -> str:
    """Write the value of an element that has its bytes."""
    vr, raw = element
    if not raw or not isinstance(raw, bytes):
        return ""
    if vr in STRUCT_LETTERS:
        return _numbers(vr, raw, little_endian=data_set.little_endian)
    if vr in BYTES_VRS:
        straight = raw if data_set.little_endian else in_other_order(raw, vr)
        return ',"InlineBinary":"' + b64encode(straight).decode("ascii") + '"'
    if vr == "AT":
        found = tags_in(raw, little_endian=data_set.little_endian)
        return ',"Value":[' + ",".join([f'"{one:08X}"' for one in found]) + "]" if found else ""
    return text_body(vr, data_set.text_of(element))


def text_body(vr: str, text: str) -> str:
    """Write a value that is text, without padding, and the names of people and decimals as such."""
    if not text:
        return ""
    if vr in SINGLE_TEXT_VRS:
        return ',"Value":[' + quoted(text) + "]"
    write = value_writer(vr)
    if "\\" not in text:
        return ',"Value":[' + write(text) + "]"
    # An empty value between others is null (PS3.18 §F.2.5).
    values = [value.strip("\0 ") for value in text.split("\\")]
    return ',"Value":[' + ",".join([write(one) if one else "null" for one in values]) + "]"


def value_writer(vr: str) -> Callable[[str], str]:
    """Give what writes a single value of a VR that is text, without padding."""
    return _WRITERS.get(vr, quoted)


def _numbers(vr: str, raw: bytes, *, little_endian: bool) -> str:
    numbers = binary_numbers(vr, raw, little_endian=little_endian)
    if not numbers:
        return ""
    if vr in {"FL", "FD"}:
        return ',"Value":[' + ",".join(map(float_literal, numbers)) + "]"
    if vr in {"SV", "UV"}:
        return ',"Value":[' + ",".join([integer_literal(int(one)) for one in numbers]) + "]"
    return ',"Value":[' + ",".join(map(str, numbers)) + "]"


def _name(text: str) -> str:
    """Write a name; groups that are empty are left out (PS3.18 §F.2.2)."""
    if "=" not in text:
        alphabetic = text.strip(" ")
        return f'{{"Alphabetic":{quoted(alphabetic)}}}' if alphabetic else "null"
    name = PersonName.of(text)
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), name.groups, strict=True)
    found = [f'"{group}":{quoted(value)}' for group, value in groups if value]
    return "{" + ",".join(found) + "}" if found else "null"


_WRITERS: Final[dict[str, Callable[[str], str]]] = {
    "US": str,
    "PN": _name,
    "IS": decimal_literal,
    "DS": decimal_literal,
}
