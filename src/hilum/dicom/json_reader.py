"""Data sets from the DICOM JSON Model (PS3.18 §F): bounded, and lenient where clients are careless.

Tolerated: one object without an array, tags in lower case or as keywords, a missing or wrong `vr`,
values without their array, numbers as texts and texts as numbers, names as plain texts, nulls.
"""

import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Container
from typing import Any, Final

from hilum.dicom import dictionary, tags
from hilum.dicom.building import DataSetBuilder, WrongValue
from hilum.dicom.bulk import BulkReference
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.dataset import DataSet
from hilum.dicom.limits import DEFAULT_LIMITS
from hilum.dicom.person_name import PersonName
from hilum.dicom.vrs import ALL, BYTES_VRS, CHARSET_VRS, SINGLE_TEXT_VRS, STRUCT_LETTERS, vr_of

# Objects cost twenty times their text: what is counted before anything is made of it.
JSON_BYTES_MAX: Final = 64 << 20
OBJECTS_MAX: Final = 1_000_000  # elements, items, names
VALUES_MAX: Final = 4_000_000
_DECIMAL_CHARACTERS_MAX: Final = 16  # PS3.5 §6.2, DS

Json = Any  # what `json.loads` gives


class BadJson(ValueError):
    """It is not the DICOM JSON Model. The message names the attribute, never a value."""


def read_json(content: bytes) -> list[DataSet]:
    """Read an array of data sets, or one.

    Texts are in UTF-8 afterwards, and Specific Character Set says so when any of them needs it.

    Raises:
        BadJson: it is not JSON, not this model, or beyond a limit.
    """
    parsed = _parse(content)
    if isinstance(parsed, dict):
        parsed = [parsed]
    if not isinstance(parsed, list):
        raise BadJson("there is neither a data set nor an array of data sets (PS3.18 §F.2.1)")
    return [_data_set(one) for one in parsed]


def read_some(content: bytes, only: Container[str]) -> DataSet:
    """Read some attributes of one data set: those in `only` (tags as eight upper-case digits).

    Names that are no such digits are read, too. Lists of matches are long, and half of each is of
    no use.

    Raises:
        BadJson: as above, of what is read.
    """
    parsed = _parse(content)
    if not isinstance(parsed, dict):
        raise BadJson("a data set is no object (PS3.18 §F.2.2)")
    return _data_set(
        {key: one for key, one in parsed.items() if len(key) != 8 or key.upper() in only}
    )


def _parse(content: bytes) -> Json:
    if len(content) > JSON_BYTES_MAX:
        raise BadJson(f"{len(content)} bytes of JSON; {JSON_BYTES_MAX} is the most")
    if content.count(b"{") > OBJECTS_MAX or content.count(b",") > VALUES_MAX:
        raise BadJson(f"more than {OBJECTS_MAX} objects or {VALUES_MAX} values of JSON")
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, parse_float=_Decimal)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadJson(f"it is not JSON{where} ({type(error).__name__})") from error


class _Decimal(str):
    """A number with a fraction, as its digits: DS has decimal digits, not a double."""

    __slots__ = ()


def _data_set(parsed: Json) -> DataSet:
    builder = DataSetBuilder()
    builder.use(UTF_8)
    _Reader().elements(builder, parsed, 0)
    data_set = builder.data_set
    if tags.SPECIFIC_CHARACTER_SET in data_set or is_foreign(data_set):
        data_set.elements[tags.SPECIFIC_CHARACTER_SET] = ("CS", UTF_8.encode())
    return data_set


def _say_utf_8(found: dict[int, Json]) -> None:
    content = found.pop(tags.SPECIFIC_CHARACTER_SET)
    if isinstance(content, dict) and content.get("Value"):
        found[tags.SPECIFIC_CHARACTER_SET] = {"vr": "CS", "Value": [UTF_8]}


def is_foreign(data_set: DataSet) -> bool:
    """Tell whether a text has characters beyond ASCII."""
    return any(
        any(map(is_foreign, value))
        if isinstance(value, list)
        else vr in CHARSET_VRS and isinstance(value, bytes) and not value.isascii()
        for vr, value in data_set.elements.values()
    )


class _Reader:
    """Reads one data set with its items."""

    def elements(self, builder: DataSetBuilder, parsed: Json, depth: int) -> None:
        if not isinstance(parsed, dict):
            raise BadJson("a data set or an item is no object (PS3.18 §F.2.2)")
        if depth > DEFAULT_LIMITS.depth_max:
            raise BadJson(f"sequences are nested more than {DEFAULT_LIMITS.depth_max} deep")
        found = {_tag(key): content for key, content in parsed.items()}
        if depth and tags.SPECIFIC_CHARACTER_SET in found:
            # All texts here are UTF-8, in items too: one that says otherwise would garble them.
            _say_utf_8(found)
        for tag in sorted(found):
            if tag >> 16 != 0x0002 and tag & 0xFFFF:
                try:
                    self._element(builder, tag, found[tag], depth)
                except (WrongValue, OverflowError, TypeError) as error:
                    raise BadJson(f"{tag:08X}: a value does not fit its VR") from error

    def _element(self, builder: DataSetBuilder, tag: int, content: Json, depth: int) -> None:
        if not isinstance(content, dict):
            content = {"Value": content}
        vr = _vr(tag, content)
        if "BulkDataURI" in content:
            uri = content["BulkDataURI"]
            if not isinstance(uri, str):
                raise BadJson(f"{tag:08X}: BulkDataURI is no text")
            builder.data_set.elements[tag] = (vr, BulkReference(uri))
        elif "InlineBinary" in content:
            builder.raw(tag, _binary(tag, content["InlineBinary"]), vr=vr)
        elif vr == "SQ":
            self._sequence(builder, tag, _list(content.get("Value")), depth)
        else:
            _put(builder, tag, vr, _list(content.get("Value")))

    def _sequence(self, builder: DataSetBuilder, tag: int, values: list[Json], depth: int) -> None:
        items: list[DataSet] = []
        for value in values:
            item = builder.item()
            self.elements(item, {} if value is None else value, depth + 1)
            items.append(item.data_set)
        builder.items(tag, *items)


