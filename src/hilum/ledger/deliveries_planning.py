"""What one transaction owes: the deliveries of its entries, beside their receipts.

What is owed is written once for each version, destination and choice; what a replaced version was
owed is dropped aloud.
"""

from collections.abc import Iterable, Sequence
from sqlite3 import Cursor
from typing import Final

from hilum.ledger.auditing import audit_values
from hilum.ledger.deliveries_statements import DeliveryStatements
from hilum.ledger.delivery import GatheringKey, PlannedDelivery, State
from hilum.ledger.entry import OURSELVES, AuditRecord, Verdict
from hilum.ledger.gathering_statements import GatheringStatements
from hilum.ledger.moments import microseconds_of
from hilum.ledger.statements import Writing
from hilum.ledger.texts import Row
from hilum.ledger.verdicts import Step

DELIVERIES_DROPPED: Final = "deliveries dropped"

# Of each instance: its versions, and of each the destinations and choices that have a delivery.
Known = dict[str, dict[int, set[tuple[str, str]]]]
_Wanted = tuple[Step, PlannedDelivery]


class Planning:
    """Writes planned deliveries. The transaction is the caller's."""

    def __init__(
        self, statements: DeliveryStatements, gatherings: GatheringStatements, writing: Writing
    ) -> None:
        self._statements = statements
        self._gatherings = gatherings
        self._writing = writing

    def known(self, cursor: Cursor, uids: Sequence[str]) -> Known:
        """Give the deliveries there are for `uids`, of whatever version and state."""
        known: Known = {}
        rows = self._statements.known.rows(cursor, list(dict.fromkeys(uids)))
        for uid, version, destination, choice in rows:
            versions = known.setdefault(uid, {})
            versions.setdefault(version, set()).add((destination, choice))
        return known

    def plan(self, cursor: Cursor, steps: Sequence[Step], known: Known) -> None:
        """Write what `steps` owe, and drop what is owed of versions they replaced.

        Raises:
            sqlite3.Error: the transaction must be rolled back.
        """
        for step in steps:
            if step.superseded is not None:
                self._supersede(cursor, step, step.superseded.version)
        wanted = [
            (step, planned)
            for step in steps
            if step.entry.deliveries and step.verdict is not Verdict.KEPT_FIRST
            for planned in _not_known(step, known)
        ]
        if wanted:
            gatherings = self._gather(cursor, wanted)
            self._statements.add.run(cursor, [_row(*one, gatherings) for one in wanted])

    def _supersede(self, cursor: Cursor, step: Step, version: int) -> None:
        """Drop what is owed of a version whose payload goes.

        A lane may be at it: whatever it says counts, and if that is not success the next claim
        finds no payload and refuses aloud.
        """
        facts, at = step.entry.facts, microseconds_of(step.entry.received_at)
        reason = f"replaced by version {step.payload.version}"
        dropped = self._statements.supersede.run(
            cursor, at, reason, facts.sop_instance_uid, version
        ).fetchall()
        if not dropped:
            return
        record = AuditRecord(
            DELIVERIES_DROPPED,
            "dropped",
            OURSELVES,
            study_instance_uid=facts.study_instance_uid,
            sop_instance_uid=facts.sop_instance_uid,
            patient_id=facts.patient_id,
            detail=f"version {version} {reason}: {', '.join(name for (name,) in dropped)}",
        )
        self._writing.add_audit.run(cursor, [audit_values(record, at)])

    def _gather(
        self, cursor: Cursor, wanted: Sequence[_Wanted]
    ) -> dict[tuple[str, str, str], tuple[int, bool]]:
        """Count arrivals of gatherings; give the row of each, and whether it is open."""
        arrived: dict[tuple[str, str, str], list[Step]] = {}
        for step, planned in wanted:
            if planned.gathering is not None:
                arrived.setdefault(_key(planned.route, planned.gathering), []).append(step)
        rows = {}
        for key, steps in arrived.items():
            last = steps[-1].entry
            at = microseconds_of(last.received_at)
            values = ("open", at, at, last.origin.association_id, len(steps))
            [(row, state)] = self._gatherings.touch.run(cursor, *key, *values).fetchall()
            rows[key] = (row, state == "open")
        return rows


def _not_known(step: Step, known: Known) -> Iterable[PlannedDelivery]:
    """Give the deliveries of `step` that nobody planned, and note them.

    What a group chose once it need not choose again.
    """
    versions = known.setdefault(step.entry.facts.sop_instance_uid, {})
    there = versions.setdefault(step.payload.version, set())
    for planned in step.entry.deliveries:
        name, choice = planned.destination, planned.choice
        if any(name == other or (choice and choice == group) for other, group in there):
            continue
        there.add((name, choice))
        yield planned


def _key(route: str, gathering: GatheringKey) -> tuple[str, str, str]:
    return route, gathering.level.value, gathering.uid


def _row(
    step: Step,
    planned: PlannedDelivery,
    gatherings: dict[tuple[str, str, str], tuple[int, bool]],
) -> Row:
    entry = step.entry
    facts = entry.facts
    at = microseconds_of(entry.received_at)
    due: int | None = at if planned.due_at is None else microseconds_of(planned.due_at)
    gathering_row = None
    if planned.gathering is not None:
        gathering_row, is_open = gatherings[_key(planned.route, planned.gathering)]
        due = None if is_open else due
    state, reason, settled = State.WAITING, planned.held, None
    if planned.held:
        state = State.HELD
    if not step.is_held_in_the_end():
        state, reason, settled = State.DROPPED, "replaced before it could be delivered", at
    return (
        facts.sop_instance_uid,
        step.payload.version,
        facts.study_instance_uid,
        facts.series_instance_uid,
        planned.destination,
        planned.route,
        planned.choice,
        state.value,
        int(planned.priority),
        due,
        at,
        entry.size,
        gathering_row,
        reason,
        settled,
    )
