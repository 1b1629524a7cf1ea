"""The attributes that were wanted from a data set, as bytes and as values."""

from typing import Final

from hilum.dicom import dictionary, tags
from hilum.dicom.charsets import DEFAULT_CHARSET, Charset, charset_of, decode
from hilum.dicom.numbers import whole_number
from hilum.kernel.names import UID

# VRs whose values are binary whole numbers, and whether these have a sign (PS3.5 §6.2).
_SIGNED: Final = {"US": False, "UL": False, "UV": False, "SS": True, "SL": True, "SV": True}

# Spares the hot path the dictionary.
_UNSIGNED_SHORTS: Final = frozenset((tags.ROWS, tags.COLUMNS, tags.BITS_ALLOCATED))
_INTEGER_STRINGS: Final = frozenset(
    (tags.SERIES_NUMBER, tags.INSTANCE_NUMBER, tags.NUMBER_OF_FRAMES)
)


class Header:
    """Wanted top-level attributes of a data set. Absent, empty and unreadable values are alike.

    `values` are bytes as received. `tolerated` counts, by name, the odd encodings that were met.
    """

    __slots__ = ("charset", "little_endian", "tolerated", "values")

    def __init__(
        self, values: dict[int, bytes], tolerated: dict[str, int], *, little_endian: bool
    ) -> None:
        self.values = values
        self.tolerated = tolerated
        self.little_endian = little_endian
        raw = values.get(tags.SPECIFIC_CHARACTER_SET)
        self.charset: Charset = DEFAULT_CHARSET if raw is None else charset_of(raw)

    def text(self, tag: int) -> str:
        """Give a value as text without its padding; several values stay joined by a backslash."""
        raw = self.values.get(tag)
        if not raw:
            return ""
        if raw.isascii() and b"\x1b" not in raw:
            text = raw.decode("ascii").strip("\0 ")
        else:
            text = decode(raw, self.charset).strip("\0 ")
        # A NUL inside would end the text early for C programs and is refused by databases. It is
        # replaced, not dropped: two different identifiers must not become one.
        return text.replace("\0", "\ufffd") if "\0" in text else text

    def texts(self, tag: int) -> list[str]:
        """Give the values of an attribute, each without its padding; no values: an empty list."""
        text = self.text(tag)
        return [value.strip("\0 ") for value in text.split("\\")] if text else []

    def uid(self, tag: int) -> UID:
        """Give a value as a UID without its padding. It may be malformed: see `is_uid`."""
        return UID(self.text(tag))

    def integer(self, tag: int) -> int | None:
        """Give the first value as a whole number; None when there is none to read."""
        raw = self.values.get(tag)
        if not raw:
            return None
        if tag in _UNSIGNED_SHORTS:
            return int.from_bytes(raw[:2], "little" if self.little_endian else "big")
        if tag in _INTEGER_STRINGS:
            return whole_number(raw)
        return self._integer_by_dictionary(tag, raw)

    def _integer_by_dictionary(self, tag: int, raw: bytes) -> int | None:
        """Read a number whose VR only the dictionary knows."""
        found = dictionary.entry(tag)
        vr = found.vr.split(" ", maxsplit=1)[0] if found else ""
        if vr not in _SIGNED:
            return whole_number(raw)
        size = 2 if vr in {"US", "SS"} else 4 if vr in {"UL", "SL"} else 8
        order: Final = "little" if self.little_endian else "big"
        return int.from_bytes(raw[:size], order, signed=_SIGNED[vr])
