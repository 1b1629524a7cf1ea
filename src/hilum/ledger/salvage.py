"""What an old ledger still says of deliveries, for the one that is made anew from the vault.

Payload files tell what is held, not what is owed. If the old ledger can be read to its end, what it
says of deliveries is taken over; if not, nothing of it is believed.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, Table, case, func, insert, literal_column, select
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.commitment_schema import COMMITMENT, COMMITMENT_REFERENCE
from hilum.ledger.connection import connect
from hilum.ledger.deliveries_statements import literal
from hilum.ledger.delivery import State
from hilum.ledger.doors import Write
from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.key import AccessKey
from hilum.ledger.keys import key_of
from hilum.ledger.recording import held_under
from hilum.ledger.schema import ACCESS_KEY, ATTEMPT, DELIVERY, GATHERING, INSTANCE, PAYLOAD
from hilum.ledger.statements import Reading
from hilum.ledger.texts import Insert, Row, run_once

GONE: Final = "its payload was not in the vault when the ledger was made anew"
# What we owe others: deliveries, and reports on storage commitment.
_TAKEN_OVER: Final = (GATHERING, DELIVERY, ATTEMPT, COMMITMENT, COMMITMENT_REFERENCE)
_ROWS_PER_TRANSACTION: Final = 2000
_NAMES: Final = tuple(DELIVERY.c.keys())
_UID: Final = _NAMES.index("sop_instance_uid")
_VERSION: Final = _NAMES.index("version")
_STATE: Final = _NAMES.index("state")
_REASON: Final = _NAMES.index("reason")
_SETTLED: Final = frozenset({State.DELIVERED.value, State.DROPPED.value})


class Salvage:
    """Reads the ledger at `old`. It must not be in use."""

    def __init__(self, old: Path) -> None:
        self._old = old

    def is_readable(self) -> bool:
        """Tell whether everything about deliveries can be read: all of it is read to see that.

        A ledger from before there were deliveries owes none, and is readable. One that is not
        there is not: nobody knows what it said.
        """
        try:
            for table in _TAKEN_OVER:
                for _ in self._rows(table):
                    pass
        except (sqlite3.Error, OSError, LedgerUnavailable):
            return False
        return True

    def restore(self, write: Write, reading: Reading) -> int:
        """Write what the old one says into a new one without deliveries; give how many there are.

        Versions are found again by their bytes. What is held no more keeps its history under the
        negative of its version, and is refused with the reason if somebody is still owed it.

        Raises:
            sqlite3.Error: the old one cannot be read after all.
            Full, LedgerUnavailable: the new one cannot be written.
        """
        count = 0
        for table in _TAKEN_OVER:
            rows = self._rows(table)
            adding = Insert(insert(table), *table.c.keys())
            while page := list(islice(rows, _ROWS_PER_TRANSACTION)):
                restoring = _Page(table, page, adding, reading)
                write(restoring.write)
                count += len(page) if table is DELIVERY else 0
        return count

    def keys(self) -> list[AccessKey]:
        """Give the API keys, none when they cannot be read: then new ones must be made."""
        try:
            return [key_of(row) for row in self._rows(ACCESS_KEY)]
        except (sqlite3.Error, OSError, LedgerUnavailable, ValueError, TypeError):
            return []

    def _rows(self, table: Table) -> Iterator[Row]:
        if not self._old.exists():
            raise FileNotFoundError(self._old)
        with closing(connect(self._old, "process")) as connection:
            # Before 0002 there were none. If another revision has other columns, asking fails:
            # then nothing is believed, and what is planned anew waits for a person.
            if not _has(connection, table):
                return
            question = _deliveries() if table is DELIVERY else _all(table)
            yield from run_once(connection.cursor(), question)


def _all(table: Table) -> ClauseElement:
    return select(table).order_by(*table.primary_key.columns)


def _has(connection: sqlite3.Connection, table: Table) -> bool:
    asked = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(asked, (table.name,)).fetchone() is not None


class _Page:
    """Some rows on their way into the new ledger."""

    def __init__(self, table: Table, rows: Sequence[Row], adding: Insert, reading: Reading) -> None:
        self._table = table
        self._rows = rows
        self._adding = adding
        self._reading = reading

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write them; deliveries under the version that their bytes have now."""
        rows = self._rows
        if self._table is DELIVERY:
            held = held_under(self._reading, cursor, [row[_UID] for row in rows])
            versions = {
                (uid, payload.digest, payload.size): payload.version
                for uid, instance in held.items()
                for payload in instance.payloads
            }
            rows = [_renumbered(row, versions.get((row[_UID], *row[-2:]))) for row in rows]
        self._adding.run(cursor, rows)


def _renumbered(row: Row, version: int | None) -> Row:
    values = list(row[:-2])
    if version is not None:
        values[_VERSION] = version
    else:
        values[_VERSION] = -abs(values[_VERSION])
        if values[_STATE] not in _SETTLED:
            values[_STATE], values[_REASON] = State.REFUSED.value, GONE
    return tuple(values)


def _deliveries() -> ClauseElement:
    """Read deliveries as nobody leases them, and digest and size of what they deliver."""
    active = DELIVERY.c.state == literal(State.ACTIVE)
    changed: dict[str, ColumnElement[object]] = {
        "state": case((active, literal(State.WAITING)), else_=DELIVERY.c.state),
        # It may have been sent.
        "attempts": DELIVERY.c.attempts
        + case((active, literal_column("1")), else_=literal_column("0")),
        "lease_owner": literal_column("''"),
        "leased_until_microseconds": literal_column("NULL"),
    }
    return (
        select(
            *(changed.get(column.name, column) for column in DELIVERY.c),
            PAYLOAD.c.digest,
            func.coalesce(PAYLOAD.c.size, literal_column("0")),
        )
        .join_from(
            DELIVERY,
            INSTANCE,
            INSTANCE.c.sop_instance_uid == DELIVERY.c.sop_instance_uid,
            isouter=True,
        )
        .join(
            PAYLOAD,
            (PAYLOAD.c.instance_row == INSTANCE.c.id) & (PAYLOAD.c.version == DELIVERY.c.version),
            isouter=True,
        )
        .order_by(DELIVERY.c.id)
    )
