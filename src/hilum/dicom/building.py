"""Make a data set from texts, numbers and items: identifiers, responses, reports of services."""

from struct import Struct, error
from typing import Final

from hilum.dicom import tags
from hilum.dicom.charset_writing import DEFAULT, text_writer
from hilum.dicom.charsets import charset_of
from hilum.dicom.dataset import DataSet
from hilum.dicom.vrs import CHARSET_VRS, SHORT, STRUCT_LETTERS, vr_of

_AMBIGUOUS: Final = {"US or SS": "US", "US or OW": "OW", "OB or OW": "OW", "US or SS or OW": "OW"}


class WrongValue(ValueError):
    """A value does not fit its VR. The message names the attribute, never the value."""


class DataSetBuilder:
    """Collects elements; VRs are those of the dictionary unless one is given."""

    def __init__(self, charset: str = DEFAULT) -> None:
        self.data_set = DataSet()
        self.use(charset)
        if charset:
            self.raw(tags.SPECIFIC_CHARACTER_SET, charset.encode("ascii", "replace"), vr="CS")

    def use(self, charset: str) -> None:
        """Write texts in a character set without saying so: for who says it elsewhere."""
        self._charset = charset
        self._writer = text_writer(charset)
        self.data_set.charset = charset_of(charset.encode("ascii", "replace"))

    def item(self) -> "DataSetBuilder":
        """Start an item; it has the character set of the data set around it."""
        inner = DataSetBuilder()
        inner.use(self._charset)
        return inner

    def texts(self, tag: int, *values: str, vr: str = "") -> "DataSetBuilder":
        """Put an attribute of texts; none makes it empty.

        Raises:
            WrongValue: the character set has not all of the characters.
        """
        vr = vr or self._vr(tag)
        if vr in STRUCT_LETTERS:
            return self.numbers(tag, *[_as_number(tag, value) for value in values], vr=vr)
        if vr == "AT":
            return self.tags(tag, *[_as_tag(tag, value) for value in values])
        text = "\\".join(values)
        try:
            raw = self._writer.encode(text) if vr in CHARSET_VRS else text.encode("latin_1")
        except UnicodeEncodeError as error_of_codec:
            charset = self._charset or "ISO_IR 6"
            raise WrongValue(
                f"{_name(tag)}: {charset!r} has not all of its characters"
            ) from error_of_codec
        return self.raw(tag, raw, vr=vr)

    def numbers(self, tag: int, *values: float, vr: str = "") -> "DataSetBuilder":
        """Put an attribute of numbers, binary or decimal as its VR has it.

        Raises:
            WrongValue: a number does not fit.
        """
        vr = vr or self._vr(tag)
        letter = STRUCT_LETTERS.get(vr)
        if letter is None:
            return self.texts(tag, *[str(value) for value in values], vr=vr)
        try:
            raw = Struct(f"<{len(values)}{letter}").pack(*values)
        except error as wrong:
            raise WrongValue(f"{_name(tag)}: no {vr}: {wrong}") from wrong
        return self.raw(tag, raw, vr=vr)

    def tags(self, tag: int, *values: int) -> "DataSetBuilder":
        """Put an attribute whose values are tags."""
        pair = Struct("<HH").pack
        raw = b"".join([pair(value >> 16 & 0xFFFF, value & 0xFFFF) for value in values])
        return self.raw(tag, raw, vr="AT")

    def items(self, tag: int, *items: DataSet, vr: str = "SQ") -> "DataSetBuilder":
        """Put a sequence."""
        self.data_set.elements[tag] = (vr, list(items))
        return self

    def raw(self, tag: int, value: bytes, *, vr: str = "") -> "DataSetBuilder":
        """Put a value as bytes, little endian."""
        self.data_set.elements[tag] = (vr or self._vr(tag), value)
        return self

    def empty(self, tag: int, *, vr: str = "") -> "DataSetBuilder":
        """Put an attribute without a value, a sequence without items."""
        vr = vr or self._vr(tag)
        return self.items(tag) if vr == "SQ" else self.raw(tag, b"", vr=vr)

    def _vr(self, tag: int) -> str:
        vr = vr_of(tag)
        return vr if vr in SHORT or vr not in _AMBIGUOUS else _AMBIGUOUS[vr]


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _as_number(tag: int, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError as wrong:
            raise WrongValue(f"{_name(tag)}: not a number") from wrong


def _as_tag(tag: int, text: str) -> int:
    digits = text.strip("()").replace(",", "")
    if len(digits) != 8 or not digits.isalnum():
        raise WrongValue(f"{_name(tag)}: not a tag")
    try:
        return int(digits, 16)
    except ValueError as wrong:
        raise WrongValue(f"{_name(tag)}: not a tag") from wrong
