"""A data set as a tree of elements whose values are bytes until somebody asks for them.

Values are as received, padding and all. Reading never raises: what cannot be read is not there.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from hilum.dicom import tags
from hilum.dicom.attribute_path import AttributePath, PrivateAttribute, Step
from hilum.dicom.bulk import Bulk, BulkReference
from hilum.dicom.charsets import DEFAULT_CHARSET, Charset, charset_of, decode
from hilum.dicom.numbers import binary_numbers, decimal_number, tags_in, whole_number
from hilum.dicom.person_name import PersonName
from hilum.dicom.vrs import BYTES_VRS, CHARSET_VRS, SINGLE_TEXT_VRS, STRUCT_LETTERS
from hilum.kernel.names import UID

Value = bytes | list["DataSet"] | Bulk | BulkReference
# VR and value. A plain tuple: a data set is thousands of them.
Element = tuple[str, Value]

NOTHING_TOLERATED: Final = MappingProxyType[str, int]({})


class DataSet:
    """Elements by their tag, in the order they came in, which is ascending nearly always.

    `charset` is what items inherit; the data set's own one, if it has one, is `current_charset`.
    """

    __slots__ = ("charset", "elements", "little_endian", "signed", "tolerated")

    def __init__(self, charset: Charset = DEFAULT_CHARSET, *, little_endian: bool = True) -> None:
        self.elements: dict[int, Element] = {}
        self.charset = charset
        self.little_endian = little_endian
        # Pixel Representation is 1 in a data set around this one; None: it is not said.
        self.signed: bool | None = None
        self.tolerated: dict[str, int] | MappingProxyType[str, int] = NOTHING_TOLERATED

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[int]:
        return iter(self.elements)

    def __contains__(self, tag: int) -> bool:
        return tag in self.elements

    def sorted(self) -> list[tuple[int, Element]]:
        """Give the elements in ascending order of their tags."""
        return sorted(self.elements.items(), key=_tag_of)

    # One attribute. Absent, empty and unreadable ones are alike.

    def vr(self, tag: int) -> str:
        """Give the VR of an attribute; "" when it is not there."""
        found = self.elements.get(tag)
        return found[0] if found else ""

    def raw(self, tag: int) -> bytes:
        """Give the bytes of a value; none when there are none at hand."""
        found = self.elements.get(tag)
        return found[1] if found and isinstance(found[1], bytes) else b""

    def items(self, tag: int, creator: str = "") -> list["DataSet"]:
        """Give the items of a sequence; of a private one by its creator, as `values` does."""
        found = self.elements.get(self.private_tag(tag, creator) if creator else tag)
        return found[1] if found and isinstance(found[1], list) else []

    def values(self, tag: int, creator: str = "") -> list[str]:
        """Give the values of an attribute as texts, without padding.

        A private attribute is asked for by its creator: the last two digits of the tag count, the
        block before them is where the data set has put the creator (PS3.5 §7.8.1).
        """
        found = self.elements.get(self.private_tag(tag, creator) if creator else tag)
        return self.texts_of(found) if found else []

    def text(self, tag: int) -> str:
        """Give a value as text without its padding; several stay joined by a backslash."""
        found = self.elements.get(tag)
        return self.text_of(found) if found else ""

    def texts(self, tag: int) -> list[str]:
        """Give the values of an attribute as texts, each without its padding."""
        found = self.elements.get(tag)
        return self.texts_of(found) if found else []

    def uid(self, tag: int) -> UID:
        """Give a value as a UID. It may be malformed: see `is_uid`."""
        return UID(self.text(tag))

    def names(self, tag: int) -> list[PersonName]:
        """Give the names of people in an attribute."""
        return [PersonName.of(text) for text in self.texts(tag)]

    def numbers(self, tag: int) -> list[int | float]:
        """Give binary numbers of an attribute, or what its decimal texts mean; others are left out.

        `texts` has decimal texts exactly as they stand.
        """
        found = self.elements.get(tag)
        if not found or not isinstance(found[1], bytes):
            return []
        if found[0] in STRUCT_LETTERS:
            return binary_numbers(found[0], found[1], little_endian=self.little_endian)
        return [
            number for text in self.texts_of(found) if (number := decimal_number(text)) is not None
        ]

    def integer(self, tag: int) -> int | None:
        """Give the first value as a whole number; None when there is none to read."""
        found = self.elements.get(tag)
        if not found or not isinstance(found[1], bytes) or not found[1]:
            return None
        if found[0] in STRUCT_LETTERS:
            numbers = binary_numbers(found[0], found[1], little_endian=self.little_endian)
            return int(numbers[0]) if numbers and isinstance(numbers[0], int) else None
        return whole_number(found[1])

    def tags(self, tag: int) -> list[int]:
        """Give the tags that are the values of an attribute (VR AT)."""
        return tags_in(self.raw(tag), little_endian=self.little_endian)

    # Any attribute, by what is known of it only when the program runs.

    def current_charset(self) -> Charset:
        """Give the character set of this data set's own texts."""
        found = self.elements.get(tags.SPECIFIC_CHARACTER_SET)
        if found is None or not isinstance(found[1], bytes):
            return self.charset
        # An item that says nothing may still say so: an empty value is the default (PS3.3 §C.12.1).
        return charset_of(found[1])

    def text_of(self, element: Element) -> str:
        """Give the value of an element of this data set as text, without padding."""
        vr, raw = element
        if not raw or not isinstance(raw, bytes) or vr in BYTES_VRS:
            return ""
        if vr in STRUCT_LETTERS or vr == "AT":
            return "\\".join(self.texts_of(element))
        if raw.isascii() and b"\x1b" not in raw:
            text = raw.decode("ascii")
        elif vr in CHARSET_VRS:
            text = decode(raw, self.current_charset())
        else:
            text = raw.decode("latin_1")
        text = text.rstrip("\0 ") if vr in SINGLE_TEXT_VRS else text.strip("\0 ")
        # A NUL inside would end the text early for C programs and is refused by databases. It is
        # replaced, not dropped: two different identifiers must not become one.
        return text.replace("\0", "\ufffd") if "\0" in text else text

    def texts_of(self, element: Element) -> list[str]:
        """Give the values of an element of this data set as texts, numbers in decimal."""
        vr, raw = element
        if not raw or not isinstance(raw, bytes) or vr in BYTES_VRS:
            return []
        if vr in STRUCT_LETTERS:
            return [str(n) for n in binary_numbers(vr, raw, little_endian=self.little_endian)]
        if vr == "AT":
            return [f"{tag:08X}" for tag in tags_in(raw, little_endian=self.little_endian)]
        text = self.text_of(element)
        if not text:
            return []
        if vr in SINGLE_TEXT_VRS:
            return [text]
        return [value.strip("\0 ") for value in text.split("\\")] if "\\" in text else [text]

    def private_tag(self, tag: int, creator: str) -> int:
        """Find the tag of a private attribute in this data set; -1 when its creator is not there.

        A creator may have several blocks: the first that has the attribute counts.
        """
        first = -1
        for block in range(0x10, 0x100):
            reserving = tag & 0xFFFF0000 | block
            if reserving in self.elements and self.text(reserving) == creator:
                found = tag & 0xFFFF0000 | block << 8 | tag & 0xFF
                if found in self.elements:
                    return found
                first = found if first < 0 else first
        return first

    def creator_of(self, tag: int) -> str:
        """Give the private creator of an attribute; "" when it has none (PS3.5 §7.8.1)."""
        return self.text(tag & 0xFFFF0000 | (tag >> 8 & 0xFF)) if tag & 0x10000 else ""

    def values_at(self, path: str | AttributePath) -> Sequence[str]:
        """Give all values at the end of a path as texts, of every item on the way.

        Raises:
            NoSuchAttribute: the text is not a path.
        """
        steps = (AttributePath.parse(path) if isinstance(path, str) else path).steps
        found: list[str] = []
        for node, tag in self._ends(steps):
            found += node.texts(tag)
        return found

    def has(self, path: str | AttributePath) -> bool:
        """Tell whether an attribute is there, with or without a value, in any item on the way."""
        steps = (AttributePath.parse(path) if isinstance(path, str) else path).steps
        return any(tag in node.elements for node, tag in self._ends(steps))

    def _ends(self, steps: Sequence[Step]) -> list[tuple["DataSet", int]]:
        """Follow a path to the data sets at its end, and the tag it has in each."""
        nodes = [self]
        for step in steps[:-1]:
            nodes = [item for node in nodes for item in node.items(*_asked(step))]
        last, creator = _asked(steps[-1])
        return [(node, node.private_tag(last, creator) if creator else last) for node in nodes]


def _asked(step: Step) -> tuple[int, str]:
    """Give a step as tag and creator."""
    if isinstance(step, PrivateAttribute):
        return step.group << 16 | step.element, step.creator
    return step, ""


def _tag_of(entry: tuple[int, Element]) -> int:
    return entry[0]
