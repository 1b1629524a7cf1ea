"""Reads the Native DICOM Model (PS3.19 §A.1), the XML that some servers answer with.

A document type is refused, and with it every entity somebody could declare: no bomb, no file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn
from xml.parsers import expat

from hilum.dicomweb.attributes import DEPTH_MAX, Attributes
from hilum.kernel.errors import RemoteProtocolError

ELEMENTS_MAX: Final = 500_000  # a whole study's answer has some ten thousand
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
_NESTING_MAX: Final = DEPTH_MAX * 2 + 8


def attributes_of_xml(content: bytes) -> Attributes:
    """Read one data set in XML.

    Raises:
        RemoteProtocolError: it is not XML, not this model, or beyond a limit.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.buffer_text = True
    try:
        parser.Parse(content, True)  # noqa: FBT003 -- expat has no keywords
    except expat.ExpatError as error:
        raise RemoteProtocolError(
            f"the body is not XML ({expat.ErrorString(error.code)})"
        ) from error
    if reader.root is None:
        raise RemoteProtocolError("the body is XML, but not the Native DICOM Model (PS3.19 §A.1)")
    return reader.root


def _refuse(*_: object) -> NoReturn:
    raise RemoteProtocolError("the body declares a document type, which DICOM XML never has")


_Values = list[str | int | float | Attributes]
_DataSet = dict[str, Sequence[str | int | float | Attributes]]


@dataclass(slots=True)
class _Reader:
    """Builds the data set while expat goes through the document."""

    root: Attributes | None = None
    data_sets: list[_DataSet] = field(default_factory=list)
    attributes: list[_Values] = field(default_factory=list)
    pieces: list[str] | None = None
    count: int = 0
    depth: int = 0

    def start(self, name: str, given: dict[str, str]) -> None:
        self.count += 1
        self.depth += 1
        if self.count > ELEMENTS_MAX or self.depth > _NESTING_MAX:
            raise RemoteProtocolError(
                f"the body has more than {ELEMENTS_MAX} XML elements, or too many in each other"
            )
        match name.rpartition(" ")[2]:
            case "NativeDicomModel" if self.root is None:
                first: _DataSet = {}
                self.root = first
                self.data_sets.append(first)
            case "DicomAttribute" if self.data_sets:
                values: _Values = []
                self.attributes.append(values)
                tag = given.get("tag", "")
                if _TAG.fullmatch(tag):
                    self.data_sets[-1][tag.upper()] = values
            case "Item" if self.attributes:
                item: _DataSet = {}
                self.attributes[-1].append(item)
                self.data_sets.append(item)
            case "Value" if self.attributes:
                self.pieces = []
            case _:
                pass

    def end(self, name: str) -> None:
        self.depth -= 1
        match name.rpartition(" ")[2]:
            case "DicomAttribute" if self.attributes:
                self.attributes.pop()
            case "Item" if len(self.data_sets) > 1:
                self.data_sets.pop()
            case "Value" if self.attributes and self.pieces is not None:
                self.attributes[-1].append("".join(self.pieces).strip())
                self.pieces = None
            case _:
                pass

    def text(self, characters: str) -> None:
        if self.pieces is not None:
            self.pieces.append(characters)
