"""What destinations are owed and how their lanes do, for metrics."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hilum.kernel.clock import Clock
from hilum.ledger.delivery import LaneDepth
from hilum.pipeline.lanes.figures import LaneFigures
from hilum.service import readings
from hilum.service.metrics import Metrics

REFRESH_SECONDS: Final = 5.0
# Counting 200,000 rows takes 50 ms; counting gets at most this share of the time.
_SHARE: Final = 0.01

ByLabels = Mapping[tuple[str, ...], float]


class Owing:
    """Counts what is owed once in a while; shows the last count when it is asked."""

    def __init__(self, depths: Callable[[], list[LaneDepth]], clock: Clock) -> None:
        self._depths = depths
        self._clock = clock
        self._counted: list[LaneDepth] = []
        self._next = 0.0

    async def refresh(self) -> None:
        """Count again, unless counting is so slow that it is too early. Raises HilumError."""
        began = self._clock.monotonic()
        if began < self._next:
            return
        self._counted = await asyncio.to_thread(self._depths)
        ended = self._clock.monotonic()
        self._next = ended + (ended - began) / _SHARE

    def show(self, metrics: Metrics, figures: Callable[[], Iterable[LaneFigures]]) -> None:
        """Show it among `metrics`, beside the figures of this worker's lanes."""
        metrics.watch_all(readings.DELIVERIES_OWED, lambda: self._by_state(_count))
        metrics.watch_all(readings.DELIVERIES_OWED_BYTES, lambda: self._by_state(_bytes))
        metrics.watch_all(readings.DELIVERIES_OLDEST_SECONDS, lambda: self._by_state(self._age))
        metrics.watch_all(readings.LANE_BREAKER_OPEN, lambda: _by_lane(figures(), _is_shut))
        metrics.watch_all(readings.LANE_WINDOW, lambda: _by_lane(figures(), _window))
        metrics.watch_all(readings.LANE_SESSIONS, lambda: _by_lane(figures(), _sessions))

    def _by_state(self, number: Callable[[LaneDepth], float]) -> ByLabels:
        return {(one.destination, one.state.value): number(one) for one in self._counted}

    def _age(self, one: LaneDepth) -> float:
        return max((self._clock.now() - one.oldest).total_seconds(), 0.0)


def _by_lane(lanes: Iterable[LaneFigures], number: Callable[[LaneFigures], float]) -> ByLabels:
    return {(lane.destination,): number(lane) for lane in lanes}


def _count(one: LaneDepth) -> float:
    return one.count


def _bytes(one: LaneDepth) -> float:
    return one.bytes


def _is_shut(lane: LaneFigures) -> float:
    return float(lane.breaker != "closed")


def _window(lane: LaneFigures) -> float:
    return lane.window


def _sessions(lane: LaneFigures) -> float:
    return lane.sessions
