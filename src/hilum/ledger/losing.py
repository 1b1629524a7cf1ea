"""Letting go of payloads: the catalogue says what we hold, nothing else."""

from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Final

from hilum.ledger.auditing import audit_values
from hilum.ledger.catalogue import Catalogue
from hilum.ledger.deliveries_statements import DeliveryStatements
from hilum.ledger.entry import OURSELVES, AuditRecord
from hilum.ledger.statements import Reading, Writing

PAYLOAD_LOST: Final = "payload lost"
LOST: Final = "its payload is lost: the file is gone or damaged"


@dataclass(slots=True)
class Held:
    """A payload that is held, and what it belongs to."""

    instance_row: int
    version: int
    current_version: int
    series_row: int
    sop_instance_uid: str
    study_instance_uid: str
    patient_id: str
    size: int


class Losses:
    """Forgets payloads. The transaction is the caller's."""

    def __init__(
        self,
        reading: Reading,
        writing: Writing,
        statements: DeliveryStatements,
        catalogue: Catalogue,
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._statements = statements
        self._catalogue = catalogue

    def lose(self, cursor: Cursor, path: str, at: int) -> bool:
        """Forget the payload at `path`, whose file is gone. False when none is known there.

        The audit trail is told, and what it was still to be delivered to is refused with the
        reason: a person must decide what to do about it.
        """
        held = self.held_at(cursor, path)
        if held is None:
            return False
        self.let_go(cursor, held)
        whose = (held.sop_instance_uid, held.version)
        owed = self._statements.lose_owed.run(cursor, LOST, *whose).fetchall()
        detail = f"version {held.version}: {path}"
        if owed:
            detail += f"; not delivered to {', '.join(name for (name,) in owed)}"
        record = AuditRecord(
            PAYLOAD_LOST,
            "lost",
            OURSELVES,
            study_instance_uid=held.study_instance_uid,
            sop_instance_uid=held.sop_instance_uid,
            patient_id=held.patient_id,
            detail=detail,
        )
        self._writing.add_audit.run(cursor, [audit_values(record, at)])
        return True

    def held_at(self, cursor: Cursor, path: str) -> Held | None:
        """Give what is held at `path`."""
        found = self._reading.payload_at.row(cursor, path)
        return None if found is None else Held(*found)

    def let_go(self, cursor: Cursor, held: Held) -> None:
        """Hold a payload no more.

        The version before it is served from then on; the catalogue goes on describing the instance
        as the newest one did. Without any version the instance and what is empty without it go too.
        """
        self._writing.drop_payload.run(cursor, held.instance_row, held.version)
        newest = self._reading.newest_version.row(cursor, held.instance_row)
        if newest is None or newest[0] is None:
            self._writing.drop_instance.run(cursor, held.instance_row)
            self._catalogue.drop_empty(cursor, held.series_row)
        elif held.version == held.current_version:
            self._writing.serve_version.run(cursor, newest[0], held.instance_row)