def _tag(key: str) -> int:
    """Read the name of an attribute."""
    digits = key.strip("()").replace(",", "")
    if len(digits) == 8:
        try:
            return int(digits, 16)
        except ValueError:
            pass
    tag = dictionary.tag_of(key)
    if tag is None:
        raise BadJson(f"{key[:64]!r} is no tag of eight hexadecimal digits (PS3.18 §F.2.2)")
    return tag


def _vr(tag: int, content: dict[str, Json]) -> str:
    """Find the VR: what is said, what the dictionary has, or what the value looks like."""
    said = content.get("vr")
    if isinstance(said, str) and said.upper() in ALL:
        return said.upper()
    known = vr_of(tag)
    values = _list(content.get("Value"))
    if known in ALL and known != "UN":
        return known
    if " " in known:
        is_signed = any(isinstance(value, int) and value < 0 for value in values)
        return "OW" if "US" not in known else "SS" if is_signed else "US"
    if "InlineBinary" in content or "BulkDataURI" in content or not values:
        return "UN"
    if isinstance(values[0], dict):
        return "PN" if "Alphabetic" in values[0] else "SQ"
    return "UT" if isinstance(values[0], str) and not isinstance(values[0], _Decimal) else "DS"


def _list(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _binary(tag: int, value: Json) -> bytes:
    texts = [one for one in _list(value) if one is not None]
    if not all(isinstance(one, str) for one in texts):
        raise BadJson(f"{tag:08X}: InlineBinary is no text")
    try:
        return b"".join([b64decode("".join(one.split()), validate=True) for one in texts])
    except (NotBase64, ValueError) as error:
        raise BadJson(f"{tag:08X}: InlineBinary is not base64") from error


def _put(builder: DataSetBuilder, tag: int, vr: str, values: list[Json]) -> None:
    """Put an element from the values of its array."""
    if vr in BYTES_VRS:
        if any(value is not None for value in values):
            raise BadJson(f"{tag:08X}: {vr} has InlineBinary or BulkDataURI, not Value")
        builder.empty(tag, vr=vr)
        return
    if vr in STRUCT_LETTERS:
        present = [value for value in values if value is not None and value != ""]
        builder.numbers(tag, *[_number(tag, vr, value) for value in present], vr=vr)
        return
    write = _TEXTS.get(vr, _text)
    texts = ["" if value is None else write(tag, value) for value in values]
    if vr in SINGLE_TEXT_VRS:
        texts = ["\\".join(texts)]
    if vr == "AT":
        texts = [text for text in texts if text]
    builder.texts(tag, *texts, vr=vr)


def _number(tag: int, vr: str, value: Json) -> int | float:
    """Read a number for a binary VR."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadJson(f"{tag:08X}: {vr} has numbers")
    if isinstance(value, int | float):
        return value if vr in {"FL", "FD"} else _whole(tag, vr, value)
    try:
        return float(value) if vr in {"FL", "FD"} else int(value)
    except ValueError:
        return _whole(tag, vr, _float(tag, vr, value))


def _float(tag: int, vr: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadJson(f"{tag:08X}: {vr} has numbers") from error


def _whole(tag: int, vr: str, value: float) -> int:
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):  # noqa: PLR0124 -- NaN
        raise BadJson(f"{tag:08X}: {vr} has whole numbers")
    return int(value)


def _text(tag: int, value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadJson(f"{tag:08X}: a value is neither text nor number")
    # A lone half of a surrogate pair is JSON, but no character.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _name(tag: int, value: Json) -> str:
    """Read a name: an object with groups, or careless plain text."""
    if not isinstance(value, dict):
        return _text(tag, value)
    groups = [value.get(group) for group in ("Alphabetic", "Ideographic", "Phonetic")]
    return PersonName(*[_text(tag, group) if group else "" for group in groups]).text


def _decimal(tag: int, value: Json) -> str:
    """Read a DS: a number that is too long for one loses digits, a text stays as it is."""
    text = _text(tag, value)
    if isinstance(value, str) and not isinstance(value, _Decimal):
        return text
    digits = _DECIMAL_CHARACTERS_MAX
    while len(text) > _DECIMAL_CHARACTERS_MAX:
        text = f"{_float(tag, 'DS', text):.{digits}g}"
        digits -= 1
    return text


_TEXTS: Final[dict[str, Callable[[int, Json], str]]] = {"PN": _name, "DS": _decimal}
