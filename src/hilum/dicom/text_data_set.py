"""A data set of texts that are in Unicode already: its bytes are made when somebody wants them.

Lists of matches are thousands of these, and most are only written down again as text. So one is no
more than a row of a table, and what its columns mean; all else about it is made when it is asked
for.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final

from hilum.dicom.charsets import charset_of
from hilum.dicom.dataset import NOTHING_TOLERATED, DataSet, Element

# As a database gives it: what is not known is None or "".
Row = Sequence[Any]

_UTF_8: Final = charset_of(b"ISO_IR 192")
_UNSIGNED_SHORT: Final = Struct("<H")
_UNSIGNED_SHORT_MAX: Final = 0xFFFF


class Columns:
    """What stands in the places of a row: many rows have the same ones.

    Texts are decimal for numbers and joined by backslashes; some places may be of no attribute.
    """

    __slots__ = ("elements", "place_of")

    def __init__(self, elements: Iterable[tuple[int, int, str]]) -> None:
        """Take the place in the row, the tag and the VR of each."""
        self.elements = tuple(elements)
        self.place_of = {tag: place for place, tag, _ in self.elements}


class TextDataSet(DataSet):
    """Elements that are a `row` with some `columns`, without padding.

    The row is empty as soon as there are `elements`, which may then be changed.
    """

    __slots__ = ("columns", "row")

    def __init__(self, columns: Columns, row: Row) -> None:
        """Take a row; nothing else is set: who asks for it has it made."""
        self.columns = columns
        self.row = row

    def text(self, tag: int) -> str:
        """Give a value as text (see `DataSet.text`): of a row that is whole, as it stands there."""
        if self.row:
            value = self.row[self.columns.place_of[tag]] if tag in self.columns.place_of else ""
            if isinstance(value, str):
                return value
        return super().text(tag)

    def __getattr__(self, name: str) -> Any:
        """Make what is not there yet."""
        if name not in DataSet.__slots__:
            raise AttributeError(name)
        self.charset = _UTF_8
        self.little_endian = True
        self.signed = None
        self.tolerated = NOTHING_TOLERATED
        elements: dict[int, Element] = {}
        for place, tag, vr in self.columns.elements:
            value = self.row[place]
            if value is not None and value != "":
                elements[tag] = (vr, _raw(vr, str(value)))
        self.elements, self.row = elements, ()
        return getattr(self, name)


def _raw(vr: str, text: str) -> bytes:
    if vr == "US":
        numbers = [min(max(int(one), 0), _UNSIGNED_SHORT_MAX) for one in text.split("\\")]
        return b"".join([_UNSIGNED_SHORT.pack(number) for number in numbers])
    return text.encode()
