"""The commitments we are asked for: durable before we answer, leased while somebody reports.

Whether an instance is committed to is decided when it is reported, by what is held then.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Cursor
from typing import Final

from hilum.kernel.errors import Rejected
from hilum.kernel.names import UID
from hilum.ledger.auditing import audit_values, origin_values
from hilum.ledger.commitment import Asked, Commitment, CommitmentState, Listed, Reference
from hilum.ledger.commitment_statements import CommitmentStatements
from hilum.ledger.delivery import Level
from hilum.ledger.doors import Ask, Write
from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.moments import microseconds_of, moment_of
from hilum.ledger.statements import Writing
from hilum.ledger.storable import with_storable_fields
from hilum.ledger.texts import Row

COMMITMENT_ASKED: Final = "storage commitment asked for"
COMMITMENT_REPORTED: Final = "storage commitment reported"
COMMITMENT_GIVEN_UP: Final = "storage commitment not reported"


class Commitments:
    """What we promised to report. Every method raises Full or LedgerUnavailable as record()."""

    def __init__(self, writing: Writing, write: Write, ask: Ask) -> None:
        self._statements = CommitmentStatements()
        self._writing = writing
        self._write = write
        self._ask = ask

    def ask(self, asked: Asked, *, now: datetime, until: datetime) -> Commitment:
        """Remember a request, leased until a moment to who reports it; durable when this returns.

        The same request once more, from a peer that did not hear our answer or report, is reported
        once more.

        Raises:
            Rejected: this peer uses the transaction UID for something else.
        """
        moments = (microseconds_of(now), microseconds_of(until))
        return self._write(lambda cursor: self._remember(cursor, asked, moments))

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[Commitment]:
        """Lease those whose report is due, until a moment; the longest due first."""
        moments = (microseconds_of(now), microseconds_of(until))
        if not self._ask(lambda cursor: self._statements.due.run(cursor, moments[0], 1).fetchall()):
            return []
        return self._write(lambda cursor: self._lease(cursor, moments, limit))

    def references(self, commitment: Commitment) -> list[Reference]:
        """Give what a commitment names, each with what is held under its UID now."""
        number = commitment.commitment_id
        rows = self._ask(lambda c: self._statements.references.run(c, number).fetchall())
        return [Reference(UID(row[0]), UID(row[1]), row[2] or "", row[3] or "") for row in rows]

    def reported(self, commitment: Commitment, *, detail: str, now: datetime) -> bool:
        """The peer has taken the report; False: that was known already."""
        return self._settle(commitment, CommitmentState.REPORTED, "", detail, now)

    def give_up(self, commitment: Commitment, *, reason: str, now: datetime) -> bool:
        """Nobody will take the report; False: it was settled already."""
        return self._settle(commitment, CommitmentState.GIVEN_UP, reason, reason, now)

    def put_off(self, commitment: Commitment, *, until: datetime, reason: str) -> bool:
        """Have somebody report at another time; False: it is another's business by now."""
        values = (microseconds_of(until), reason, commitment.commitment_id, commitment.attempts)
        return self._write(
            lambda cursor: self._statements.put_off.run(cursor, *values).rowcount > 0
        )

    def end_leases(self, *, now: datetime) -> int:
        """Have all that is owed reported now; for a start, when nobody else is at work."""
        at = microseconds_of(now)
        return self._write(lambda cursor: self._statements.end_leases.run(cursor, at, at).rowcount)

    def forget(self, *, before: datetime, limit: int) -> int:
        """Forget what was settled before a moment; give how many. Audit records stay."""
        at = microseconds_of(before)
        return self._write(lambda cursor: self._statements.forget.run(cursor, at, limit).rowcount)

    def listed(self, level: Level, uid: str) -> Listed:
        """Say what requests tell of a series or study: which instances there are of it."""
        return self._ask(lambda cursor: self._listed(cursor, level, uid))

    def _remember(self, cursor: Cursor, asked: Asked, moments: tuple[int, int]) -> Commitment:
        statements, transaction = self._statements, asked.transaction_uid
        calling = asked.origin.calling_ae_title
        rows = [(uid, sop_class) for sop_class, uid in asked.references]
        known = statements.known.row(cursor, calling, transaction)
        if known is None:
            number = statements.add.run_numbered(cursor, [_row(asked, moments)])[0]
            statements.add_references.run(cursor, [(number, *row) for row in rows])
        else:
            number = known[0]
            if statements.named.run(cursor, number).fetchall() != sorted(rows):
                raise Rejected("the transaction UID is in use for other instances")
            statements.ask_again.run(cursor, *moments, number)
        detail = f"transaction {transaction}: {len(rows)} instances"
        self._audit(cursor, COMMITMENT_ASKED, "success", asked.origin, detail, moments[0])
        found = statements.one.row(cursor, number)
        assert found is not None  # noqa: S101 - it was written a moment ago
        return _commitment(found)

    def _lease(self, cursor: Cursor, moments: tuple[int, int], limit: int) -> list[Commitment]:
        due = self._statements.due.run(cursor, moments[0], limit).fetchall()
        leased: list[Commitment] = []
        for (number,) in due:
            self._statements.lease.run(cursor, moments[1], number)
            found = self._statements.one.row(cursor, number)
            assert found is not None  # noqa: S101 - nobody else writes meanwhile
            leased.append(_commitment(found))
        return leased

    def _settle(
        self,
        commitment: Commitment,
        state: CommitmentState,
        reason: str,
        detail: str,
        now: datetime,
    ) -> bool:
        at = microseconds_of(now)
        is_reported = state is CommitmentState.REPORTED
        event = COMMITMENT_REPORTED if is_reported else COMMITMENT_GIVEN_UP
        outcome = "success" if is_reported else "failure"
        told = f"transaction {commitment.transaction_uid}: {detail}"

        def work(cursor: Cursor) -> bool:
            values = (state.value, at, reason, commitment.commitment_id)
            if not self._statements.settle.run(cursor, *values).rowcount:
                return False
            self._audit(cursor, event, outcome, commitment.origin, told, at)
            return True

        return self._write(work)

    def _listed(self, cursor: Cursor, level: Level, uid: str) -> Listed:
        statements = self._statements
        is_study = level is Level.STUDY
        held = (statements.held_of_study if is_study else statements.held_of_series).run(
            cursor, uid
        )
        uids = {one for (one,) in held.fetchall()}
        within = statements.listed_of_study if is_study else statements.listed_of_series
        lists: defaultdict[int, set[str]] = defaultdict(set)
        for number, one in within.run(cursor, uid, uid).fetchall():
            lists[number].add(one)
        is_whole = any(uids <= names for names in lists.values())
        return Listed(frozenset().union(*lists.values()), uids, is_whole=is_whole)

    def _audit(
        self, cursor: Cursor, event: str, outcome: str, origin: Origin, detail: str, at: int
    ) -> None:
        record = with_storable_fields(AuditRecord(event, outcome, origin, detail=detail))
        self._writing.add_audit.run(cursor, [audit_values(record, at)])


def _row(asked: Asked, moments: tuple[int, int]) -> Row:
    origin = origin_values(asked.origin)
    return (asked.transaction_uid, *origin, CommitmentState.ASKED.value, *moments, 1)


def _commitment(row: Sequence[object]) -> Commitment:
    values: Row = tuple(row)
    number, transaction, *origin, asked, attempts = values
    return Commitment(number, UID(transaction), Origin(*origin), moment_of(asked), attempts)
