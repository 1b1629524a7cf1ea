"""A row of a search as the data set of a match: texts in UTF-8, what is empty left out."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.text_data_set import TextDataSet
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


def attributes_of(row: Row, level: Level, computed: Sequence[Computed | Beside]) -> DataSet:
    """Read a row: the columns of all levels in their order, then what was computed."""
    columns = _COLUMNS[level]
    texts = {
        tag: (vr, str(value))
        for (tag, vr), value in zip(columns, row, strict=False)
        if value is not None and value != ""
    }
    data_set = TextDataSet(texts)
    sequences: list[tuple[int, str]] = []
    for one, value in zip(computed, row[len(columns) :], strict=False):
        if value is None:
            continue
        if one.vr == "SQ":
            sequences.append((one.tag, value))
        else:
            texts[one.tag] = (one.vr, str(value))
    for tag, value in sequences:
        data_set.elements[tag] = ("SQ", items_of(value, data_set))
    return data_set
