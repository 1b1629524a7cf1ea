"""SQL texts, made once from SQLAlchemy Core and then run by the driver's own cursor.

Going through SQLAlchemy for each statement would cost several times what SQLite needs for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from sqlite3 import Cursor
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Insert as InsertOf
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.expression import ClauseElement

# What SQL takes and gives is known only where the statement is written.
Row = tuple[Any, ...]

# One statement writes up to so many rows: fewer turns between Python and SQLite, each of which
# gives the interpreter lock away. Longer texts gain little and cost SQLite memory.
ROWS_MAX: Final = 16

_T = TypeVar("_T")


class Statement:
    """One text; its values are given in the order of `names`."""

    def __init__(
        self, statement: ClauseElement, *names: str, sets: Sequence[str] | None = None
    ) -> None:
        self.text = _text(statement, names, sets)

    def run(self, cursor: Cursor, *values: Any) -> Cursor:
        """Run it."""
        return cursor.execute(self.text, values)

    def row(self, cursor: Cursor, *values: Any) -> Row | None:
        """Run it and give its only row, if there is one."""
        return cast("Row | None", cursor.execute(self.text, values).fetchone())


class Insert:
    """Puts rows into a table, many at a time; their values are in the order of `names`."""

    def __init__(self, statement: InsertOf, *names: str) -> None:
        head, values = _text(statement, names, names).split(" VALUES ")
        row = values[: values.index(")") + 1]
        tail = values[len(row) :]
        self._texts = [
            f"{head} VALUES {', '.join([row] * count)}{tail}" for count in range(ROWS_MAX + 1)
        ]

    def run(self, cursor: Cursor, rows: Sequence[Row]) -> None:
        """Insert `rows`."""
        if len(rows) == 1:  # the hot path: one instance at a time from one association
            cursor.execute(self._texts[1], rows[0])
            return
        for part in _parts(rows):
            cursor.execute(self._texts[len(part)], list(chain.from_iterable(part)))

    def run_numbered(self, cursor: Cursor, rows: Sequence[Row]) -> list[int]:
        """Insert `rows` into a table that numbers its rows, and give the numbers.

        Those of one statement follow each other: SQLite takes the largest plus one each time, and
        nobody else writes meanwhile.
        """
        if len(rows) == 1:
            cursor.execute(self._texts[1], rows[0])
            return [cast("int", cursor.lastrowid)]
        numbers: list[int] = []
        for part in _parts(rows):
            cursor.execute(self._texts[len(part)], list(chain.from_iterable(part)))
            last = cast("int", cursor.lastrowid)
            numbers.extend(range(last - len(part) + 1, last + 1))
        return numbers


class SelectIn:
    """Reads the rows that belong to any of several texts."""

    def __init__(self, statement: ClauseElement, name: str) -> None:
        text = _text(statement, (name,), None)
        self._texts = [
            text.replace(f"__[POSTCOMPILE_{name}]", ", ".join("?" * count))
            for count in range(ROWS_MAX + 1)
        ]

    def rows(self, cursor: Cursor, wanted: Sequence[str]) -> Iterable[Row]:
        """Give the rows for `wanted`."""
        if len(wanted) == 1:
            return cursor.execute(self._texts[1], wanted).fetchall()
        return chain.from_iterable(
            cursor.execute(self._texts[len(part)], part).fetchall() for part in _parts(wanted)
        )


class StatementIn:
    """Changes or reads the rows that have any of several numbers; its other values come first."""

    def __init__(
        self, statement: ClauseElement, *names: str, each: str, sets: Sequence[str] | None = None
    ) -> None:
        text = _text(statement, (*names, each), sets)
        self._texts = [
            text.replace(f"__[POSTCOMPILE_{each}]", ", ".join("?" * count))
            for count in range(ROWS_MAX + 1)
        ]

    def rows(self, cursor: Cursor, each: Sequence[int], *values: Any) -> list[Row]:
        """Run it for all of `each`; give what it returns, if it does."""
        rows: list[Row] = []
        for part in _parts(each):
            rows += cursor.execute(self._texts[len(part)], (*values, *part)).fetchall()
        return rows


def run_once(cursor: Cursor, statement: ClauseElement) -> Cursor:
    """Run a statement that is put together at the moment, for people rather than for instances."""
    compiled = statement.compile(
        dialect=sqlite.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}
    )
    order = getattr(compiled, "positiontup", None) or ()
    return cursor.execute(str(compiled), [compiled.params[name] for name in order])


def _parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    if len(values) <= ROWS_MAX:
        if values:
            yield values
        return
    for start in range(0, len(values), ROWS_MAX):
        yield values[start : start + ROWS_MAX]


def _text(statement: ClauseElement, names: Sequence[str], sets: Sequence[str] | None) -> str:
    """Compile `statement`, and make sure that its values are wanted in the order of `names`."""
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"), column_keys=sets)
    order = tuple(getattr(compiled, "positiontup", None) or ())
    if order != tuple(names):
        raise AssertionError(f"{compiled} takes its values as {order}, not as {tuple(names)}")
    return str(compiled)
