"""What may go from the vault, and letting it go: first out of the ledger, then the file.

Whether it should go is decided elsewhere. A payload that is still to be delivered never goes, nor
one of which somebody was promised a report (storage commitment).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from sqlite3 import Cursor
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_unless
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.auditing import audit_values
from hilum.ledger.commitment_statements import is_reported_later
from hilum.ledger.deliveries_statements import LIMIT, literal, value
from hilum.ledger.delivery import State
from hilum.ledger.doors import Ask, Write
from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.losing import Held, Losses
from hilum.ledger.moments import microseconds_of, moment_of
from hilum.ledger.schema import DELIVERY, INSTANCE, PAYLOAD, REMOVAL
from hilum.ledger.statements import Writing, are
from hilum.ledger.texts import Insert, Row, SelectIn, Statement

PAYLOADS_REMOVED: Final = "payloads removed"
BEGINNING: Final = (0, 0)

Place = tuple[int, int]
_D: Final = DELIVERY.c
_NONE: Final[ColumnElement[int]] = literal_column("0")


@dataclass(frozen=True, slots=True)
class Removable:
    """A payload that is owed to nobody. `routes` planned for it; `delivered_to` have it.

    `settled_at`: when it was received, or the last of its deliveries was settled.

    `place` is where to go on looking, `peer` brought it ('' if that was nobody we know).
    """

    place: Place
    path: str
    size: int
    received_at: datetime
    peer: str
    sop_instance_uid: str
    version: int
    routes: Collection[str]
    delivered_to: Collection[str]
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """How much is held: every version of every instance. `last_row`: where counting ended."""

    payloads: int
    bytes: int
    last_row: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """Add what came, or what went, since."""
        return Usage(
            self.payloads + other.payloads,
            self.bytes + other.bytes,
            max(self.last_row, other.last_row),
        )


class Removals:
    """Lets payloads go. Every method raises Full or LedgerUnavailable as Ledger.record() does."""

    def __init__(self, losses: Losses, writing: Writing, write: Write, ask: Ask) -> None:
        self._losses = losses
        self._writing = writing
        self._write = write
        self._ask = ask
        self._settled = Statement(
            _settled(), *("after_row", "after_version", "before", "row_count")
        )
        self._deliveries = SelectIn(_deliveries(), "uids")
        self._open = Statement(_open(), "uid", "number")
        self._promised = Statement(_promised(), "uid")
        self._usage = Statement(
            select(
                func.count(),
                func.coalesce(func.sum(PAYLOAD.c.size), _NONE),
                func.coalesce(func.max(PAYLOAD.c.instance_row), _NONE),
            ).where(PAYLOAD.c.instance_row > value("after_row")),
            "after_row",
        )
        self._redate = _redate(PAYLOAD.c.received_at_microseconds)
        self._resettle = _redate(_D.settled_at_microseconds)
        self._add = Insert(insert_unless(REMOVAL).on_conflict_do_nothing(), "path")
        self._confirm = Statement(delete(REMOVAL).where(*are(REMOVAL, "path")), "path")
        self._unconfirmed = Statement(select(REMOVAL.c.path))

    def removable(
        self, *, before: datetime, after: Place = BEGINNING, limit: int = 200
    ) -> list[Removable]:
        """Give payloads received before a moment that are owed to nobody, the oldest first.

        Begin at the `place` of the last one to get more; nothing comes after the newest.
        """
        rows, deliveries = self._ask(
            lambda cursor: self._look(cursor, (*after, microseconds_of(before), limit))
        )
        return [_removable(row, deliveries) for row in rows]

    def remove(self, paths: Sequence[str], *, reason: str, by: Origin, now: datetime) -> list[str]:
        """Hold the payloads at `paths` no more; give those whose files must go now.

        In one transaction, with an audit record for each study. Not given are those that are
        unknown or still owed to somebody. Confirm when the files are gone: until then
        unconfirmed() has them, also after a crash.
        """
        at = microseconds_of(now)
        return self._write(lambda cursor: self._remove(cursor, paths, reason, (by, at)))

    def confirm(self, paths: Sequence[str]) -> None:
        """Forget removed payloads whose files are gone."""

        def work(cursor: Cursor) -> None:
            for path in paths:
                self._confirm.run(cursor, path)

        self._write(work)

    def unconfirmed(self) -> list[str]:
        """Give the paths of files that must go, since their payloads were removed."""
        return [path for (path,) in self._ask(lambda c: self._unconfirmed.run(c).fetchall())]

    def redate(self, step: timedelta, *, since: datetime, until: datetime) -> int:
        """Have what was received, or settled, from `since` until `until` so by `step` later.

        For a wall clock that was wrong then by so much: what is kept for a while is kept for as
        long. Gives how many payloads it were. Reads all of two tables, some seconds for millions of
        rows; that is rare enough.
        """
        by = step // timedelta(microseconds=1)
        values = (by, microseconds_of(since), microseconds_of(until))

        def work(cursor: Cursor) -> int:
            self._resettle.run(cursor, *values)
            return self._redate.run(cursor, *values).rowcount

        return self._write(work)

    def usage(self, *, after_row: int = 0) -> Usage:
        """Count what is held; reads all of a table, or what of it came after a row."""
        return Usage(*self._ask(lambda cursor: self._usage.row(cursor, after_row) or (0, 0)))

    def _look(
        self, cursor: Cursor, where: Row
    ) -> tuple[list[Row], dict[tuple[str, int], list[Row]]]:
        rows = self._settled.run(cursor, *where).fetchall()
        uids = list(dict.fromkeys(row[-1] for row in rows))
        deliveries: dict[tuple[str, int], list[Row]] = {}
        for uid, version, *what in self._deliveries.rows(cursor, uids):
            deliveries.setdefault((uid, version), []).append(tuple(what))
        return rows, deliveries

    def _remove(
        self, cursor: Cursor, paths: Sequence[str], reason: str, who: tuple[Origin, int]
    ) -> list[str]:
        gone: list[str] = []
        studies: dict[str, list[Held]] = {}
        for path in dict.fromkeys(paths):
            held = self._losses.held_at(cursor, path)
            if held is None or self._is_wanted(cursor, held):
                continue
            self._losses.let_go(cursor, held)
            gone.append(path)
            studies.setdefault(held.study_instance_uid, []).append(held)
        self._add.run(cursor, [(path,) for path in gone])
        records = [_audit(study, reason, who[0]) for study in studies.values()]
        self._writing.add_audit.run(cursor, [audit_values(record, who[1]) for record in records])
        return gone

    def _is_wanted(self, cursor: Cursor, held: Held) -> bool:
        """Tell whether a payload is owed to somebody, or a report on it is."""
        uid = held.sop_instance_uid
        if self._open.row(cursor, uid, held.version):
            return True
        return self._promised.row(cursor, uid) is not None


def _audit(study: Sequence[Held], reason: str, by: Origin) -> AuditRecord:
    size = sum(held.size for held in study)
    return AuditRecord(
        PAYLOADS_REMOVED,
        "success",
        by,
        study_instance_uid=study[0].study_instance_uid,
        sop_instance_uid=study[0].sop_instance_uid if len(study) == 1 else "",
        patient_id=study[0].patient_id,
        detail=f"{len(study)} payloads, {size} bytes: {reason}",
    )


def _open() -> ClauseElement:
    """Ask whether a version is owed to somebody."""
    settled = [literal(State.DELIVERED), literal(State.DROPPED)]
    return (
        select(_D.id)
        .where(_D.sop_instance_uid == value("uid"), _D.version == value("number"))
        .where(_D.state.not_in(settled))
        .suffix_with("LIMIT 1")
    )


def _promised() -> ClauseElement:
    """Ask whether somebody was promised a report on an instance."""
    uid = INSTANCE.c.sop_instance_uid
    return select(uid).where(uid == value("uid"), is_reported_later(uid))


def _redate(moment: Column[Any]) -> Statement:
    """Have moments between two later by a step."""
    change = update(moment.table).values({moment.name: moment + value("step")})
    return Statement(
        change.where(moment >= value("since"), moment <= value("until")), "step", "since", "until"
    )


def _settled() -> ClauseElement:
    settled = [literal(State.DELIVERED), literal(State.DROPPED)]
    is_owed = (
        select(_D.id)
        .where(_D.sop_instance_uid == INSTANCE.c.sop_instance_uid)
        .where(_D.version == PAYLOAD.c.version, _D.state.not_in(settled))
        .exists()
    )
    return (
        select(
            PAYLOAD.c.instance_row,
            PAYLOAD.c.version,
            PAYLOAD.c.path,
            PAYLOAD.c.size,
            PAYLOAD.c.received_at_microseconds,
            PAYLOAD.c.peer,
            INSTANCE.c.sop_instance_uid,
        )
        .join_from(PAYLOAD, INSTANCE)
        .where(
            tuple_(PAYLOAD.c.instance_row, PAYLOAD.c.version)
            > tuple_(value("after_row"), value("after_version"))
        )
        .where(PAYLOAD.c.received_at_microseconds < value("before"), ~is_owed)
        .where(~is_reported_later(INSTANCE.c.sop_instance_uid))
        # Rows of instances are numbered as they came: the oldest first, without an index for it.
        .order_by(PAYLOAD.c.instance_row, PAYLOAD.c.version)
        .suffix_with(LIMIT)
    )


def _deliveries() -> ClauseElement:
    uids = _D.sop_instance_uid.in_(bindparam("uids", expanding=True))
    return select(
        _D.sop_instance_uid,
        _D.version,
        _D.route,
        _D.destination,
        _D.state,
        func.coalesce(_D.settled_at_microseconds, _NONE),
    ).where(uids)


def _removable(row: Row, deliveries: dict[tuple[str, int], list[Row]]) -> Removable:
    instance_row, version, path, size, received, peer, uid = row
    planned = deliveries.get((uid, version), [])
    return Removable(
        place=(instance_row, version),
        path=path,
        size=size,
        received_at=moment_of(received),
        peer=peer,
        sop_instance_uid=uid,
        version=version,
        routes=frozenset(route for route, *_ in planned),
        delivered_to=frozenset(
            destination for _, destination, state, _ in planned if state == State.DELIVERED.value
        ),
        settled_at=moment_of(max([received, *(settled for *_, settled in planned)])),
    )
