"""A row of a search as the data set of a match: texts in UTF-8, what is empty left out."""

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from hilum.dicom.charsets import charset_of
from hilum.dicom.dataset import DataSet
from hilum.ledger.search_columns import OF_LEVEL, Computed
from hilum.ledger.search_extras import Beside, items_of
from hilum.ledger.texts import Row
from hilum.query.level import Level

_UTF_8: Final = charset_of(b"ISO_IR 192")
_UNSIGNED_SHORT: Final = Struct("<H")
_UNSIGNED_SHORT_MAX: Final = 0xFFFF
_COLUMNS: Final = {
    level: tuple(
        (stored.tag, stored.vr) for above in Level if above <= level for stored in OF_LEVEL[above]
    )
    for level in Level
}


def attributes_of(row: Row, level: Level, computed: Sequence[Computed | Beside]) -> DataSet:
    """Read a row: the columns of all levels in their order, then what was computed."""
    data_set = DataSet(_UTF_8)
    elements = data_set.elements
    columns = _COLUMNS[level]
    for (tag, vr), value in zip(columns, row, strict=False):
        if value is not None and value != "":
            elements[tag] = (vr, _raw(vr, value))
    for one, value in zip(computed, row[len(columns) :], strict=False):
        if value is None:
            continue
        if one.vr == "SQ":
            elements[one.tag] = ("SQ", items_of(value, data_set))
        else:
            elements[one.tag] = (one.vr, _raw(one.vr, value))
    return data_set


def _raw(vr: str, value: Any) -> bytes:
    if vr == "US":
        return b"".join(
            [
                _UNSIGNED_SHORT.pack(min(max(int(one), 0), _UNSIGNED_SHORT_MAX))
                for one in str(value).split("\\")
            ]
        )
    return str(value).encode()
