"""What one transaction writes for a group of entries: first decide, then write table by table."""

from collections.abc import Sequence
from operator import attrgetter
from sqlite3 import Cursor
from typing import Final

from hilum.ledger.auditing import origin_values
from hilum.ledger.catalogue import Catalogue
from hilum.ledger.deliveries_planning import Planning
from hilum.ledger.differences import contradictions
from hilum.ledger.entry import Entry, HeldPayload, Recorded, Verdict
from hilum.ledger.moments import microseconds_of
from hilum.ledger.statements import INSTANCE_ATTRIBUTES, Reading, Writing
from hilum.ledger.texts import Row
from hilum.ledger.verdicts import HeldInstance, Step, decide

INSTANCES_RECEIVED: Final = "instances received"

_KEEPS: Final = frozenset({Verdict.KEPT, Verdict.KEPT_BESIDE, Verdict.KEPT_OLDER, Verdict.REPLACED})
# What ties an instance to its place; versions of one instance should not differ in it.
_PLACE: Final = ("study_instance_uid", "series_instance_uid", "sop_class_uid")

# Forgetting what was told means telling it once more.
_TOLD_MAX: Final = 1024

_instance_values = attrgetter(*INSTANCE_ATTRIBUTES)
_place_values = attrgetter(*_PLACE)


