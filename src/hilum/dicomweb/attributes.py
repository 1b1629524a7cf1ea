"""A small data set as values: what answers of DICOMweb servers are made of, from JSON (PS3.18 §F).

Lenient where servers are known to be careless, bounded where they could be hostile.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Union

from hilum.kernel.errors import RemoteProtocolError

# Tags are eight upper-case hex digits, values are texts, numbers or items. Empty: no entry.
Attributes = Mapping[str, Sequence[Union[str, int, float, "Attributes"]]]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
DEPTH_MAX: Final = 16  # sequences in sequences; an answer to a store has two levels


def attributes_of_json(content: bytes) -> Attributes:
    """Read one data set in DICOM JSON.

    Tolerated: an array with one object, lower-case tags, a missing `vr`, null values, a byte order
    mark.

    Raises:
        RemoteProtocolError: it is not DICOM JSON.
    """
    try:
        parsed = json.loads(content.removeprefix(_BYTE_ORDER_MARK).decode())
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"the body is not JSON ({type(error).__name__})") from error
    if isinstance(parsed, list):
        # Seen: servers that answer a store as they answer a search (PS3.18 §F.2.1).
        if len(parsed) != 1:
            raise RemoteProtocolError(f"the body has {len(parsed)} data sets; expected one")
        parsed = parsed[0]
    return _data_set(parsed, 0)


def _data_set(parsed: Any, depth: int) -> Attributes:  # Any: JSON
    if not isinstance(parsed, dict):
        raise RemoteProtocolError("the body is JSON, but not a data set (PS3.18 §F.2)")
    if depth > DEPTH_MAX:
        raise RemoteProtocolError(f"the body has sequences more than {DEPTH_MAX} deep")
    return {tag.upper(): _values(found, depth) for tag, found in parsed.items()}


def _values(found: Any, depth: int) -> Sequence[str | int | float | Attributes]:
    values = found.get("Value") if isinstance(found, dict) else None
    if not isinstance(values, list):
        return ()
    return [
        _data_set(value, depth + 1) if isinstance(value, dict) else value
        for value in values
        if isinstance(value, str | int | float | dict)
    ]


def text_of(data_set: Attributes, tag: str) -> str:
    """Give the first value as text, without padding; empty when there is none."""
    values = data_set.get(tag)
    first = values[0] if values else ""
    return first.strip(" \0") if isinstance(first, str) else str(first) if first else ""


def integer_of(data_set: Attributes, tag: str) -> int | None:
    """Give the first value as a whole number; None when there is none.

    Texts count as well: servers write US as text, and some write it in hex with 0x.
    """
    values = data_set.get(tag)
    first = values[0] if values else None
    if isinstance(first, bool):
        return None
    if isinstance(first, int | float):
        return int(first) if abs(first) < 1 << 63 else None
    if not isinstance(first, str) or len(first) > 20:
        return None
    try:
        return int(first.strip(" \0"), 0)
    except ValueError:
        return None


def items_of(data_set: Attributes, tag: str) -> list[Attributes]:
    """Give the items of a sequence."""
    return [value for value in data_set.get(tag, ()) if isinstance(value, Mapping)]
