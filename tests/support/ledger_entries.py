"""Entries as intake would make them. Also imported by the child processes that the tests start."""

import dataclasses
import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hilum.dicom.facts import InstanceFacts
from hilum.kernel.names import UID
from hilum.ledger.entry import Entry, Origin, Verdict

RECEIVED = datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)
ORIGIN = Origin("CT1", "HILUM", "ct1", "127.0.0.1", "HILUM", "a-1")
NUMBERS = {
    "series_number",
    "instance_number",
    "rows",
    "columns",
    "bits_allocated",
    "number_of_frames",
}


def facts(number=1, **changes):
    values = {
        field.name: None if field.name in NUMBERS else ""
        for field in dataclasses.fields(InstanceFacts)
    }
    values |= {
        "sop_instance_uid": f"1.2.3.4.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "series_instance_uid": "1.2.3.4",
        "study_instance_uid": "1.2.3",
        "patient_id": "P1",
        "patient_name": "DOE^JANE",
        "study_description": "HEAD",
        "modality": "CT",
        "series_number": 2,
        "instance_number": number,
    }
    return InstanceFacts(**values | changes)


def entry(number=1, *, content=b"", verdict=Verdict.KEPT, path=None, origin=ORIGIN, **changes):
    """An entry whose digest follows from its UID and `content`."""
    seen = facts(number, **changes)
    digest = hashlib.sha256(seen.sop_instance_uid.encode() + content).digest()
    return Entry(
        facts=seen,
        transfer_syntax_uid=UID("1.2.840.10008.1.2.1"),
        path=path or f"{seen.sop_instance_uid}-{digest.hex()[:8]}.dcm",
        size=1000 + len(content),
        digest=digest,
        verdict=verdict,
        origin=origin,
        received_at=RECEIVED,
    )


def rows(path: Path, question: str, *values):
    """Ask the file behind the ledger's back."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question, values).fetchall()


def change(path: Path, statement: str, *values):
    """Change the file behind the ledger's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)
