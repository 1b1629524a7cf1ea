"""The dispatcher: owns the lanes of one process, wakes them, and looks after what they share.

A commit wakes the lanes it planned deliveries for. Besides that the ledger is asked twice a second:
for what became due, what other workers or the operator left there, and what a dead one had leased.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.lanes.books import RENEW_SECONDS, Books
from hilum.pipeline.lanes.events import LaneFaulted, LaneHindered
from hilum.pipeline.lanes.figures import LaneFigures
from hilum.pipeline.lanes.groups import Standing
from hilum.pipeline.lanes.lane import Lane
from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.ports import Destination

POLL_SECONDS: Final = 0.5
RECLAIM_SECONDS: Final = 20.0
# After the deadline of a stop: so long for sessions to close and the ledger to take the rest.
CUT_SECONDS: Final = 5.0
# A ledger that fails is told of so often, not every time it is asked.
TELL_SECONDS: Final = 30.0

DUTY_SECONDS: Final = 1.0

Duty = Callable[[], Coroutine[Any, Any, bool | None]]


class Dispatcher:
    """The lanes of one process."""

    def __init__(
        self, books: Books, *, clock: Clock, telemetry: Telemetry, chance: Callable[[], float]
    ) -> None:
        self._books = books
        self._clock = clock
        self._telemetry = telemetry
        self._chance = chance
        self._lanes: dict[str, Lane] = {}
        self._tending: dict[Lane, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._duties: list[tuple[str, Duty]] = []
        self._stop = asyncio.Event()
        self._renewed_at = clock.monotonic()
        self._reclaimed_at = clock.monotonic()
        self._told_at = clock.monotonic() - TELL_SECONDS

    async def run(self) -> None:
        """Deliver until stop() is over."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for lane in self._lanes.values():
                self._begin(lane)
            for name, duty in self._duties:
                group.create_task(self._repeat(name, duty))
            await self._keep()

    def also(self, name: str, duty: Duty) -> None:
        """Do `duty` about once a second, too; before run(). True of it wakes all lanes."""
        self._duties.append((name, duty))

    def change(self, wanted: Iterable[tuple[Destination, LanePolicy]]) -> None:
        """Have exactly these lanes from now on; others finish what they are sending, and end.

        A lane goes on when its destination is the same object; another one of that name replaces
        it. The destination of a lane that ended is closed.
        """
        before, self._lanes = self._lanes, {}
        for destination, policy in wanted:
            lane = before.get(destination.name)
            if lane is not None and lane.destination is destination:
                lane.change(policy)
                self._lanes[lane.name] = before.pop(lane.name)
            else:
                self._lanes[destination.name] = self._made(destination, policy)
        for lane in before.values():
            lane.stop()

    def wake(self, news: Mapping[str, Collection[int]]) -> None:
        """Look for new deliveries: `news` gives their priorities by destination."""
        for name, priorities in news.items():
            lane = self._lanes.get(name)
            if lane is not None:
                lane.wake(priorities)

    def take_over(self, news: Mapping[str, Collection[int]]) -> Mapping[str, Collection[int]]:
        """Look for what another worker planned; give back what no lane here can deliver now."""
        able = {name for name, lane in self._lanes.items() if name in news and lane.may_claim()}
        self.wake({name: news[name] for name in able})
        return {name: priorities for name, priorities in news.items() if name not in able}

    def wake_all(self) -> None:
        """Look for deliveries of every kind everywhere: an operator changed something."""
        for lane in self._lanes.values():
            lane.wake()

    def look_now(self) -> None:
        """Probe at once what does not answer: an operator wants deliveries to be tried."""
        for lane in self._lanes.values():
            lane.health.look_now()

    def figures(self) -> list[LaneFigures]:
        """Tell how each lane is doing."""
        return [lane.figures() for lane in self._lanes.values()]

    def standings(self) -> dict[str, Standing]:
        """Give how each destination is, for groups."""
        return {name: lane.health.standing() for name, lane in self._lanes.items()}

    async def is_surely_well(self, name: str) -> bool:
        """Find out whether a destination works now, by asking it if nothing else tells."""
        lane = self._lanes.get(name)
        return lane is not None and await lane.health.is_surely_well()

    async def stop(self, seconds_max: float) -> None:
        """Finish what is being sent within `seconds_max`; the rest goes back to waiting."""
        self._lanes, lanes = {}, list(self._tending)
        for lane in lanes:
            lane.stop()
        left = await self._wait_for(lanes, seconds_max)
        for lane in left:
            lane.cut()
        for lane in await self._wait_for(left, CUT_SECONDS):
            self._tending[lane].cancel()
        await self._attempt("putting back", self._books.release_all)
        self._stop.set()

    async def _wait_for(self, lanes: Collection[Lane], seconds: float) -> list[Lane]:
        tending = [self._tending[lane] for lane in lanes if lane in self._tending]
        if tending:
            await asyncio.wait(tending, timeout=seconds)
        return [lane for lane in lanes if lane in self._tending]

    def _made(self, destination: Destination, policy: LanePolicy) -> Lane:
        lane = Lane(
            destination,
            policy,
            books=self._books,
            clock=self._clock,
            telemetry=self._telemetry,
            chance=self._chance,
        )
        self._begin(lane)
        return lane

    def _begin(self, lane: Lane) -> None:
        if self._group is not None and lane not in self._tending:
            self._tending[lane] = self._group.create_task(self._tend(lane))

    async def _tend(self, lane: Lane) -> None:
        try:
            await lane.run()
        except Exception as error:  # noqa: BLE001 - the top of a task: it tells and counts
            lane.tell_fault("running", error)
        finally:
            del self._tending[lane]
            await self._close(lane)

    async def _close(self, lane: Lane) -> None:
        if self._lanes.get(lane.name) is lane:
            return
        try:
            async with asyncio.timeout(CUT_SECONDS):
                await lane.destination.aclose()
        except Exception as error:  # noqa: BLE001 - a destination's fault must not end the others
            lane.tell_fault("closing", error)

    # What all lanes share.

    async def _keep(self) -> None:
        while not self._stop.is_set():
            await self._attempt("renewing leases", self._renew)
            await self._attempt("looking for what is due", self._poll)
            await self._attempt("reclaiming leases", self._reclaim)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), POLL_SECONDS)

    async def _repeat(self, name: str, duty: Duty) -> None:
        async def act() -> None:
            if await duty():
                self.wake_all()

        while not self._stop.is_set():
            await self._attempt(name, act)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), DUTY_SECONDS)

    async def _renew(self) -> None:
        now = self._clock.monotonic()
        was_in_trouble = self._books.is_in_trouble
        if was_in_trouble or now - self._renewed_at >= RENEW_SECONDS:
            await self._books.renew()
            self._renewed_at = now
        if was_in_trouble:
            self.wake_all()

    async def _poll(self) -> None:
        names = list(self._lanes)
        now = self._clock.now()
        for name, due_at in (await self._books.next_dues(names)).items():
            lane = self._lanes.get(name)
            if lane is not None and _is_due(due_at, now):
                lane.wake()

    async def _reclaim(self) -> None:
        now = self._clock.monotonic()
        if now - self._reclaimed_at >= RECLAIM_SECONDS:
            self._reclaimed_at = now
            await self._books.reclaim()

    async def _attempt(self, duty: str, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await act()
        except HilumError as error:
            self._tell(LaneHindered("(all)", duty, str(error)))
        except Exception as error:  # noqa: BLE001 - the top of a duty: it tells and counts
            self._tell(LaneFaulted("(all)", duty, type(error).__name__, place_of(error)))

    def _tell(self, event: LaneHindered | LaneFaulted) -> None:
        now = self._clock.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self._telemetry.emit(event)


def _is_due(due_at: datetime | None, now: datetime) -> bool:
    return due_at is not None and due_at <= now
