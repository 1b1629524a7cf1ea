"""Buckets hold a rate: what is sent is taken out, time fills them up again. No clock in them.

A bucket may go into debt: an instance is sent whole, however small the rate; what comes next waits
until the debt is paid. So a rate holds exactly over any time that is long against one batch.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from hilum.pipeline.lanes.policy import Rate

# What may be saved up while nothing is sent: so many seconds of the rate, and then sent at once.
BURST_SECONDS: Final = 0.1
# Waiting for less than this is rounding, not waiting.
SHORTEST_SECONDS: Final = 1e-6


class Bucket:
    """One rate, in units a second."""

    def __init__(self, now: float) -> None:
        self._rate: float | None = None
        self._level = 0.0
        self._at = now

    def set_rate(self, rate: float | None, now: float) -> None:
        """Hold `rate` from now on; None: no limit. What is owed stays owed."""
        self._fill(now)
        if rate is None:
            self._level = 0.0
        self._rate = rate

    def take(self, amount: float, now: float) -> None:
        """Take out what is about to be sent."""
        self._fill(now)
        if self._rate is not None:
            self._level -= amount

    def give_back(self, amount: float, now: float) -> None:
        """Put back what was not sent after all."""
        self.take(-amount, now)

    def wait_seconds(self, now: float) -> float:
        """Give how long nothing may be sent; 0 is now."""
        self._fill(now)
        if self._rate is None:
            return 0.0
        if self._rate <= 0:
            return float("inf")
        wait = -self._level / self._rate
        return wait if wait > SHORTEST_SECONDS else 0.0

    def _fill(self, now: float) -> None:
        passed, self._at = max(now - self._at, 0.0), now
        if self._rate is not None:
            burst = self._rate * BURST_SECONDS
            # Beyond the burst nothing is saved; what was given back may exceed it until then.
            self._level = min(self._level + passed * self._rate, max(burst, self._level))


def open_rates(rates: Iterable[Rate], now: datetime) -> tuple[float | None, float | None]:
    """Give the bytes and the instances a second that hold at `now`: the smallest that are open."""
    holding = [rate for rate in rates if rate.hours is None or rate.hours.is_open(now)]
    return (
        min((r.bytes_per_second for r in holding if r.bytes_per_second is not None), default=None),
        min(
            (r.instances_per_second for r in holding if r.instances_per_second is not None),
            default=None,
        ),
    )
