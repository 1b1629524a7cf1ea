"""Recording, with a look at the bytes before any are dropped as the same ones.

The ledger knows payloads by a digest that is fast and can be deceived. Nothing is answered, and no
file is removed, because two digests are equal: the bytes are compared first.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hilum.ledger.entry import Entry, Recorded, Verdict

# Tells whether the data sets of `size` bytes in two payload files are the same. May raise OSError.
Compare = Callable[[str, str, int], bool]

# Writes all entries in one transaction. Raises Full, or another HilumError.
Record = Callable[[Sequence[Entry]], list[Recorded]]


def record_compared(record: Record, entries: Sequence[Entry], compare: Compare) -> list[Recorded]:
    """Record `entries`; those that only seem to be held already are recorded as what they are.

    Their first receipt stays, as receipts do, and a second one says what became of them. Raises
    what `record` raises.
    """
    recorded = record(entries)
    others = [
        index
        for index, one in enumerate(recorded)
        if one.verdict is Verdict.ALREADY_HELD and not _same(entries[index], one, compare)
    ]
    if others:
        distinct = [replace(entries[index], is_distinct=True) for index in others]
        for index, one in zip(others, record(distinct), strict=True):
            recorded[index] = one
    return recorded


def _same(entry: Entry, record: Recorded, compare: Compare) -> bool:
    if entry.path == record.path:
        return True
    try:
        return compare(entry.path, record.path, entry.size)
    except OSError:
        # What cannot be read is not held: the newcomer is kept.
        return False
