"""Whether a lane may begin a batch now, and what it learns from how batches go. No clock in it.

Puts together what the pure decisions say: hold, hours, breaker, window, rates.
"""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.lanes import breaker as breakers
from hilum.pipeline.lanes.batching import Pace, Rates
from hilum.pipeline.lanes.breaker import Breaker, Closed, Failure, HalfOpen, Open
from hilum.pipeline.lanes.bucket import Bucket, open_rates
from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.lanes.window import Window

NEVER: Final = float("inf")
# Hours and rates that change with them are looked at so often.
HOURS_SECONDS: Final = 1.0
# Sessions that break together are one sign of crowding.
CROWDED_SECONDS: Final = 1.0
# The newest batch counts for so much in the speed of a session.
NEWEST_SHARE: Final = 0.3
# So many refusals without a delivery between them: it takes nothing now, and nothing is urgent.
FRUITLESS_MIN: Final = 16


class Gate(enum.Enum):
    """Why nothing is begun, or OPEN."""

    OPEN = "open"
    HELD = "held"
    HOURS = "hours"
    BREAKER = "breaker"
    WINDOW = "window"
    RATE = "rate"
    SLOTS = "slots"
    LEDGER = "ledger"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a batch may begin; when to ask again. NEVER: after something happened."""

    gate: Gate
    wait_seconds: float = 0.0


_GO: Final = Permission(Gate.OPEN)


class Pacing:
    """The pace of one lane."""

    def __init__(self, policy: LanePolicy, now: float) -> None:
        self.policy = policy
        self.breaker: Breaker = Closed()
        self.window = Window(policy.window_max, now)
        self.pace: Pace | None = None
        self.rates = Rates()  # what this lane may send now
        self._bytes, self._instances = Bucket(now), Bucket(now)
        self._refused = 0  # since the last delivery
        self._share = 1.0
        self._is_in_hours = True
        self._hours_at = -NEVER
        self._crowded_at = -NEVER

    @property
    def is_fruitless(self) -> bool:
        """Tell whether the destination refuses all that it gets."""
        return self._refused >= FRUITLESS_MIN

    def change(self, policy: LanePolicy) -> None:
        """Follow another policy from now on."""
        self.policy = policy
        self.window.set_maximum(policy.window_max)
        self._hours_at = -NEVER

    def set_share(self, share: float) -> None:
        """Take `share` of the rates; other workers have the rest."""
        if share != self._share:
            self._share = share
            self._hours_at = -NEVER

    def is_shut(self, now: float, wall: datetime) -> Gate | None:
        """Tell what keeps everything back, so that nothing should be claimed either."""
        if self.policy.is_held:
            return Gate.HELD
        self._look_at_hours(now, wall)
        if not self._is_in_hours:
            return Gate.HOURS
        return Gate.BREAKER if isinstance(self.breaker, Open) else None

    def permission(self, now: float, wall: datetime, *, busy: int) -> Permission:
        """Tell whether one more batch may begin while `busy` are under way."""
        shut = self.is_shut(now, wall)
        if shut is not None:
            return Permission(shut, HOURS_SECONDS if shut is Gate.HOURS else NEVER)
        if isinstance(self.breaker, HalfOpen) and busy:
            return Permission(Gate.BREAKER, NEVER)
        if busy >= self.window.size:
            return Permission(Gate.WINDOW, NEVER)
        wait = max(self._bytes.wait_seconds(now), self._instances.wait_seconds(now))
        return Permission(Gate.RATE, min(wait, HOURS_SECONDS)) if wait else _GO

    def began(self, instances: int, size: int, now: float) -> None:
        """Take what a batch needs out of the buckets."""
        self._bytes.take(size, now)
        self._instances.take(instances, now)

    def untried(self, instances: int, size: int, now: float) -> None:
        """Give back what a batch took for what never left."""
        self._bytes.give_back(size, now)
        self._instances.give_back(instances, now)

    def ended(self, instances: int, size: int, seconds: float) -> None:
        """Learn how fast a session was."""
        if not instances or seconds <= 0:
            return
        latest = Pace(instances / seconds, size / seconds)
        if self.pace is None:
            self.pace = latest
            return
        old, share = self.pace, NEWEST_SHARE
        self.pace = Pace(
            old.instances_per_second * (1 - share) + latest.instances_per_second * share,
            old.bytes_per_second * (1 - share) + latest.bytes_per_second * share,
        )

    def learn(self, outcome: Outcome, size: int, now: float, chance: float) -> None:
        """Learn from the outcome of one instance."""
        match outcome:
            case Delivered():
                self.breaker = breakers.after_success(self.breaker)
                self.window.delivered(size)
                self._refused = 0
            case Refused():
                self._refused += 1
                self.breaker = breakers.after_success(self.breaker)
            case Deferred(failing=Failing.UNTRIED):
                pass
            case Deferred(reason, retry_after, failing):
                self.failed(Failure(failing, reason, retry_after), now, chance)

    def failed(self, failure: Failure, now: float, chance: float) -> None:
        """Learn that the destination failed."""
        self.breaker = breakers.after_failure(
            self.breaker, failure, retry=self.policy.retry, now=now, chance=chance
        )
        if now - self._crowded_at >= CROWDED_SECONDS:
            self._crowded_at = now
            self.window.crowded(now)

    def trip(self, failure: Failure, now: float, chance: float) -> None:
        """Open the breaker, whatever went well until now."""
        self.breaker = breakers.tripped(failure, retry=self.policy.retry, now=now, chance=chance)

    def probed(self, failure: Failure | None, now: float, chance: float) -> None:
        """Learn how a probe went; None is well."""
        if not isinstance(self.breaker, Open):
            return
        if failure is None:
            self.breaker = breakers.after_probe(self.breaker)
        else:
            self.breaker = breakers.after_failed_probe(
                self.breaker, failure, retry=self.policy.retry, now=now, chance=chance
            )

    def _look_at_hours(self, now: float, wall: datetime) -> None:
        if now - self._hours_at < HOURS_SECONDS:
            return
        self._hours_at = now
        schedule = self.policy.schedule
        self._is_in_hours = schedule is None or schedule.is_open(wall)
        size, instances = open_rates(self.policy.rates, wall)
        self.rates = Rates(
            None if size is None else size * self._share,
            None if instances is None else instances * self._share,
        )
        self._bytes.set_rate(self.rates.bytes_per_second, now)
        self._instances.set_rate(self.rates.instances_per_second, now)
