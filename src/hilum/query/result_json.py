"""Answers of searches as DICOM JSON, straight from their matches: lists have thousands of them.

The same as `to_json(result_of(…))`, for a tenth of the time; what is rare goes that way.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from hilum.dicom import tags
from hilum.dicom.json_writer import element_json, prefix, quoted, text_body, to_json, value_writer
from hilum.dicom.text_data_set import Columns, Row, TextDataSet
from hilum.query.answer import (
    INSTANCE_AVAILABILITY,
    MODALITIES_IN_STUDY,
    ONLINE,
    OWN,
    RETRIEVE_URL,
    result_of,
    unique_of,
)
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query

_CHARSET = f'"{tags.SPECIFIC_CHARACTER_SET:08X}":{{"vr":"CS","Value":["ISO_IR 192"]}}'
_AVAILABILITY = f'"{INSTANCE_AVAILABILITY:08X}":{{"vr":"CS","Value":["{ONLINE}"]}}'
# Of codes and numbers: in a list they are mostly the same few.
_WRITTEN_MAX: Final = 4096


class ResultJson:
    """Writes the matches of one query; `is_quick`: most take some microseconds."""

    def __init__(self, query: Query) -> None:
        self._query = query
        level = query.level
        wanted = {one.attribute: one for one in (*query.wanted, *unique_of(level))}
        self.is_quick = not query.everything and all(
            isinstance(one.attribute, int) and not one.items for one in wanted.values()
        )
        fixed = {tags.SPECIFIC_CHARACTER_SET: _CHARSET}
        if level > Level.PATIENT:
            fixed[INSTANCE_AVAILABILITY] = _AVAILABILITY
        empty = {
            tag: f'"{tag:08X}":{{"vr":"{one.vr}"}}'
            for tag, one in wanted.items()
            if isinstance(tag, int) and tag not in OWN and tag != INSTANCE_AVAILABILITY
        }
        if MODALITIES_IN_STUDY in empty:
            # Viewers trip over an empty one; see `result_of`.
            empty[MODALITIES_IN_STUDY] = ""
        # In ascending order: tag, what stands there without a value, and whether that is all.
        self._columns = [
            (tag, (fixed.get(tag) or empty.get(tag, "")), tag not in empty)
            for tag in sorted({*fixed, *empty, RETRIEVE_URL})
        ]
        self._rows: _RowWriter | None = None  # for the columns that came last

    def write(self, match: Match, *, retrieve_url: str) -> bytes:
        """Write one match; `retrieve_url` is "" where there is none."""
        if not self.is_quick:
            return to_json(result_of(self._query, match, retrieve_url=retrieve_url))
        source = match.attributes
        if isinstance(source, TextDataSet) and source.row:
            written = self._row_writer(source.columns).write(source.row, retrieve_url)
            if written is not None:
                return written
        elements = source.elements
        parts: list[str] = []
        for tag, text, is_fixed in self._columns:
            is_theirs = tag == INSTANCE_AVAILABILITY and match.answerer
            element = elements.get(tag) if is_theirs or not is_fixed else None
            if tag == RETRIEVE_URL and retrieve_url:
                parts.append(f"{_URL}{quoted(retrieve_url)}]}}")
            elif element is not None and (value := element_json(source, tag, element)):
                if tag != MODALITIES_IN_STUDY or element[1]:
                    parts.append(value)
            elif text:
                parts.append(text)
        return ("{" + ",".join(parts) + "}").encode("utf-8", "replace")

    def _row_writer(self, columns: Columns) -> "_RowWriter":
        rows = self._rows
        if rows is None or rows.columns is not columns:
            rows = self._rows = _RowWriter(columns, self._columns)
        return rows


_URL: Final = f'"{RETRIEVE_URL:08X}":{{"vr":"UR","Value":['


class _RowWriter:
    """Writes rows that have the same columns: nothing is decoded, little is decided for each."""

    def __init__(self, columns: Columns, wanted: list[tuple[int, str, bool]]) -> None:
        self.columns = columns
        vrs = {tag: vr for _, tag, vr in columns.elements}
        # What is the same in all rows stands before the next value, and behind the last one.
        self._parts: list[tuple[int, str, str, Callable[[Any], str]]] = []
        before = ""
        for tag, text, is_fixed in wanted:
            if tag == RETRIEVE_URL:
                self._parts.append((-1, f"{before},{_URL}", before, quoted))
            elif is_fixed or tag not in vrs:
                before += f",{text}" if text else ""
                continue
            else:
                begin = f'{before},{prefix(tag, vrs[tag])},"Value":['
                without = f"{before},{text}" if text else before
                place, write = columns.place_of[tag], _writer_of(vrs[tag])
                self._parts.append((place, begin, without, write))
            before = ""
        self._end = f"{before}}}"

    def write(self, row: Row, retrieve_url: str) -> bytes | None:
        """Write a row; None: it has something that takes a closer look."""
        values = (*row, retrieve_url)
        text = "".join(
            [
                # A count may be 0.
                f"{begin}{write(value)}]}}" if (value := values[place]) or value == 0 else without
                for place, begin, without, write in self._parts
            ]
        )
        # Several values, or letters that JSON writes otherwise.
        if "\\" in text:
            return None
        return f"{{{text[1:]}{self._end}".encode("utf-8", "replace")


def _writer_of(vr: str) -> Callable[[Any], str]:
    """Give what writes the values of a VR that stand in rows; of few, or all of one."""
    return _REMEMBERING.get(vr) or value_writer(vr)


def _remembering(vr: str) -> Callable[[Any], str]:
    @lru_cache(maxsize=_WRITTEN_MAX)
    def write(value: Any) -> str:
        return text_body(vr, str(value)).removeprefix(',"Value":[').removesuffix("]")

    return write


_REMEMBERING: Final = {vr: _remembering(vr) for vr in ("CS", "IS", "DS", "US")}
