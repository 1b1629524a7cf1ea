"""The ledger as lanes see it: asynchronous, in their words, with the leases looked after.

After a call that failed nobody knows what it did: rows may be leased to us that we do not know of,
and renewing our leases would keep them from everybody for ever; or they were put back, and what is
told again would hit those who have them now. So each failure begins a new owner name; the old one
is let go of, strays and all, when nothing known is left under it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from hilum.kernel.clock import Clock
from hilum.ledger.delivery import Claimed, Priority, Settlement
from hilum.pipeline.lanes.goods import Goods, Result
from hilum.pipeline.lanes.ports import Aside, Bookkeeper, Slots
from hilum.pipeline.ports import Parcel

T = TypeVar("T")

# A lease outlives its owner by so long at most; a healthy ledger is asked several times in it.
LEASE_SECONDS: Final = 60.0
RENEW_SECONDS: Final = 15.0
# A claim never takes more bytes than this, so that one worker does not sit on hours of work.
CLAIM_BYTES_MAX: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Slot:
    """The permission to have one session open."""

    destination: str
    number: int
    owner: str


class Books:
    """The ledger for the lanes of one process. `token` names it, and no other one ever."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        slots: Slots,
        aside: Aside,
        clock: Clock,
        *,
        steady: Clock,
        token: str,
    ) -> None:
        """Take what to ask; `steady` is the clock of leases, the same for all who share them."""
        self.token = token
        self._bookkeeper = bookkeeper
        self._slots = slots
        self._aside = aside
        self._clock = clock
        self._steady = steady
        self.is_in_trouble = False  # a call failed, and none has shown since that all is well
        self._epoch = 0
        self._order = 0
        self._known: Counter[str] = Counter()  # goods and calls under way, by owner
        self._former: list[str] = []
        self._renewed_at = clock.monotonic()

    def are_leases_good(self, now: float) -> bool:
        """Tell whether what we have leased is surely still ours."""
        return now - self._renewed_at < LEASE_SECONDS - RENEW_SECONDS

    async def claim(
        self, destination: str, priorities: Sequence[Priority], limit: int
    ) -> list[Goods]:
        """Claim what is due, in the order of `priorities`. Raises HilumError."""
        owner = self._owner()
        now, until = self._clock.now(), self._leased_until()
        self._known[owner] += 1
        try:
            claimed = await self._ask(
                owner,
                lambda: self._bookkeeper.claim(
                    destination,
                    owner=owner,
                    limit=limit,
                    bytes_max=CLAIM_BYTES_MAX,
                    now=now,
                    leased_until=until,
                    priorities=priorities,
                ),
            )
        finally:
            self._known[owner] -= 1
        self._known[owner] += len(claimed)
        return [self._goods(one, owner) for one in claimed]

    async def settle(self, results: Sequence[Result]) -> None:
        """Write down results in one transaction.

        Raises HilumError; then those that were tried must be told again. The others must not: they
        may have been put back already, and be with us again. Their lease goes with its name.
        """
        now = self._clock.now()
        settlements = [
            Settlement(r.goods.parcel.delivery_id, r.goods.owner, r.outcome, r.due_at)
            for r in results
        ]
        settled = [result for result in results if result.is_untried]
        try:
            await self._ask(self._owner(), lambda: self._bookkeeper.settle(settlements, now=now))
            settled = list(results)
        finally:
            self._known.subtract(result.goods.owner for result in settled)

    async def next_dues(self, destinations: Sequence[str]) -> dict[str, datetime | None]:
        """Say when something is due for each; possibly long ago. Raises HilumError."""
        ask = self._bookkeeper.next_due
        return await self._aside.run(lambda: {name: ask(name) for name in destinations})

    async def take_slot(self, destination: str, slots_max: int) -> Slot | None:
        """Take a slot if one is free. Raises HilumError."""
        owner, now, until = self._owner(), self._steady.now(), self._leased_until()
        self._known[owner] += 1
        number = None
        try:
            number = await self._ask(
                owner,
                lambda: self._slots.take(
                    destination, limit=slots_max, owner=owner, now=now, until=until
                ),
            )
        finally:
            if number is None:
                self._known[owner] -= 1
        return None if number is None else Slot(destination, number, owner)

    async def give_slot(self, slot: Slot) -> None:
        """Give a slot back. Raises HilumError; the lease then ends by itself."""
        self._known[slot.owner] -= 1
        await self._ask(
            slot.owner,
            lambda: self._slots.give_back(slot.destination, slot.number, slot.owner),
        )

    async def slots_taken(self, destination: str) -> int:
        """Count the slots that all workers have. Raises HilumError."""
        now = self._steady.now()
        return await self._aside.run(lambda: self._slots.leased(destination, now=now))

    async def renew(self) -> None:
        """Prolong all our leases, and end those of names that nothing is left of.

        Raises HilumError.
        """
        asked_at = self._clock.monotonic()
        until = self._leased_until()
        for owner in [former for former in self._former if not self._known[former]]:
            await self._aside.run(lambda owner=owner: self._bookkeeper.release_owner(owner))  # type: ignore[misc] # bound now
            self._former.remove(owner)
            del self._known[owner]
        for owner in (*self._former, self._owner()):
            await self._aside.run(lambda owner=owner: self._bookkeeper.renew(owner, until=until))  # type: ignore[misc] # bound now
            await self._aside.run(lambda owner=owner: self._slots.renew(owner, until=until))  # type: ignore[misc] # bound now
        self._renewed_at = asked_at
        self.is_in_trouble = False

    async def reclaim(self) -> None:
        """Let what others had leased for too long wait again. Raises HilumError."""
        expired_by, now = self._steady.now(), self._clock.now()
        await self._aside.run(lambda: self._bookkeeper.reclaim(expired_by=expired_by, now=now))

    async def release_all(self) -> None:
        """Put back whatever is still ours, at the end. Raises HilumError."""
        for owner in (*self._former, self._owner()):
            await self._aside.run(lambda owner=owner: self._bookkeeper.release_owner(owner))  # type: ignore[misc] # bound now

    def _goods(self, claimed: Claimed, owner: str) -> Goods:
        self._order += 1
        parcel = Parcel(
            claimed.delivery_id,
            claimed.sop_class_uid,
            claimed.sop_instance_uid,
            claimed.series_instance_uid,
            claimed.study_instance_uid,
            claimed.transfer_syntax_uid,
            claimed.size,
            claimed.path,
            claimed.attempts,
        )
        return Goods(parcel, owner, claimed.priority, self._order, claimed.created_at)

    def _leased_until(self) -> datetime:
        return self._steady.now() + timedelta(seconds=LEASE_SECONDS)

    def _owner(self) -> str:
        return f"{self.token}~{self._epoch}" if self._epoch else self.token

    async def _ask(self, owner: str, job: Callable[[], T]) -> T:
        """Ask what may leave strays under `owner` when it fails."""
        try:
            return await self._aside.run(job)
        except BaseException:
            self.is_in_trouble = True
            if owner == self._owner():
                self._former.append(owner)
                self._epoch += 1
            raise
