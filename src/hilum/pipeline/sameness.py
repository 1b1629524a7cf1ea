"""Recording, with a look at the bytes before any are dropped as the same ones.

The ledger knows payloads by a digest that is fast and can be deceived. Nothing is answered, and no
file is removed, because two digests are equal: the bytes are compared first.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from hilum.ledger.entry import Entry, Recorded, Verdict

# Tells whether the data sets of `size` bytes in two payload files are the same. May raise OSError.
Compare = Callable[[str, str, int], bool]


class Records(Protocol):
    """What is needed of the ledger."""

    def record(self, entries: Sequence[Entry]) -> list[Recorded]:
        """Write all entries in one transaction. Raises Full, or another HilumError."""
        ...


def record_compared(records: Records, entries: Sequence[Entry], compare: Compare) -> list[Recorded]:
    """Record `entries`; those that only seem to be held already are recorded as what they are.

    Their first receipt stays, as receipts do, and a second one says what became of them. Raises
    what `record` raises.
    """
    recorded = records.record(entries)
    others = [
        index
        for index, record in enumerate(recorded)
        if record.verdict is Verdict.ALREADY_HELD and not _same(entries[index], record, compare)
    ]
    if others:
        distinct = [replace(entries[index], is_distinct=True) for index in others]
        for index, record in zip(others, records.record(distinct), strict=True):
            recorded[index] = record
    return recorded


def _same(entry: Entry, record: Recorded, compare: Compare) -> bool:
    if entry.path == record.path:
        return True
    try:
        return compare(entry.path, record.path, entry.size)
    except OSError:
        # What cannot be read is not held: the newcomer is kept.
        return False