class Recorder:
    """Writes groups of entries. The transaction is the caller's."""

    def __init__(
        self, reading: Reading, writing: Writing, catalogue: Catalogue, planning: Planning
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._catalogue = catalogue
        self._planning = planning
        self._told: set[tuple[str, str, Verdict]] = set()

    def record(self, cursor: Cursor, entries: Sequence[Entry]) -> list[Recorded]:
        """Write `entries` in their order, later ones of a UID knowing the earlier ones.

        Raises:
            sqlite3.Error: the transaction must be rolled back.
        """
        uids = [entry.facts.sop_instance_uid for entry in entries]
        held = held_under(self._reading, cursor, uids)
        known = self._planning.known(cursor, uids)
        for uid, versions in known.items():
            held.setdefault(uid, HeldInstance()).version_used = max(versions)
        steps = [
            decide(entry, held.setdefault(entry.facts.sop_instance_uid, HeldInstance()))
            for entry in entries
        ]
        self._keep(cursor, [step for step in steps if step.verdict in _KEEPS])
        self._planning.plan(cursor, steps, known)
        answered = [step for step in steps if step.verdict is not Verdict.KEPT_FIRST]
        numbers = self._writing.add_receipt.run_numbered(cursor, [_receipt(s) for s in answered])
        receipts = dict(zip(map(id, answered), numbers, strict=True))
        self._tell(cursor, steps)
        return [_recorded(step, receipts.get(id(step), 0)) for step in steps]

    def _tell(self, cursor: Cursor, steps: Sequence[Step]) -> None:
        """Write an audit record for what begins: who brings instances of which study, and how.

        Once for each association, study and verdict, as PS3.15 §A.5.3 wants it told; the receipts,
        as little to be changed as the audit trail, name every instance that came.
        """
        begun = {_transfer(step): step for step in reversed(steps)}
        fresh = [step for transfer, step in begun.items() if transfer not in self._told]
        if fresh:
            self._writing.add_audit.run(cursor, [_audit(step) for step in fresh])

    def committed(self, entries: Sequence[Entry], recorded: Sequence[Recorded]) -> None:
        """Remember what was told, now that it cannot be rolled back any more."""
        if len(self._told) > _TOLD_MAX:
            self._told.clear()
        for entry, record in zip(entries, recorded, strict=True):
            self._told.add((*_who_and_what(entry), record.verdict))

    def _keep(self, cursor: Cursor, steps: Sequence[Step]) -> None:
        """Write the instances and payloads that are kept, and drop those they replace."""
        fresh: list[Step] = []
        later: list[Step] = []
        for step in steps:
            step.series_row = self._catalogue.series_row(cursor, step.entry)
            (fresh if step.is_new else later).append(step)
        rows = self._writing.add_instance.run_numbered(cursor, [_instance(s) for s in fresh])
        for step, row in zip(fresh, rows, strict=True):
            step.instance.row = row
            if step.entry.extras:
                self._catalogue.extras.instance(cursor, step.entry.extras, row, is_new=True)
        # First, for what is replaced may come back in the same group, at the same path.
        for step in later:
            if step.superseded is not None:
                self._writing.drop_payload.run(cursor, step.instance.row, step.superseded.version)
        lasting = [s for s in steps if s.is_held_in_the_end()] if later else steps
        self._writing.add_payload.run(cursor, [_payload(step) for step in lasting])
        newest = [step for step in later if step.verdict is not Verdict.KEPT_OLDER]
        left = [self._change_instance(cursor, step) for step in newest]
        # The series of a version that is not served may hold nothing else.
        left += [step.series_row for step in later if step.verdict is Verdict.KEPT_OLDER]
        for series_row in left:
            self._catalogue.drop_empty(cursor, series_row)

    def _change_instance(self, cursor: Cursor, step: Step) -> int:
        """Let the catalogue describe the newest version; give the series row it was in."""
        row, entry = step.instance.row, step.entry
        place = self._reading.place.row(cursor, row)
        self._writing.change_instance.run(
            cursor,
            *(step.series_row, entry.facts.sop_class_uid, step.payload.version),
            *(*_instance_values(entry.facts), row),
        )
        self._catalogue.extras.instance(cursor, entry.extras, row, is_new=False)
        if place is None:
            return step.series_row
        series_row, *kept = place
        moved = contradictions(_PLACE, kept, _place_values(entry.facts))
        uid = entry.facts.sop_instance_uid
        self._catalogue.record_conflicts(cursor, entry, "instance", uid, moved)
        return int(series_row)


def held_under(reading: Reading, cursor: Cursor, uids: Sequence[str]) -> dict[str, HeldInstance]:
    """Give what is held under `uids`, oldest version first; what is not held is not there."""
    held: dict[str, HeldInstance] = {}
    wanted = list(dict.fromkeys(uids))
    for uid, row, current, version, digest, path, size, at in reading.held.rows(cursor, wanted):
        instance = held.setdefault(uid, HeldInstance(row))
        if version is not None:
            payload = HeldPayload(
                digest,
                path,
                version,
                is_current=version == current,
                size=size,
                received_at_microseconds=at,
            )
            instance.payloads.append(payload)
    for instance in held.values():
        if len(instance.payloads) > 1:
            instance.payloads.sort(key=attrgetter("version"))
    return held


def _instance(step: Step) -> Row:
    facts = step.entry.facts
    return (
        step.series_row,
        facts.sop_instance_uid,
        facts.sop_class_uid,
        step.payload.version,
        *_instance_values(facts),
    )


def _payload(step: Step) -> Row:
    entry = step.entry
    return (
        step.instance.row,
        step.payload.version,
        entry.digest,
        entry.size,
        entry.transfer_syntax_uid,
        entry.path,
        microseconds_of(entry.received_at),
        entry.origin.peer,
    )


def _receipt(step: Step) -> Row:
    entry = step.entry
    return (
        microseconds_of(entry.received_at),
        entry.facts.sop_instance_uid,
        step.payload.version,
        step.verdict.value,
        entry.digest,
        entry.size,
        *origin_values(entry.origin),
    )


def _audit(step: Step) -> Row:
    facts = step.entry.facts
    return (
        microseconds_of(step.entry.received_at),
        INSTANCES_RECEIVED,
        step.verdict.value,
        *origin_values(step.entry.origin),
        facts.study_instance_uid,
        facts.sop_instance_uid,
        facts.patient_id,
        "",
    )


def _who_and_what(entry: Entry) -> tuple[str, str]:
    return entry.origin.association_id, entry.facts.study_instance_uid


def _transfer(step: Step) -> tuple[str, str, Verdict]:
    return *_who_and_what(step.entry), step.verdict


def _recorded(step: Step, receipt_id: int) -> Recorded:
    return Recorded(
        receipt_id,
        step.payload.version,
        step.verdict,
        step.payload.path,
        step.superseded_path(),
    )
