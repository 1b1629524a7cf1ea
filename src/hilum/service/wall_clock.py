"""What is done when the wall clock was set: what was written down is farther off then, or nearer.

Noticed while the gateway runs by comparing it with a clock that only goes forward; and when it
begins by a mark, which says until when the last one ran.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.routing.routes import Routes
from hilum.service.events import ClockAdvanced, ClockTurned

# Less is what time services do all the time, and nobody misses it.
STEP_MIN: Final = timedelta(seconds=2)
# Ages in days do not mind less than this, and all that is held has to be read.
_REDATED_MIN: Final = timedelta(hours=1)
# What came so lately may have been dated by the clock of now.
_NOTICED_WITHIN: Final = timedelta(minutes=1)
# After a crash the clock may have been set back by so much more than is noticed.
_MARK_SECONDS: Final = 5.0
# Of several equal workers this one acts, the others see it in the ledger.
_FIRST_WORKER: Final = 1
# What is known of a clock that nobody watched.
_MEANWHILE: Final = " or a little more, while no gateway ran to see it"


class WallClock:
    """Compares the wall clock with the one that only goes forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero = self._wall_at_zero()

    def turned(self) -> timedelta:
        """Give by how much it was set since it was followed last, less than 0 for back."""
        step = self._wall_at_zero() - self._zero
        return step if abs(step) >= STEP_MIN else timedelta()

    def follow(self) -> None:
        """Take it as it is now."""
        self._zero = self._wall_at_zero()

    def _wall_at_zero(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())


@dataclass(frozen=True, slots=True)
class Seen:
    """Until when a gateway ran: by the wall clock, and as far as that is vouched for."""

    wall: datetime
    vouched: datetime


class Mark:
    """A file that says until when a gateway ran."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Seen | None:
        """Give what it says; None: nobody has said."""
        with suppress(OSError, ValueError):
            lines = self._path.read_text(encoding="ascii").split()
            wall, vouched = (datetime.fromisoformat(line) for line in lines)
            return Seen(wall, vouched) if wall.tzinfo and vouched.tzinfo else None
        return None

    def write(self, seen: Seen) -> None:
        """Set it; on a full disk the one before counts."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        with suppress(OSError):
            lines = f"{seen.wall.isoformat()}\n{seen.vouched.isoformat()}\n"
            fresh.write_text(lines, encoding="ascii")
            fresh.replace(self._path)


class Following:
    """Follows the wall clock for one worker: on behalf of all, if it is the first."""

    def __init__(  # noqa: PLR0913 - parts of one process, each named
        self,
        clock: Clock,
        vouched: Clock,
        mark: Mark,
        *,
        worker: int,
        ledger: Ledger,
        routes: Callable[[], Routes],
        telemetry: Telemetry,
    ) -> None:
        """Take what waits (`ledger`) and what for (`routes`)."""
        self._clock = clock
        self._vouched = vouched
        self._mark = mark
        self._is_first = worker == _FIRST_WORKER
        self._ledger = ledger
        self._routes = routes
        self._telemetry = telemetry
        self._wall = WallClock(clock)
        self._began = clock.now()
        self._seen = mark.read()
        self._marked_at = -_MARK_SECONDS

    async def look(self) -> None:
        """Have nothing wait longer when the clock was set back; once a second, HilumError."""
        if self._is_first:
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        now, step = self._clock.now(), self._wall.turned()
        if self._seen is not None and self._seen.wall - now >= STEP_MIN:
            self._bring_forward(self._seen.wall - now, _MEANWHILE, now)
        elif step < timedelta():
            self._bring_forward(-step, "", now)
        self._seen = None
        if step:
            self._redate(step, now)
            self._wall.follow()
        moment = self._clock.monotonic()
        if step or moment - self._marked_at >= _MARK_SECONDS:
            self._mark.write(Seen(now, self._vouched.now()))
            self._marked_at = moment

    def _bring_forward(self, step: timedelta, remark: str, now: datetime) -> None:
        count = bring_forward(self._ledger, self._routes(), step, now=now)
        self._telemetry.emit(ClockTurned(step.total_seconds(), remark, count))

    def _redate(self, step: timedelta, now: datetime) -> None:
        """Let what came in this run be as old as it is, by whichever clock it was dated."""
        if abs(step) >= _REDATED_MIN:
            redate = self._ledger.removals.redate
            before, after = sorted((now - step, now - _NOTICED_WITHIN))
            count = redate(step, since=self._began, until=before)
            if step < timedelta():
                # Between the two is what came since the clock was set, and is dated rightly.
                count += redate(step, since=max(now, self._began), until=after)
            if step > timedelta():
                self._telemetry.emit(ClockAdvanced(step.total_seconds(), count))
        self._began += step


def bring_forward(ledger: Ledger, routes: Routes, step: timedelta, *, now: datetime) -> int:
    """Have nothing wait for longer because the clock was set back; give how many deliveries.

    What others put off meanwhile, by the clock of now, is tried earlier than it would have been,
    once. Raises HilumError.
    """
    ledger.gatherings.bring_forward(step, now=now)
    openings = {
        route.name: route.between.next_opening(now, routes.zone)
        for route in routes.routes
        if route.between is not None
    }
    return ledger.deliveries.bring_forward(step, now=now, openings=openings)
