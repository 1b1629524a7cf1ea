"""How the destination of a lane is: what its breaker says, and finding out by asking it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.lanes.breaker import Breaker, Closed, Failure, HalfOpen, Open
from hilum.pipeline.lanes.events import LaneFaulted, LaneInterrupted, LaneRestored
from hilum.pipeline.lanes.groups import DOWN_SECONDS, Standing
from hilum.pipeline.lanes.pacing import NEVER, Pacing
from hilum.pipeline.lanes.probing import probe
from hilum.pipeline.ports import Destination

# What was seen to work so recently need not be asked.
SURE_SECONDS: Final = 10.0


class Health:
    """Follows the breaker of one lane."""

    def __init__(  # noqa: PLR0913 - parts of one lane, by keyword
        self,
        destination: Destination,
        pacing: Pacing,
        *,
        clock: Clock,
        telemetry: Telemetry,
        chance: Callable[[], float],
        interrupted: Callable[[], None],
        restored: Callable[[], None],
    ) -> None:
        """Call `interrupted` when nothing may be sent any more, `restored` when it may again."""
        self._destination = destination
        self._pacing = pacing
        self._clock = clock
        self._telemetry = telemetry
        self._chance = chance
        self._interrupted = interrupted
        self._restored = restored
        self._sure_at = -NEVER
        self._wanted_now = asyncio.Event()

    def is_sure(self, now: float) -> None:
        """Note that the destination took something."""
        self._sure_at = now

    def look_now(self) -> None:
        """Do not wait with the next probe: a person may have mended what was wrong."""
        self._wanted_now.set()

    def standing(self) -> Standing:
        """Tell how the destination is, for groups."""
        if self._pacing.policy.is_held:
            return Standing.DOWN
        match self._pacing.breaker:
            case Closed():
                return Standing.WELL
            case HalfOpen():
                return Standing.TRIAL
            case Open(since=since):
                is_down = self._clock.monotonic() - since >= DOWN_SECONDS
                return Standing.DOWN if is_down else Standing.SHAKY

    async def is_surely_well(self) -> bool:
        """Find out whether the destination works now: it took something, or answers a probe."""
        breaker, now = self._pacing.breaker, self._clock.monotonic()
        if not isinstance(breaker, Closed):
            return isinstance(breaker, HalfOpen)
        if now - self._sure_at < SURE_SECONDS:
            return True
        failure = await self._probe()
        now, before = self._clock.monotonic(), self._pacing.breaker
        if failure is None:
            self._sure_at = now
        elif isinstance(before, Closed):
            self._pacing.trip(failure, now, self._chance())
            self.follow(before)
        return failure is None

    def follow(self, before: Breaker) -> None:
        """Tell and do what follows, when the breaker has changed."""
        after, now = self._pacing.breaker, self._clock.monotonic()
        if type(after) is type(before):
            return
        if isinstance(after, Open):
            wait = after.until - now
            self._telemetry.emit(
                LaneInterrupted(self._destination.name, after.failing.value, after.reason, wait)
            )
            self._interrupted()
        elif isinstance(before, HalfOpen):
            self._telemetry.emit(LaneRestored(self._destination.name, now - before.since))
            self._restored()

    async def recover(self) -> None:
        """Probe until the destination is well, or the lane stops and cancels this."""
        self._wanted_now.clear()
        while isinstance(breaker := self._pacing.breaker, Open):
            wait = max(breaker.until - self._clock.monotonic(), 0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted_now.wait(), wait)
            self._wanted_now.clear()
            failure = await self._probe()
            self._pacing.probed(failure, self._clock.monotonic(), self._chance())
        self._restored()

    async def _probe(self) -> Failure | None:
        seconds_max = self._pacing.policy.verify_seconds_max
        return await probe(self._destination, seconds_max, self._telemetry, self._tell_fault)

    def _tell_fault(self, duty: str, error: BaseException) -> None:
        fault = type(error).__name__
        self._telemetry.emit(LaneFaulted(self._destination.name, duty, fault, place_of(error)))
