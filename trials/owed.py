"""What a gateway owes its destinations, read from its ledger: never asked from the process."""

import sqlite3
from collections import Counter
from collections.abc import Set as AbstractSet
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from trials.holding import LEDGER

_OPEN: Final = "SELECT count(*) FROM delivery WHERE state NOT IN ('delivered', 'dropped')"
_ACTIVE: Final = "SELECT sop_instance_uid FROM delivery WHERE state = 'active' AND destination = ?"
_UNTOLD: Final = """
    SELECT delivery.sop_instance_uid, count(*)
    FROM attempt JOIN delivery ON delivery.id = attempt.delivery_row
    WHERE attempt.outcome = 'untold' GROUP BY delivery.sop_instance_uid
"""


def open_deliveries(data: Path) -> int:
    """Count deliveries that are neither made nor dropped."""
    return int(_rows(data, _OPEN)[0][0])


def in_flight(data: Path, destination: str) -> AbstractSet[str]:
    """Give the instances that a lane had at hand: begun, or about to be."""
    return {uid for (uid,) in _rows(data, _ACTIVE, destination)}


def untold(data: Path) -> Counter[str]:
    """Count for each instance how often a worker died with it and did not say what became of it."""
    return Counter(dict(_rows(data, _UNTOLD)))


def _rows(data: Path, statement: str, *values: object) -> list[Any]:
    path = data / LEDGER
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as ledger:
        return ledger.execute(statement, values).fetchall()
