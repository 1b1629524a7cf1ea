"""Gatherings: which series and studies are still coming, what is known of them, and closing them.

Whether one is complete is decided elsewhere; here is what there is to decide by.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from sqlite3 import Cursor

from hilum.ledger.delivery import Level
from hilum.ledger.doors import Ask, Write
from hilum.ledger.gathering import (
    ClosedGathering,
    Completeness,
    Evidence,
    Gathering,
    SeriesEvidence,
)
from hilum.ledger.gathering_statements import GatheringStatements
from hilum.ledger.moments import microseconds_of, moment_of, moment_or_none
from hilum.ledger.texts import Row


class Gatherings:
    """What routes wait for. Every method raises Full or LedgerUnavailable as Ledger.record()."""

    def __init__(self, statements: GatheringStatements, write: Write, ask: Ask) -> None:
        self._statements = statements
        self._write = write
        self._ask = ask

    def due(
        self, *, quiet_since: datetime, opened_until: datetime, limit: int = 100
    ) -> list[Gathering]:
        """Give open ones worth a look: nothing came after `quiet_since`, or begun long ago.

        The ones that have been quiet for longest come first.
        """
        quiet, begun = microseconds_of(quiet_since), microseconds_of(opened_until)
        rows = self._ask(lambda c: self._statements.due.run(c, quiet, begun, limit).fetchall())
        return [_gathering(row) for row in rows]

    def of_association(self, association_id: str) -> list[Gathering]:
        """Give open ones whose last instance came with this association: its end is evidence."""
        rows = self._ask(
            lambda cursor: self._statements.of_association.run(cursor, association_id).fetchall()
        )
        return [_gathering(row) for row in rows]

    def of_commitment(self, commitment_id: int) -> list[Gathering]:
        """Give open ones that have an instance of which a request asks for commitment."""
        both = (commitment_id, commitment_id)
        rows = self._ask(
            lambda cursor: self._statements.of_commitment.run(cursor, *both).fetchall()
        )
        return [_gathering(row) for row in rows]

    def evidence(self, level: Level, uid: str) -> Evidence:
        """Say what the catalogue holds of a series or study, whatever route it takes."""
        statements = self._statements
        question = statements.study_evidence if level is Level.STUDY else statements.series_evidence
        rows = self._ask(lambda cursor: question.run(cursor, uid).fetchall())
        return Evidence([SeriesEvidence(*row) for row in rows])

    def close(
        self,
        gathering_id: int,
        *,
        verdict: Completeness,
        evidence: str,
        is_forced: bool,
        now: datetime,
        due_at: datetime,
    ) -> int:
        """Close one and let its deliveries go at `due_at`; give how many.

        None go if it was closed before. Whatever comes for it afterwards is late, and does not wait
        for anything but the calendar of its route.
        """
        said = (microseconds_of(now), verdict.value, evidence, int(is_forced))
        due = microseconds_of(due_at)
        return self._write(lambda cursor: self._close(cursor, gathering_id, said, due))

    def bring_forward(self, step: timedelta, *, now: datetime) -> int:
        """Have open ones that began, or were added to, after `now` so earlier by `step`.

        For a wall clock that was set back by so much. Gives how many there were.
        """
        at, by = microseconds_of(now), step // timedelta(microseconds=1)
        return self._write(lambda c: self._statements.bring_forward.run(c, at, by, by, at).rowcount)

    def about(self, uid: str) -> list[ClosedGathering]:
        """Tell of every gathering of a series or study, open ones too: those have no verdict."""
        rows = self._ask(lambda cursor: self._statements.of_uid.run(cursor, uid).fetchall())
        return [_closed(row) for row in rows]

    def _close(self, cursor: Cursor, gathering_id: int, said: Sequence[object], due: int) -> int:
        if not self._statements.close.run(cursor, *said, gathering_id).rowcount:
            return 0
        return self._statements.set_due.run(cursor, due, gathering_id).rowcount


def _gathering(row: Row) -> Gathering:
    number, route, level, uid, opened, last, arrivals, association = row
    return Gathering(
        gathering_id=number,
        route=route,
        level=Level(level),
        uid=uid,
        opened_at=moment_of(opened),
        last_arrival_at=moment_of(last),
        arrivals=arrivals,
        association_id=association,
    )


def _closed(row: Row) -> ClosedGathering:
    number, route, level, uid, closed, verdict, evidence, is_forced, arrivals, late = row
    return ClosedGathering(
        gathering_id=number,
        route=route,
        level=Level(level),
        uid=uid,
        closed_at=moment_or_none(closed),
        verdict=Completeness(verdict) if verdict else None,
        evidence=evidence,
        is_forced=bool(is_forced),
        arrivals=arrivals,
        late_arrivals=late,
    )
