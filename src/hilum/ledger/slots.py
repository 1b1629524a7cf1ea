"""Slots: permissions for one association or connection to a destination, over all processes."""

from datetime import datetime
from sqlite3 import Cursor
from typing import Final

from sqlalchemy import delete, insert, select, update

from hilum.ledger.deliveries_statements import value
from hilum.ledger.doors import Ask, Write
from hilum.ledger.moments import microseconds_of
from hilum.ledger.schema import SLOT
from hilum.ledger.texts import Insert, Statement

_S: Final = SLOT.c


class Slots:
    """Leases of slots. Every method raises Full or LedgerUnavailable as Ledger.record() does."""

    def __init__(self, write: Write, ask: Ask) -> None:
        self._write = write
        self._ask = ask
        self._leased = Statement(
            select(_S.number).where(
                _S.destination == value("lane"), _S.leased_until_microseconds > value("now")
            ),
            *("lane", "now"),
        )
        self._add = Insert(insert(SLOT), *SLOT.c.keys())
        self._expire_of = Statement(
            delete(SLOT).where(
                _S.destination == value("lane"), _S.leased_until_microseconds <= value("now")
            ),
            *("lane", "now"),
        )
        self._renew = Statement(
            update(SLOT)
            .values(leased_until_microseconds=value("until"))
            .where(_S.owner == value("whose")),
            *("until", "whose"),
        )
        self._owners = Statement(select(_S.owner).distinct())
        self._give_back_all = Statement(delete(SLOT).where(_S.owner == value("whose")), "whose")
        self._give_back = Statement(
            delete(SLOT).where(
                _S.destination == value("lane"),
                _S.number == value("which"),
                _S.owner == value("whose"),
            ),
            *("lane", "which", "whose"),
        )

    def take(
        self, destination: str, *, limit: int, owner: str, now: datetime, until: datetime
    ) -> int | None:
        """Lease the smallest free slot of `limit`; None if so many are leased already."""
        moments = (microseconds_of(now), microseconds_of(until))
        return self._write(lambda cursor: self._take(cursor, destination, limit, owner, moments))

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every lease of `owner`; give how many it still has."""
        moment = microseconds_of(until)
        return self._write(lambda cursor: self._renew.run(cursor, moment, owner).rowcount)

    def give_back(self, destination: str, number: int, owner: str) -> bool:
        """Free a slot; False when `owner` has lost it already."""
        return self._write(
            lambda cursor: self._give_back.run(cursor, destination, number, owner).rowcount > 0
        )

    def owners(self) -> frozenset[str]:
        """Name all who have a slot."""
        rows = self._ask(lambda cursor: self._owners.run(cursor).fetchall())
        return frozenset(owner for (owner,) in rows)

    def give_back_all(self, owner: str) -> int:
        """Free every slot of `owner`; give how many."""
        return self._write(lambda cursor: self._give_back_all.run(cursor, owner).rowcount)

    def leased(self, destination: str, *, now: datetime) -> int:
        """Count the slots of a destination that are leased."""
        moment = microseconds_of(now)
        rows = self._ask(lambda c: self._leased.run(c, destination, moment).fetchall())
        return len(rows)

    def _take(
        self, cursor: Cursor, destination: str, limit: int, owner: str, moments: tuple[int, int]
    ) -> int | None:
        now, until = moments
        taken = {number for (number,) in self._leased.run(cursor, destination, now)}
        # Also those above a limit that was lowered: what they lease is open all the same.
        if len(taken) >= limit:
            return None
        number = next(number for number in range(1, limit + 1) if number not in taken)
        self._expire_of.run(cursor, destination, now)
        self._add.run(cursor, [(destination, number, owner, until)])
        return number
