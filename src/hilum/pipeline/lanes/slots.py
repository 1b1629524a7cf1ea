"""The slots a lane has: one for each session, leased so that the limit holds over all workers."""

from collections.abc import Callable
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.pipeline.lanes.books import Books, Slot
from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.lanes.share import Share

# No slot was free: how long until we ask again. Meanwhile those who have them do the work.
DENIED_SECONDS: Final = 0.5


class LaneSlots:
    """Takes slots and gives them back; knows which part of the rates goes with them."""

    def __init__(
        self, name: str, books: Books, clock: Clock, tell: Callable[[str, HilumError], None]
    ) -> None:
        self._name = name
        self._books = books
        self._clock = clock
        self._tell = tell
        self._share = Share()
        self._count = 0
        self._denied_until = -1.0

    def __len__(self) -> int:
        return self._count

    @property
    def are_scarce(self) -> bool:
        """Tell whether none was free when we last asked, so that claiming first is no use."""
        return not self._count and self._denied_until >= 0

    def denied_seconds(self, now: float) -> float:
        """Give how long it is no use to ask for a slot; 0 is not at all."""
        return max(self._denied_until - now, 0.0)

    def part(self, now: float) -> float:
        """Give the part of the rates that this lane may use."""
        return self._share.part(now) if self._count else 1.0

    async def take(self, policy: LanePolicy) -> Slot | None:
        """Take the permission for one session."""
        slot = None
        try:
            slot = await self._books.take_slot(self._name, policy.window_max)
        except HilumError as error:
            self._tell("taking a slot", error)
        if slot is None:
            self._denied_until = self._clock.monotonic() + DENIED_SECONDS
            return None
        self._count += 1
        self._denied_until = -1.0
        # When others cannot be counted, the safe guess is that there are some.
        looked_at = self._clock.monotonic()
        taken = await self._taken(policy, guess=policy.window_max)
        now = self._clock.monotonic()
        self._share.got(slot.number, taken, looked_at=looked_at, now=now)
        return slot

    async def give(self, slot: Slot) -> None:
        """Give a slot back, after its session is closed."""
        self._count -= 1
        self._share.gave(slot.number)
        try:
            await self._books.give_slot(slot)
        except HilumError as error:
            self._tell("giving a slot back", error)

    async def notice(self, policy: LanePolicy) -> None:
        """Learn how many slots all workers have, if a rate must be shared."""
        if policy.rates and self._count:
            looked_at = self._clock.monotonic()
            taken = await self._taken(policy, guess=policy.window_max)
            self._share.noticed(taken, looked_at)

    async def _taken(self, policy: LanePolicy, *, guess: int) -> int:
        if not policy.rates:
            return guess
        try:
            return await self._books.slots_taken(self._name)
        except HilumError as error:
            self._tell("counting slots", error)
            return guess
