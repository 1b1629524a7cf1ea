"""Making odd values storable: what a peer wrote into an attribute must never keep it from us.

Only for what the driver refused; everything else is stored as it was decoded.
"""

import dataclasses
from typing import Final, TypeVar

from hilum.dicom.facts import InstanceFacts
from hilum.ledger.entry import AuditRecord, Entry, Origin

T = TypeVar("T", InstanceFacts, Origin, AuditRecord)

# SQLite and PostgreSQL keep 64 bits.
_INTEGER_MAX: Final = 2**63 - 1


def storable(entry: Entry) -> Entry:
    """Give `entry` with texts that can be encoded and numbers that fit."""
    return dataclasses.replace(
        entry, facts=with_storable_fields(entry.facts), origin=with_storable_fields(entry.origin)
    )


def with_storable_fields(value: T) -> T:
    """Give a copy of `value` all of whose texts and numbers can be stored."""
    changes: dict[str, object] = {}
    for field in dataclasses.fields(value):
        old = getattr(value, field.name)
        if isinstance(old, str):
            changes[field.name] = old.encode("utf-8", "replace").decode("utf-8")
        elif isinstance(old, int) and abs(old) > _INTEGER_MAX:
            changes[field.name] = None
    return dataclasses.replace(value, **changes)  # type: ignore[arg-type] # same types as before
