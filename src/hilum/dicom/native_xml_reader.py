"""Data sets from the Native DICOM Model (PS3.19 §A.1): bounded, and without a document type.

Without document types there are no entities: no bomb, and no file of ours that somebody asks for.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Final, NoReturn
from xml.parsers import expat

from hilum.dicom.building import DataSetBuilder, WrongValue
from hilum.dicom.bulk import BulkReference
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.dataset import DataSet
from hilum.dicom.limits import DEFAULT_LIMITS
from hilum.dicom.vrs import ALL, BYTES_VRS, vr_of

XML_BYTES_MAX: Final = 64 << 20
ELEMENTS_MAX: Final = 1_000_000  # of XML: an attribute is two of them or more
VALUES_MAX: Final = 4_000_000  # of all attributes, those that their numbers leave out among them

_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# An attribute, its item: two for each level; a name has four more below it.
_NESTING_MAX: Final = 2 * DEFAULT_LIMITS.depth_max + 8


class BadXml(ValueError):
    """It is not the Native DICOM Model. The message names the attribute, never a value."""


def read_xml(content: bytes) -> DataSet:
    """Read one data set; its texts are in UTF-8 afterwards, and it says so.

    Raises:
        BadXml: it is not XML, not this model, or beyond a limit.
    """
    if len(content) > XML_BYTES_MAX:
        raise BadXml(f"{len(content)} bytes of XML; {XML_BYTES_MAX} is the most")
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.buffer_text = True
    try:
        parser.Parse(content, True)  # noqa: FBT003 -- expat has no keywords
    except expat.ExpatError as error:
        raise BadXml(f"it is not XML: {expat.ErrorString(error.code)}") from error
    if reading.root is None:
        raise BadXml("it is not the Native DICOM Model (PS3.19 §A.1)")
    return reading.root.data_set


def _refuse(*_: object) -> NoReturn:
    raise BadXml("it declares a document type, which this model never has")


class _Attribute:
    """One attribute while it is read."""

    __slots__ = ("binary", "items", "tag", "uri", "values", "vr")

    def __init__(self, tag: int, vr: str) -> None:
        self.tag = tag
        self.vr = vr
        self.values: list[str] = []
        self.items: list[DataSet] = []
        self.binary: str | None = None
        self.uri: str | None = None

    def put(self, number: int, text: str) -> None:
        """Put a value at its place; those left out are empty."""
        self.values += [""] * (number - len(self.values))
        self.values[number - 1] = text


class _Reading:
    """Builds the data set while expat goes through the document."""

    def __init__(self) -> None:
        self.root: DataSetBuilder | None = None
        self._data_sets: list[DataSetBuilder] = []
        self._attributes: list[_Attribute] = []
        self._number = 1
        self._name: dict[str, dict[str, str]] = {}
        self._group = ""
        self._pieces: list[str] = []
        self._count = 0
        self._values_left = VALUES_MAX
        self._depth = 0

    def start(self, qualified: str, given: Mapping[str, str]) -> None:
        """Meet a start tag."""
        self._count += 1
        self._depth += 1
        if self._count > ELEMENTS_MAX or self._depth > _NESTING_MAX:
            raise BadXml(f"it has more than {ELEMENTS_MAX} elements, or too many in each other")
        name = qualified.rpartition(" ")[2]
        self._pieces = []
        if name == "NativeDicomModel" and self.root is None:
            self.root = DataSetBuilder(UTF_8)
            self._data_sets.append(self.root)
        elif name == "DicomAttribute" and self._data_sets:
            self._attributes.append(self._attribute(given))
        elif name == "Item" and self._attributes:
            self._data_sets.append(self._data_sets[-1].item())
        elif name in {"Value", "PersonName"}:
            self._number = self._number_of(given)
            self._name = {}
        elif name in _GROUPS:
            self._group = name
            self._name[name] = {}
        elif name == "BulkData" and self._attributes:
            self._attributes[-1].uri = given.get("uri") or given.get("uuid") or ""

    def end(self, qualified: str) -> None:
        """Meet an end tag."""
        self._depth -= 1
        name = qualified.rpartition(" ")[2]
        if not self._attributes:
            return
        attribute = self._attributes[-1]
        if name == "DicomAttribute":
            self._finish(self._attributes.pop())
        elif name == "Item":
            attribute.items.append(self._data_sets.pop().data_set)
        elif name == "Value":
            self._put(attribute, "".join(self._pieces))
        elif name == "InlineBinary":
            attribute.binary = "".join("".join(self._pieces).split())
        elif name == "PersonName":
            self._put(attribute, self._person_name())
        elif name in _COMPONENTS and self._group:
            self._name[self._group][name] = "".join(self._pieces)
        self._pieces = []

    def text(self, characters: str) -> None:
        """Meet text."""
        self._pieces.append(characters)

    def _attribute(self, given: Mapping[str, str]) -> _Attribute:
        digits = given.get("tag", "")
        try:
            tag = int(digits, 16) if len(digits) == 8 else -1
        except ValueError:
            tag = -1
        if tag < 0:
            raise BadXml("a DicomAttribute has no tag of eight hexadecimal digits")
        creator = given.get("privateCreator", "")
        if creator and tag & 0x10000:
            tag = self._reserve(tag, creator)
        vr = given.get("vr", "").upper()
        return _Attribute(tag, vr if vr in ALL else vr_of(tag).split(" ", maxsplit=1)[0])

    def _reserve(self, tag: int, creator: str) -> int:
        """Find a block of a private creator with room, or reserve one for it (PS3.5 §7.8.1).

        Who has two blocks for one creator may get an attribute back in the other one.
        """
        builder = self._data_sets[-1]
        free = 0
        for block in range(0xFF, 0xF, -1):
            reserving = tag & 0xFFFF0000 | block
            placed = tag & 0xFFFF0000 | block << 8 | tag & 0xFF
            if reserving not in builder.data_set:
                free = block
            elif builder.data_set.text(reserving) == creator and placed not in builder.data_set:
                return placed
        if not free:
            raise BadXml(f"{tag:08X}: its group has no block left for another private creator")
        self._put_texts(builder, tag & 0xFFFF0000 | free, "LO", [creator])
        return tag & 0xFFFF0000 | free << 8 | tag & 0xFF

    def _put(self, attribute: _Attribute, text: str) -> None:
        self._values_left -= max(self._number - len(attribute.values), 0)
        if self._values_left < 0:
            raise BadXml(f"it has more than {VALUES_MAX} values")
        attribute.put(self._number, text)

    def _number_of(self, given: Mapping[str, str]) -> int:
        text = given.get("number", "1")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
        if not 1 <= number <= VALUES_MAX:
            raise BadXml(f"the number of a value is not one of 1 to {VALUES_MAX}")
        return number

    def _person_name(self) -> str:
        groups = []
        for group in _GROUPS:
            components = self._name.get(group, {})
            groups.append("^".join([components.get(one, "") for one in _COMPONENTS]).rstrip("^"))
        return "=".join(groups).rstrip("=")

    def _finish(self, attribute: _Attribute) -> None:
        """Put an attribute into its data set."""
        builder, tag, vr = self._data_sets[-1], attribute.tag, attribute.vr
        if tag >> 16 == 0x0002 or not tag & 0xFFFF or tag == 0x00080005:
            return
        if attribute.uri is not None:
            builder.data_set.elements[tag] = (vr, BulkReference(attribute.uri))
        elif attribute.binary is not None:
            try:
                builder.raw(tag, b64decode(attribute.binary, validate=True), vr=vr)
            except (NotBase64, ValueError) as error:
                raise BadXml(f"{tag:08X}: InlineBinary is not base64") from error
        elif vr == "SQ" or attribute.items:
            builder.items(tag, *attribute.items)
        elif vr in BYTES_VRS:
            if any(attribute.values):
                raise BadXml(f"{tag:08X}: {vr} has InlineBinary or BulkData, not Value")
            builder.empty(tag, vr=vr)
        else:
            self._put_texts(builder, tag, vr, attribute.values)

    def _put_texts(self, builder: DataSetBuilder, tag: int, vr: str, values: list[str]) -> None:
        try:
            builder.texts(tag, *values, vr=vr)
        except (WrongValue, UnicodeEncodeError) as error:
            raise BadXml(f"{tag:08X}: a value does not fit its VR") from error
