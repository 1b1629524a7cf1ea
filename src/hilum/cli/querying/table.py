"""Matches as a table that begins before the last match is there, as wide as what it shows.

On a terminal, where a line may be too short, UIDs get a line of their own (they are what people
copy), some columns are left out, and names and descriptions are cut.
"""

import time
from collections.abc import Sequence
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size

from hilum.cli.querying.columns import Column, is_text
from hilum.dicom.dataset import DataSet

# The first matches say how wide columns are; nobody waits longer than this for them.
_FIRST_ROWS: Final = 50
_FIRST_SECONDS: Final = 1.0
_GAP: Final = "  "
_TEXT_WIDTH_MIN: Final = 14


class Table:
    """Prints matches to a stream; `width` is that of the terminal, None: there is none."""

    def __init__(
        self, columns: Sequence[Column], stream: TextIO, *, width: int | None = None
    ) -> None:
        self._columns = columns
        self._stream = stream
        self._width = width
        self._waiting: list[list[str]] = []
        self._since = 0.0
        self._widths: dict[int, int] | None = None  # by column; some may be left out
        self._is_split = False

    def match(self, match: DataSet) -> None:
        """Show a match, now or soon."""
        row = [column.cell(match) for column in self._columns]
        if self._widths is not None:
            self._print(row)
            return
        now = time.monotonic()
        if not self._waiting:
            self._since = now
        self._waiting.append(row)
        if len(self._waiting) >= _FIRST_ROWS or now - self._since > _FIRST_SECONDS:
            self._begin()

    def close(self) -> None:
        """Show what is still to be shown."""
        if self._waiting:
            self._begin()

    def _begin(self) -> None:
        """Fix the widths, print the titles and what has waited."""
        titles = [column.title for column in self._columns]
        rows, self._waiting = [titles, *self._waiting], []
        widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
        self._widths = dict(enumerate(widths))
        if self._width is not None and _line(widths) > self._width:
            self._is_split = True
            del self._widths[len(widths) - 1]
            self._fit(self._widths, self._width)
        for row in rows:
            self._print(row)

    def _fit(self, widths: dict[int, int], room: int) -> None:
        """Leave spare columns out until the others can be made to fit, then cut the widest."""
        texts = [index for index in widths if is_text(self._columns[index])]
        spare = [index for index in widths if self._columns[index].is_spare]
        while spare and _line([_least(widths[i], i in texts) for i in widths]) > room:
            del widths[spare.pop()]
        texts = [index for index in texts if index in widths]
        while texts and _line(list(widths.values())) > room:
            widest = max(texts, key=lambda index: widths[index])
            if widths[widest] <= _TEXT_WIDTH_MIN:
                return
            widths[widest] -= 1

    def _print(self, row: Sequence[str]) -> None:
        widths = self._widths or {}
        cells = [self._cell(row[i], width, self._columns[i]) for i, width in widths.items()]
        print(_GAP.join(cells).rstrip(), file=self._stream)
        if self._is_split:
            print(f"{_GAP}{row[-1]}", file=self._stream)
        if self._width is not None:
            self._stream.flush()

    def _cell(self, text: str, width: int, column: Column) -> str:
        long = cell_len(text)
        if long > width and self._is_split and is_text(column):
            return set_cell_size(text, width - 1) + "…"
        padding = " " * (width - long)
        return padding + text if column.is_number else text + padding


def _least(width: int, is_cut: bool) -> int:  # noqa: FBT001 - one call, beside it
    return min(width, _TEXT_WIDTH_MIN) if is_cut else width


def _line(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
