"""What became of deliveries: outcomes, attempts, pace. Delivered wins over any other belief."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Cursor
from typing import Final, TypeVar, assert_never

from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.ledger.deliveries_statements import DeliveryStatements
from hilum.ledger.delivery import Settlement
from hilum.ledger.moments import microseconds_of
from hilum.ledger.texts import Row

# The last ones say why it fails; a destination that is away for a month must not fill the disk.
ATTEMPTS_KEPT_MAX: Final = 10
# A peer chooses its words; some send a whole page.
REASON_CHARACTERS_MAX: Final = 500
PACE_KEPT_MINUTES: Final = 24 * 60
MICROSECONDS_PER_MINUTE: Final = 60_000_000
UNTOLD: Final = "untold"

_Said = TypeVar("_Said")
# The deliveries of which the same is to be said.
_Alike = dict[_Said, list[int]]


@dataclass(slots=True)
class _Tally:
    """What one destination took."""

    delivered: int = 0
    bytes: int = 0
    deferred: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Account:
    """What one settling has to say beside the deliveries themselves."""

    at: int
    changed: int = 0
    attempts: list[Row] = field(default_factory=list)
    crowded: list[int] = field(default_factory=list)
    tallies: defaultdict[str, _Tally] = field(default_factory=lambda: defaultdict(_Tally))


class Settling:
    """Writes outcomes. The transaction is the caller's."""

    def __init__(self, statements: DeliveryStatements) -> None:
        self._statements = statements

    def settle(self, cursor: Cursor, settlements: Sequence[Settlement], at: int) -> int:
        """Write `settlements`; give how many changed anything."""
        account = _Account(at)
        # What is the same for many is written for all of them at once: a destination that refuses
        # everything refuses in lots, and each statement holds up whoever else wants to write.
        delivered: _Alike[tuple[str, int | None]] = {}
        refused: _Alike[tuple[str, str, int | None]] = {}
        untried: _Alike[tuple[str, int | None]] = {}
        for settlement in settlements:
            number, owner = settlement.delivery_id, settlement.owner
            match settlement.outcome:
                case Delivered(warning, remark):
                    delivered.setdefault((short(remark), warning), []).append(number)
                case Deferred(failing=Failing.UNTRIED):
                    untried.setdefault((owner, _due(settlement)), []).append(number)
                case Deferred() as deferred:
                    self._defer(cursor, settlement, deferred, account)
                case Refused(reason, status, http_status=http):
                    said = (owner, short(reason), http if status is None else status)
                    refused.setdefault(said, []).append(number)
                case _ as never:
                    assert_never(never)
        for (remark, warning), ids in delivered.items():
            self._deliver(cursor, ids, (remark, warning), account)
        for (owner, reason, code), ids in refused.items():
            self._refuse(cursor, ids, (owner, reason, code), account)
        for (owner, due), ids in untried.items():
            account.changed += len(self._statements.put_back.rows(cursor, ids, due, owner))
        self.add_attempts(cursor, account.attempts, account.crowded)
        self._add_paces(cursor, account)
        return account.changed

    def add_attempts(self, cursor: Cursor, rows: Sequence[Row], crowded: Sequence[int]) -> None:
        """Write attempts, and let the oldest of those deliveries go that have too many."""
        self._statements.add_attempt.run(cursor, rows)
        for number in crowded:
            self._statements.prune_attempts.run(cursor, number, number, ATTEMPTS_KEPT_MAX)

    def _deliver(
        self, cursor: Cursor, ids: Sequence[int], said: tuple[str, int | None], account: _Account
    ) -> None:
        for destination, size in self._statements.deliver.rows(cursor, ids, *said, account.at):
            tally = account.tallies[destination]
            tally.delivered += 1
            tally.bytes += size
            account.changed += 1

    def _defer(
        self, cursor: Cursor, settlement: Settlement, outcome: Deferred, account: _Account
    ) -> None:
        due = _due(settlement)
        due = account.at if due is None else due
        reason, kind = short(outcome.reason), outcome.failing.value
        whose = (settlement.delivery_id, settlement.owner)
        rows = self._statements.defer.run(cursor, due, reason, kind, *whose).fetchall()
        for destination, attempts in rows:
            account.tallies[destination].deferred += 1
            _note(account, settlement.delivery_id, ("deferred", kind, reason, None), attempts)

    def _refuse(
        self,
        cursor: Cursor,
        ids: Sequence[int],
        said: tuple[str, str, int | None],
        account: _Account,
    ) -> None:
        owner, reason, status = said
        rows = self._statements.refuse.rows(cursor, ids, reason, status, owner)
        for number, destination, attempts in rows:
            account.tallies[destination].refused += 1
            _note(account, number, ("refused", "", reason, status), attempts)

    def _add_paces(self, cursor: Cursor, account: _Account) -> None:
        minute = account.at // MICROSECONDS_PER_MINUTE
        for name, tally in account.tallies.items():
            counts = (tally.delivered, tally.bytes, tally.deferred, tally.refused)
            self._statements.add_pace.run(cursor, [(name, minute, *counts)])
            self._statements.prune_pace.run(cursor, name, minute - PACE_KEPT_MINUTES)


def short(reason: str) -> str:
    """Give a reason that can be stored, whatever a peer put into it."""
    return reason[:REASON_CHARACTERS_MAX].encode("utf-8", "replace").decode("utf-8")


def _due(settlement: Settlement) -> int | None:
    return None if settlement.due_at is None else microseconds_of(settlement.due_at)


def _note(account: _Account, delivery: int, said: Row, attempts: int) -> None:
    account.changed += 1
    account.attempts.append((delivery, account.at, *said))
    if attempts > ATTEMPTS_KEPT_MAX:
        account.crowded.append(delivery)
