"""API keys: who may call over HTTP. Rows are never deleted, so that a name in old records is known.

A new ledger that takes the place of a damaged one takes its keys over, if they can be read.
"""

from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Cursor
from typing import Final

from sqlalchemy import insert, select, update

from hilum.kernel.errors import Rejected
from hilum.ledger.auditing import audit_values
from hilum.ledger.deliveries_statements import value
from hilum.ledger.doors import Ask, Write
from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.key import AccessKey
from hilum.ledger.moments import microseconds_of, moment_of, moment_or_none
from hilum.ledger.schema import ACCESS_KEY
from hilum.ledger.statements import Writing
from hilum.ledger.storable import with_storable_fields
from hilum.ledger.texts import Insert, Row, Statement

# All of them are read at once, by every worker, every other second.
KEYS_MAX: Final = 10_000
CREATED: Final = "key created"
REVOKED: Final = "key revoked"

_K: Final = ACCESS_KEY.c


class Keys:
    """API keys. Every method raises Full or LedgerUnavailable as Ledger.record() does."""

    def __init__(self, writing: Writing, write: Write, ask: Ask) -> None:
        self._writing = writing
        self._write = write
        self._ask = ask
        self._all = Statement(select(ACCESS_KEY).order_by(_K.created_at_microseconds, _K.key_id))
        self._add = Insert(insert(ACCESS_KEY), *ACCESS_KEY.c.keys())
        self._revoke = Statement(
            update(ACCESS_KEY)
            .values(revoked_at_microseconds=value("at"))
            .where(_K.key_id == value("which"), _K.revoked_at_microseconds.is_(None)),
            *("at", "which"),
        )

    def all(self) -> list[AccessKey]:
        """Give every key that there ever was, the oldest first."""
        return [key_of(row) for row in self._ask(lambda c: self._all.run(c).fetchall())]

    def create(self, key: AccessKey, *, by: Origin) -> None:
        """Add a key.

        Raises:
            Rejected: a key that can be used has that name, or there are too many.
        """
        self._write(lambda cursor: self._create(cursor, key, by))

    def revoke(self, name: str, *, by: Origin, now: datetime) -> list[AccessKey]:
        """End the keys that are called `name`, or whose id that is; give those that were usable."""
        return self._write(lambda cursor: self._end(cursor, name, by, now))

    def take_over(self, keys: Sequence[AccessKey]) -> None:
        """Add the keys of an old ledger to one that has none."""
        rows = [_row(key) for key in keys]
        self._write(lambda cursor: self._add.run(cursor, rows))

    def _create(self, cursor: Cursor, key: AccessKey, by: Origin) -> None:
        known = [key_of(row) for row in self._all.run(cursor).fetchall()]
        if any(one.name == key.name and one.is_usable(key.created_at) for one in known):
            raise Rejected(f"there is a key called {key.name!r}; revoke it or choose another name")
        if len(known) >= KEYS_MAX:
            raise Rejected(f"there are {KEYS_MAX} keys, and no room for more")
        self._add.run(cursor, [_row(key)])
        self._tell(cursor, CREATED, key, by, key.created_at)

    def _end(self, cursor: Cursor, name: str, by: Origin, now: datetime) -> list[AccessKey]:
        known = [key_of(row) for row in self._all.run(cursor).fetchall()]
        meant = [one for one in known if name in (one.name, one.key_id) and one.is_usable(now)]
        for key in meant:
            self._revoke.run(cursor, microseconds_of(now), key.key_id)
            self._tell(cursor, REVOKED, key, by, now)
        return meant

    def _tell(self, cursor: Cursor, event: str, key: AccessKey, by: Origin, now: datetime) -> None:
        detail = f"{key.name} ({key.key_id}): {', '.join(key.roles)}"
        if key.entities:
            detail += f"; of {', '.join(key.entities)}"
        record = with_storable_fields(AuditRecord(event, "success", by, detail=detail))
        self._writing.add_audit.run(cursor, [audit_values(record, microseconds_of(now))])


def _row(key: AccessKey) -> Row:
    def moment(at: datetime | None) -> int | None:
        return None if at is None else microseconds_of(at)

    return (
        key.key_id,
        key.name,
        key.digest,
        " ".join(key.roles),
        # An AE title may have a space inside, never a backslash (PS3.5 §6.2).
        "\\".join(key.entities),
        " ".join(key.networks),
        microseconds_of(key.created_at),
        moment(key.expires_at),
        moment(key.revoked_at),
    )


def key_of(row: Row) -> AccessKey:
    """Read a row of the table."""
    key_id, name, digest, roles, entities, networks, created, expires, revoked = row
    return AccessKey(
        key_id,
        name,
        bytes(digest),
        tuple(roles.split()),
        tuple(one for one in entities.split("\\") if one),
        tuple(networks.split()),
        moment_of(created),
        moment_or_none(expires),
        moment_or_none(revoked),
    )
