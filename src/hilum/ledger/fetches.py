"""Requests to bring something from one archive to another place, over all processes.

Whoever works on one leases it. When its process dies the lease ends, and another process begins
again: what is here already is not brought twice.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Cursor
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from hilum.kernel.errors import Rejected
from hilum.ledger.auditing import audit_values
from hilum.ledger.deliveries_statements import LIMIT, value
from hilum.ledger.delivery import Priority
from hilum.ledger.doors import Ask, Write
from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.fetch import Bidding, FetchRequest, FetchState, Progress, Wanted
from hilum.ledger.fetch_schema import FETCH_REQUEST
from hilum.ledger.moments import microseconds_of, moment_of, moment_or_none
from hilum.ledger.statements import Writing
from hilum.ledger.storable import with_storable_fields
from hilum.ledger.texts import Insert, Row, Statement

# More that wait are a mistake of who asks, or an archive that is down.
OPEN_MAX: Final = 10_000
LISTED_MAX: Final = 1000
ASKED: Final = "fetch asked for"
CANCELLED: Final = "fetch cancelled"

_F: Final = FETCH_REQUEST.c
_OPEN: Final[ColumnElement[bool]] = literal_column("state IN ('waiting', 'active')")
_ADDED: Final = (
    "fetch_id",
    "wanted",
    "source",
    "target",
    "study_instance_uid",
    "rule",
    "asker",
    "host",
    "state",
    "priority",
    "created_at_microseconds",
)
_LEASE: Final = ("lease_owner", "leased_until_microseconds")
_TOLD: Final = ("expected", "fetched", "held", "failed", "bytes", "failures")


class Fetches:
    """The requests. Every method raises Full or LedgerUnavailable as Ledger.record() does."""

    def __init__(self, writing: Writing, write: Write, ask: Ask) -> None:
        self._writing = writing
        self._write = write
        self._ask = ask
        self._add = Insert(insert(FETCH_REQUEST), *_ADDED)
        self._count = Statement(select(func.count()).select_from(FETCH_REQUEST).where(_OPEN))
        self._twin = Statement(
            select(_F.fetch_id, _F.priority).where(
                _OPEN,
                literal_column("is_cancelled = 0"),
                _F.wanted == value("wanted"),
                _F.source == value("source"),
                _F.target == value("target"),
            ),
            *("wanted", "source", "target"),
        )
        self._one = Statement(_all().where(_F.fetch_id == value("which")), "which")
        self._open = Statement(
            _all()
            .where(_OPEN)
            .order_by(_F.priority, _F.created_at_microseconds)
            .suffix_with(LIMIT),
            "row_count",
        )
        self._settled = Statement(
            _all()
            .where(_F.settled_at_microseconds.is_not(None))
            .order_by(_F.settled_at_microseconds.desc())
            .suffix_with(LIMIT),
            "row_count",
        )
        self._next = Statement(
            _all()
            .where(
                _OPEN,
                _F.priority <= value("up_to"),
                or_(
                    literal_column("state = 'waiting'"), _F.leased_until_microseconds < value("now")
                ),
            )
            .order_by(_F.priority, _F.created_at_microseconds)
            .suffix_with(literal_column("LIMIT 1")),
            *("up_to", "now"),
        )
        self._lease = _Change("state", *("began_at_microseconds", *_LEASE))
        self._report = _Change(*_TOLD, "leased_until_microseconds", is_owned=True)
        self._settle = _Change(*_TOLD, "state", "reason", "settled_at_microseconds", is_owned=True)
        self._hurry = _Change("priority")
        self._cancel = _Change("is_cancelled")
        self._end = _Change("state", "settled_at_microseconds")
        unleased = update(FETCH_REQUEST).values(
            state=literal_column("'waiting'"), leased_until_microseconds=null()
        )
        self._give_back = Statement(
            unleased.where(_OPEN, _F.lease_owner == value("whose")), "whose"
        )
        self._take_back = Statement(
            unleased.where(_OPEN, _F.lease_owner.like(value("whose"))), "whose"
        )
        self._forget = Statement(
            delete(FETCH_REQUEST).where(_F.settled_at_microseconds < value("before")), "before"
        )

    def add(self, fetch_id: str, bidding: Bidding, *, by: Origin, now: datetime) -> str:
        """Add a request, and give its id: that of an open one that wants the same, if there is.

        That one becomes as urgent as this one.

        Raises:
            Rejected: there are too many that are not done.
        """
        return self._write(lambda cursor: self._added(cursor, fetch_id, bidding, by, now))

    def find(self, fetch_id: str) -> FetchRequest | None:
        """Give one request; None: there is none, or it was done long ago."""
        row = self._ask(lambda cursor: self._one.row(cursor, fetch_id))
        return None if row is None else _request(row)

    def all(self, *, limit: int = LISTED_MAX) -> Sequence[FetchRequest]:
        """Give those that are open, the next one first, and then what was done, the last first."""

        def question(cursor: Cursor) -> list[Row]:
            rows = self._open.run(cursor, limit).fetchall()
            return [*rows, *self._settled.run(cursor, limit - len(rows)).fetchall()]

        return [_request(row) for row in self._ask(question)]

    def claim(
        self,
        owner: str,
        *,
        up_to: Priority,
        now: datetime,
        expired_by: datetime,
        until: datetime,
    ) -> FetchRequest | None:
        """Lease the next request that is no less urgent than `up_to`; None: there is none.

        Leases of others that ended before `expired_by` do not count any more.
        """
        moment = microseconds_of(expired_by)

        def work(cursor: Cursor) -> FetchRequest | None:
            row = self._next.row(cursor, up_to.value, moment)
            if row is None:
                return None
            self._lease.run(
                *(cursor, row[0]),
                state=FetchState.ACTIVE.value,
                began_at_microseconds=microseconds_of(now),
                lease_owner=owner,
                leased_until_microseconds=microseconds_of(until),
            )
            return _request(row)

        # Most of the time there is none, and nobody has to write to find that out.
        is_one = self._ask(lambda cursor: self._next.row(cursor, up_to.value, moment) is not None)
        return self._write(work) if is_one else None

    def report(self, fetch_id: str, owner: str, progress: Progress, *, until: datetime) -> bool:
        """Tell how far it is, and keep the lease; False: it is to be ended, or is not ours."""

        def work(cursor: Cursor) -> bool:
            told = _told(progress) | {"leased_until_microseconds": microseconds_of(until)}
            cursor = self._report.run(cursor, fetch_id, owner, **told)
            row = self._one.row(cursor, fetch_id) if cursor.rowcount else None
            return row is not None and not _request(row).is_cancelled

        return self._write(work)

    def settle(
        self,
        fetch_id: str,
        owner: str,
        progress: Progress,
        *,
        state: FetchState,
        reason: str,
        now: datetime,
    ) -> None:
        """Tell what became of it."""
        ending = {
            "state": state.value,
            "reason": reason,
            "settled_at_microseconds": microseconds_of(now),
            **_told(progress),
        }
        self._write(lambda cursor: self._settle.run(cursor, fetch_id, owner, **ending))

    def give_back(self, owner: str) -> int:
        """Let others begin again what an owner has not finished; give how many."""
        return self._write(lambda cursor: self._give_back.run(cursor, owner).rowcount)

    def take_back(self, owners: str) -> int:
        """Do as `give_back` for all owners whose names begin so: earlier lives of a process."""
        return self._write(lambda cursor: self._take_back.run(cursor, f"{owners}%").rowcount)

    def cancel(self, fetch_id: str, *, by: Origin, now: datetime) -> FetchRequest | None:
        """End a request: at once if nobody works on it, else whoever does is told by `report`.

        Gives it as it was; None: there is none.
        """

        def work(cursor: Cursor) -> FetchRequest | None:
            row = self._one.row(cursor, fetch_id)
            if row is None:
                return None
            request = _request(row)
            if request.state.is_open:
                self._cancel.run(cursor, fetch_id, is_cancelled=1)
                self._tell(cursor, CANCELLED, request.bidding, fetch_id, by, now)
            if request.state is FetchState.WAITING:
                ended = {"state": FetchState.CANCELLED.value}
                moment = microseconds_of(now)
                self._end.run(cursor, fetch_id, settled_at_microseconds=moment, **ended)
            return request

        return self._write(work)

    def forget(self, *, before: datetime) -> int:
        """Forget what was done before a moment; give how many."""
        moment = microseconds_of(before)
        return self._write(lambda cursor: self._forget.run(cursor, moment).rowcount)

    def _added(
        self, cursor: Cursor, fetch_id: str, bidding: Bidding, by: Origin, now: datetime
    ) -> str:
        wanted = _written(bidding.wanted)
        twin = self._twin.row(cursor, wanted, bidding.source, bidding.target)
        if twin is not None:
            twin_id, priority = twin
            if bidding.priority.value < priority:  # somebody waits now for what was prefetched
                self._hurry.run(cursor, twin_id, priority=bidding.priority.value)
            return str(twin_id)
        count = self._count.row(cursor)
        if count is not None and count[0] >= OPEN_MAX:
            raise Rejected(f"{OPEN_MAX} fetches are not done yet, and there is no room for more")
        study = bidding.wanted.study_instance_uid
        self._add.run(
            cursor,
            [
                (
                    *(fetch_id, wanted, bidding.source, bidding.target, study, bidding.rule),
                    *(bidding.asker, bidding.host, FetchState.WAITING.value),
                    *(bidding.priority.value, microseconds_of(now)),
                )
            ],
        )
        self._tell(cursor, ASKED, bidding, fetch_id, by, now)
        return fetch_id

    def _tell(
        self, cursor: Cursor, event: str, bidding: Bidding, fetch_id: str, by: Origin, now: datetime
    ) -> None:
        wanted, rule = bidding.wanted, f"; rule {bidding.rule}" if bidding.rule else ""
        detail = f"{fetch_id}: from {bidding.source} to {bidding.target}{rule}"
        if wanted.accession_number:
            detail += f"; AccessionNumber={wanted.accession_number}"
        record = AuditRecord(
            *(event, "success", by),
            study_instance_uid=wanted.study_instance_uid,
            patient_id=wanted.patient_id,
            detail=detail,
        )
        row = audit_values(with_storable_fields(record), microseconds_of(now))
        self._writing.add_audit.run(cursor, [row])


def _all() -> Select[Any]:
    return select(FETCH_REQUEST)


class _Change:
    """Changes columns of one request; with `is_owned` only if it is leased to an owner and open."""

    def __init__(self, *names: str, is_owned: bool = False) -> None:
        # SQL has them in the order of the table.
        self._names = tuple(one.name for one in FETCH_REQUEST.c if one.name in names)
        conditions = [_F.fetch_id == value("which")]
        if is_owned:
            conditions += [_F.lease_owner == value("whose"), literal_column("state = 'active'")]
        ends = ("which", "whose") if is_owned else ("which",)
        places = {name: value(f"new_{name}") for name in self._names}
        statement = update(FETCH_REQUEST).values(places).where(and_(*conditions))
        self._statement = Statement(statement, *(f"new_{name}" for name in self._names), *ends)

    def run(self, cursor: Cursor, *which: str, **given: Any) -> Cursor:
        """Run it with a value for each of the names."""
        return self._statement.run(cursor, *(given[name] for name in self._names), *which)


def _told(progress: Progress) -> dict[str, Any]:
    return {
        "expected": progress.expected,
        "fetched": progress.fetched,
        "held": progress.held,
        "failed": progress.failed,
        "bytes": progress.bytes,
        "failures": json.dumps(progress.failures),
    }


def _written(wanted: Wanted) -> str:
    fields = {
        "study": wanted.study_instance_uid,
        "series": list(wanted.series_instance_uids),
        "patient": wanted.patient_id,
        "accession": wanted.accession_number,
    }
    return json.dumps({name: text for name, text in fields.items() if text}, sort_keys=True)


def _wanted(text: str) -> Wanted:
    found = json.loads(text)
    return Wanted(
        found.get("study", ""),
        tuple(found.get("series", ())),
        found.get("patient", ""),
        found.get("accession", ""),
    )


def _request(row: Row) -> FetchRequest:
    one = dict(zip(FETCH_REQUEST.c.keys(), row, strict=True))
    return FetchRequest(
        one["fetch_id"],
        Bidding(
            _wanted(one["wanted"]),
            *(one["source"], one["target"], one["asker"], one["host"], one["rule"]),
            Priority(one["priority"]),
        ),
        FetchState(one["state"]),
        moment_of(one["created_at_microseconds"]),
        moment_or_none(one["began_at_microseconds"]),
        moment_or_none(one["settled_at_microseconds"]),
        Progress(
            *(one["expected"], one["fetched"], one["held"], one["failed"], one["bytes"]),
            [(uid, reason) for uid, reason in json.loads(one["failures"])],
        ),
        one["reason"],
        bool(one["is_cancelled"]),
    )
