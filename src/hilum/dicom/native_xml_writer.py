"""Data sets in the Native DICOM Model (PS3.19 §A.1), as XML in UTF-8.

The same values as in JSON. Private attributes go by their creator and not by their block; group
lengths and group 0002 are left out.
"""

import re
from base64 import b64encode
from typing import Final

from hilum.dicom import tags
from hilum.dicom.bulk import Bulk, BulkPath, BulkReference
from hilum.dicom.byte_order import in_other_order
from hilum.dicom.dataset import DataSet, Element
from hilum.dicom.dictionary import entry
from hilum.dicom.json_writer import INLINE_BYTES_MAX, BulkUri, may_be_bulk, nowhere
from hilum.dicom.person_name import PersonName
from hilum.dicom.vrs import BYTES_VRS

NAMESPACE: Final = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

_FILE_META_GROUP: Final = 0x0002
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# What XML 1.0 has no way to say.
_NO_CHARACTERS: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
)


def to_xml(
    data_set: DataSet, *, bulk: BulkUri = nowhere, inline_bytes_max: int = INLINE_BYTES_MAX
) -> bytes:
    """Write one data set as a document.

    What is only in the payload (`Bulk`) and has no address is left out.
    """
    body = _Writer(bulk, inline_bytes_max).data_set(data_set, ())
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">{body}</NativeDicomModel>\n'
    )
    return document.encode("utf-8")


def _escaped(text: str) -> str:
    return _NO_CHARACTERS.sub("\ufffd", text).translate(_ESCAPES)


class _Writer:
    """Writes with one set of addresses."""

    def __init__(self, bulk: BulkUri, inline_bytes_max: int) -> None:
        self._bulk = bulk
        self._inline_bytes_max = inline_bytes_max

    def data_set(self, data_set: DataSet, path: BulkPath) -> str:
        """Write the elements of a data set or an item."""
        parts: list[str] = []
        for tag, element in data_set.sorted():
            if not tag & 0xFFFF or tag >> 16 == _FILE_META_GROUP:
                continue
            body = self._body(data_set, tag, element, (*path, tag))
            if body is not None:
                parts.append(_start(data_set, tag, element[0]) + body + "</DicomAttribute>")
        return "".join(parts)

    def _body(self, data_set: DataSet, tag: int, element: Element, path: BulkPath) -> str | None:
        """Write the value of an element; None: it is left out."""
        vr, value = element
        if isinstance(value, list):
            items = [self.data_set(item, (*path, at)) for at, item in enumerate(value)]
            return "".join([_numbered("Item", at, item) for at, item in enumerate(items, 1)])
        if isinstance(value, BulkReference):
            return f'<BulkData uri="{_escaped(value.uri)}"/>'
        is_large = isinstance(value, Bulk) or len(value) > self._inline_bytes_max
        uri = self._bulk(path, vr) if is_large and may_be_bulk(vr) else ""
        if uri:
            return f'<BulkData uri="{_escaped(uri)}"/>'
        if isinstance(value, Bulk):
            return None
        if tag == tags.SPECIFIC_CHARACTER_SET and value:
            return _numbered("Value", 1, "ISO_IR 192")  # of this document
        return _values(data_set, element)


def _start(data_set: DataSet, tag: int, vr: str) -> str:
    """Begin an attribute; a private one without its creator keeps its whole tag."""
    creator = data_set.creator_of(tag) if tag & 0xFF00 else ""
    if creator:
        shown = tag & 0xFFFF00FF
        return f'<DicomAttribute tag="{shown:08X}" vr="{vr}" privateCreator="{_escaped(creator)}">'
    known = entry(tag)
    keyword = f' keyword="{known.keyword}"' if known and known.keyword else ""
    return f'<DicomAttribute tag="{tag:08X}" vr="{vr}"{keyword}>'


def _numbered(name: str, number: int, body: str) -> str:
    return f'<{name} number="{number}">{body}</{name}>'


def _values(data_set: DataSet, element: Element) -> str:
    """Write what is neither a sequence nor somewhere else."""
    vr, raw = element
    if not raw or not isinstance(raw, bytes):
        return ""
    if vr in BYTES_VRS:
        straight = raw if data_set.little_endian else in_other_order(raw, vr)
        return "<InlineBinary>" + b64encode(straight).decode("ascii") + "</InlineBinary>"
    texts = data_set.texts_of(element)
    # Empty values leave gaps in the numbers; one at the end is written, or nobody would know of it.
    shown = [(at, text) for at, text in enumerate(texts, 1) if text or at == len(texts)]
    if vr == "PN":
        return "".join([_name(at, text) for at, text in shown])
    return "".join([_numbered("Value", at, _escaped(text)) for at, text in shown])


def _name(number: int, text: str) -> str:
    """Write a name with its groups and their components."""
    parts: list[str] = []
    for group, value in zip(_GROUPS, PersonName.of(text).groups, strict=True):
        components = value.split("^", len(_COMPONENTS) - 1)
        named = zip(_COMPONENTS, components, strict=False)
        body = "".join([f"<{name}>{_escaped(one)}</{name}>" for name, one in named if one])
        if body:
            parts.append(f"<{group}>{body}</{group}>")
    return _numbered("PersonName", number, "".join(parts))
