"""Letting go of payloads whose files are gone: the catalogue says what we hold, nothing else."""

from sqlite3 import Cursor
from typing import Final

from hilum.ledger.auditing import audit_values
from hilum.ledger.catalogue import Catalogue
from hilum.ledger.entry import OURSELVES, AuditRecord
from hilum.ledger.statements import Reading, Writing

PAYLOAD_LOST: Final = "payload lost"


class Losses:
    """Forgets payloads. The transaction is the caller's."""

    def __init__(self, reading: Reading, writing: Writing, catalogue: Catalogue) -> None:
        self._reading = reading
        self._writing = writing
        self._catalogue = catalogue

    def lose(self, cursor: Cursor, path: str, at: int) -> bool:
        """Forget the payload at `path`, and tell the audit trail. False when none is known there.

        The version before it is served from then on; the catalogue goes on describing the instance
        as the newest one did. Without any version the instance and what is empty without it go too.
        """
        found = self._reading.payload_at.row(cursor, path)
        if found is None:
            return False
        instance_row, version, current, series_row, uid, study_uid, patient_id = found
        self._writing.drop_payload.run(cursor, instance_row, version)
        newest = self._reading.newest_version.row(cursor, instance_row)
        if newest is None or newest[0] is None:
            self._writing.drop_instance.run(cursor, instance_row)
            self._catalogue.drop_empty(cursor, series_row)
        elif version == current:
            self._writing.serve_version.run(cursor, newest[0], instance_row)
        record = AuditRecord(
            PAYLOAD_LOST,
            "lost",
            OURSELVES,
            study_instance_uid=study_uid,
            sop_instance_uid=uid,
            patient_id=patient_id,
            detail=f"version {version}: {path}",
        )
        self._writing.add_audit.run(cursor, [audit_values(record, at)])
        return True
