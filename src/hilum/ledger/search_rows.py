"""A row of a search as the data set of a match: texts in UTF-8, what is empty left out."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.text_data_set import Columns, TextDataSet
from hilum.ledger.search_columns import OF_LEVEL, Computed
from hilum.ledger.search_extras import Beside, items_of
from hilum.ledger.texts import Row
from hilum.query.level import Level

_COLUMNS: Final = {
    level: tuple(
        (stored.tag, stored.vr) for above in Level if above <= level for stored in OF_LEVEL[above]
    )
    for level in Level
}
# Questions that want other attributes have other columns; clients ask the same ones again.
_KEPT: Final = 256


class RowReader:
    """Reads the rows of one statement: the columns of all levels, then what was computed."""

    def __init__(self, level: Level, computed: Sequence[Computed | Beside]) -> None:
        columns = (*_COLUMNS[level], *[(one.tag, one.vr) for one in computed])
        self._columns = _columns_of(columns)
        self._sequences = [
            (place, tag) for place, (tag, vr) in enumerate(columns) if vr == "SQ"
        ]  # fmt: skip

    def attributes_of(self, row: Row) -> DataSet:
        """Read a row; what is behind the columns is not of the match."""
        data_set = TextDataSet(self._columns, row)
        for place, tag in self._sequences:
            if row[place] is not None:
                data_set.elements[tag] = ("SQ", items_of(row[place], data_set))
        return data_set


@lru_cache(maxsize=_KEPT)
def _columns_of(columns: tuple[tuple[int, str], ...]) -> Columns:
    """Give the same object for the same columns: whoever reads them prepares that once."""
    return Columns((place, tag, vr) for place, (tag, vr) in enumerate(columns) if vr != "SQ")
