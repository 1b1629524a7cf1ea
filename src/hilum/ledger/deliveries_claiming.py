"""Who gets which deliveries next: a batch, leased in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Final

from hilum.kernel.names import UID
from hilum.ledger.deliveries_statements import DeliveryStatements
from hilum.ledger.delivery import Claimed, Priority
from hilum.ledger.moments import moment_of
from hilum.ledger.texts import Row

PAYLOAD_GONE: Final = "its payload is not held any more, so that it cannot be sent"
_PATH: Final = 7


@dataclass(frozen=True, slots=True)
class Wish:
    """What a lane wants; moments in microseconds."""

    destination: str
    owner: str
    limit: int
    bytes_max: int
    now: int
    leased_until: int
    priorities: Sequence[Priority]


class Claiming:
    """Leases deliveries. The transaction is the caller's."""

    def __init__(self, statements: DeliveryStatements) -> None:
        self._statements = statements

    def claim(self, cursor: Cursor, wish: Wish) -> list[Claimed]:
        """Give what is due and lease it; refuse what has lost its payload on the way."""
        claimed: list[Claimed] = []
        left = wish.bytes_max
        for priority, row in self._due(cursor, wish):
            one = _claimed(row, priority)
            if claimed and one.size > left:
                break
            left -= one.size
            claimed.append(one)
        if claimed:
            ids = [one.delivery_id for one in claimed]
            self._statements.lease.rows(cursor, ids, wish.owner, wish.leased_until)
        return claimed

    def _due(self, cursor: Cursor, wish: Wish) -> Iterator[tuple[Priority, Row]]:
        """Give up to `limit` rows that are due and have a payload, in order."""
        left = wish.limit
        for priority in wish.priorities:
            while left > 0:
                key = (wish.destination, int(priority), wish.now)
                rows = self._statements.due.run(cursor, *key, left).fetchall()
                gone = [row[0] for row in rows if row[_PATH] is None]
                if gone:
                    self._statements.refuse_lost.rows(cursor, gone, PAYLOAD_GONE)
                    if len(gone) == len(rows):
                        continue  # what comes after them may be whole
                    rows = [row for row in rows if row[_PATH] is not None]
                left -= len(rows)
                yield from ((priority, row) for row in rows)
                break


def _claimed(row: Row, priority: Priority) -> Claimed:
    number, sop_class, uid, series, study, syntax, size, path, attempts, *rest = row
    version, route, choice, created_at = rest
    return Claimed(
        delivery_id=number,
        sop_class_uid=UID(sop_class),
        sop_instance_uid=UID(uid),
        series_instance_uid=UID(series),
        study_instance_uid=UID(study),
        transfer_syntax_uid=UID(syntax),
        size=size,
        path=path,
        attempts=attempts,
        version=version,
        route=route,
        choice=choice,
        priority=priority,
        created_at=moment_of(created_at),
    )
