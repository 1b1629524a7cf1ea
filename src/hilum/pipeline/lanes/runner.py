"""A runner: one coroutine, one slot, one session. It sends the batches its lane hands it.

A session that hangs holds its own runner and nobody else.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol, cast

from hilum.kernel.faults import place_of
from hilum.kernel.outcome import Deferred, Failing, Outcome
from hilum.pipeline.lanes.books import Slot
from hilum.pipeline.lanes.goods import Context, Goods, context_of
from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.lanes.slots import LaneSlots
from hilum.pipeline.ports import Destination, Parcel, Session

# A session has a deadline of its own for its end; this is the net below it.
CLOSE_SECONDS_MAX: Final = 15.0


class Depot(Protocol):
    """What a runner needs of its lane."""

    policy: LanePolicy
    slots: LaneSlots

    def is_idle(self, runner: "Runner") -> None:
        """Hand it a batch now or later, with give()."""
        ...

    def has_work(self) -> bool:
        """Tell whether something is at hand that may go soon."""
        ...

    def is_gone(self, runner: "Runner") -> None:
        """Never hand it a batch again."""
        ...

    def note(self, goods: Goods, outcome: Outcome) -> None:
        """Take the outcome of one parcel."""
        ...

    def ended(self, runner: "Runner", tried: Sequence[Goods], untried: Sequence[Goods]) -> None:
        """Take note that a batch is over; what was tried had its outcomes."""
        ...

    def tell_fault(self, duty: str, error: BaseException) -> None:
        """Tell of a fault of ours."""
        ...


class Runner:
    """Sends batches one after the other."""

    def __init__(self, depot: Depot, destination: Destination) -> None:
        self.context: Context | None = None  # what its session has negotiated last
        self.began_at = 0.0
        self.is_opening = True
        self._depot = depot
        self._destination = destination
        self._session: Session | None = None
        self._untried: list[Goods] = []  # of the current batch
        self._next: asyncio.Future[list[Goods] | None] | None = None
        self._tiring: asyncio.TimerHandle | None = None

    def give(self, goods: list[Goods] | None) -> None:
        """Hand over the next batch; None ends it. Only while it is idle."""
        if self._next is not None and not self._next.done():
            self._next.set_result(goods)

    async def run(self) -> None:
        """Work until there was nothing to do for a while, or give(None)."""
        try:
            slot = await self._depot.slots.take(self._depot.policy)
            self.is_opening = False
            if slot is not None:
                await self._work(slot)
        finally:
            self._depot.is_gone(self)

    async def _work(self, slot: Slot) -> None:
        try:
            while (batch := await self._next_batch()) is not None:
                await self._send(batch)
        finally:
            self._depot.is_gone(self)
            await self._close()
            await self._depot.slots.give(slot)

    async def _next_batch(self) -> list[Goods] | None:
        self._next = asyncio.get_running_loop().create_future()
        self._depot.is_idle(self)
        self._wait_a_while()
        try:
            return await self._next
        finally:
            self._next = None
            if self._tiring is not None:
                self._tiring.cancel()

    def _wait_a_while(self) -> None:
        seconds = self._depot.policy.keep_alive_seconds
        self._tiring = asyncio.get_running_loop().call_later(seconds, self._tire)

    def _tire(self) -> None:
        """End, unless there is work; from here on nothing is handed over that would be lost."""
        if self._next is None or self._next.done():
            return
        if self._depot.has_work():
            # What only waits for its rate is work: ending now would begin it all anew.
            self._wait_a_while()
        else:
            self._depot.is_gone(self)
            self._next.set_result(None)

    async def _send(self, batch: list[Goods]) -> None:
        self.context = context_of(batch[0].parcel)
        self._untried = []
        left = {goods.parcel.delivery_id: goods for goods in batch}
        rest = Deferred("it was not sent before the end", failing=Failing.UNTRIED)
        try:
            rest = await self._deliver([goods.parcel for goods in batch], left)
        except asyncio.CancelledError:
            raise
        except TimeoutError:
            rest = Deferred(
                f"no outcome for {self._depot.policy.outcome_seconds_max:.0f} s or longer",
                failing=Failing.UNREACHABLE,
            )
            await self._close()
        except Exception as error:  # noqa: BLE001 - a session's fault must not end the lane
            self._depot.tell_fault("sending", error)
            rest = Deferred(
                f"a fault of ours: {type(error).__name__} at {place_of(error)}",
                failing=Failing.CONFUSED,
            )
            await self._close()
        finally:
            self._settle_rest(left, rest)
            untried = sorted(self._untried, key=lambda goods: goods.order)
            skipped = {id(goods) for goods in untried}
            self._depot.ended(self, [one for one in batch if id(one) not in skipped], untried)

    async def _deliver(self, parcels: list[Parcel], left: dict[int, Goods]) -> Deferred:
        """Send, noting outcomes; give what those without one are."""
        if self._session is None:
            self._session = self._destination.session()
        loop, policy = asyncio.get_running_loop(), self._depot.policy
        under_way = sum(parcel.size for parcel in parcels)
        async with asyncio.timeout(None) as deadline:
            deadline.reschedule(loop.time() + _patience(policy, under_way))
            # Sessions are asynchronous generators; closing them is part of ending early.
            outcomes = cast("Any", self._session.deliver(parcels))
            async with aclosing(outcomes) if hasattr(outcomes, "aclose") else _Kept(outcomes):
                async for parcel, outcome in outcomes:
                    goods = left.pop(parcel.delivery_id, None)
                    if goods is not None:
                        self._note(goods, outcome)
                    under_way -= parcel.size
                    deadline.reschedule(loop.time() + _patience(policy, under_way))
        return Deferred("the session ended without an outcome for it", failing=Failing.CONFUSED)

    def _note(self, goods: Goods, outcome: Outcome) -> None:
        if isinstance(outcome, Deferred) and outcome.failing is Failing.UNTRIED:
            self._untried.append(goods)
        else:
            self._depot.note(goods, outcome)

    def _settle_rest(self, left: dict[int, Goods], rest: Deferred) -> None:
        """Give an outcome to what has none. Of a batch that broke, one parcel broke it."""
        for goods in left.values():
            self._note(goods, rest)
            if rest.failing is not Failing.UNTRIED:
                rest = Deferred(rest.reason, failing=Failing.UNTRIED)

    async def _close(self) -> None:
        session, self._session, self.context = self._session, None, None
        if session is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await session.aclose()
        except TimeoutError:
            pass  # it is let go of; what is left of it ends with its sockets
        except Exception as error:  # noqa: BLE001 - a session's fault must not end the lane
            self._depot.tell_fault("closing a session", error)


class _Kept:
    """Stands for aclosing() where there is nothing to close."""

    def __init__(self, outcomes: AsyncIterator[object]) -> None:
        self._outcomes = outcomes

    async def __aenter__(self) -> AsyncIterator[object]:
        return self._outcomes

    async def __aexit__(self, *_: object) -> None:
        pass


def _patience(policy: LanePolicy, under_way: int) -> float:
    return policy.outcome_seconds_max + under_way / policy.outcome_bytes_per_second_min
