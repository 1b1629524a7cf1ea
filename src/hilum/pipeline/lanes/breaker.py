"""The breaker of a lane: a destination that fails gets nothing until it proves well.

Closed: all may go. Open: nothing goes; when `until` has come, the destination is probed
(`Destination.verify`). Half open: one batch may go to see whether the probe told the truth. Pure:
states are values, time and chance come as arguments.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from hilum.kernel.outcome import Failing
from hilum.pipeline.lanes.backoff import asked_for_seconds
from hilum.pipeline.lanes.policy import Retry

# So many failures without a success between them open the breaker. One that turns us away turns all
# of us away; one that is busy may only be so for one instance.
FAILURES_MAX: Final[dict[Failing, int]] = {
    Failing.UNWELCOME: 1,
    Failing.UNREACHABLE: 3,
    Failing.CONFUSED: 3,
    Failing.BUSY: 8,
    Failing.UNTRIED: 3,  # whole batches that a session gave back untouched
}


@dataclass(frozen=True, slots=True)
class Closed:
    """All is well, but for the last `failures` in a row."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing goes before a probe, which is due at `until`. `since` is when it was last well."""

    reason: str
    failing: Failing
    since: float
    until: float
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """A probe succeeded; one batch is the trial. What was wrong is kept for the next opening."""

    reason: str
    failing: Failing
    since: float
    wait_seconds: float


Breaker = Closed | Open | HalfOpen


@dataclass(frozen=True, slots=True)
class Failure:
    """What a breaker wants to know of a failure."""

    failing: Failing
    reason: str
    retry_after: timedelta | None = None


def after_failure(
    state: Breaker, failure: Failure, *, retry: Retry, now: float, chance: float
) -> Breaker:
    """Give the state after a delivery failed for a reason that is the destination's."""
    match state:
        case Open():
            # Sessions that were under way report late; the probe decides, not they.
            return state
        case HalfOpen():
            return _open_again(state, failure, retry=retry, now=now, chance=chance)
        case Closed(failures):
            is_told_when = failure.retry_after is not None
            if failures + 1 >= FAILURES_MAX[failure.failing] or is_told_when:
                return _opened(failure, retry.seconds_min, since=now, now=now, chance=chance)
            return Closed(failures + 1)


def after_success(state: Breaker) -> Breaker:
    """Give the state after the destination answered for an instance, yes or no.

    While open this is a session of before; new ones may still be turned away.
    """
    return state if isinstance(state, Open) else Closed()


def after_probe(state: Open) -> HalfOpen:
    """Give the state after a probe that succeeded."""
    return HalfOpen(state.reason, state.failing, state.since, state.wait_seconds)


def after_failed_probe(
    state: Open, failure: Failure, *, retry: Retry, now: float, chance: float
) -> Open:
    """Give the state after a probe that failed."""
    return _open_again(state, failure, retry=retry, now=now, chance=chance)


def tripped(failure: Failure, *, retry: Retry, now: float, chance: float) -> Open:
    """Give the state of one that was opened by a finding of its own, not by deliveries."""
    return _opened(failure, retry.seconds_min, since=now, now=now, chance=chance)


def _open_again(
    state: Open | HalfOpen, failure: Failure, *, retry: Retry, now: float, chance: float
) -> Open:
    doubled = min(state.wait_seconds * 2, retry.probe_seconds_max)
    return _opened(failure, doubled, since=state.since, now=now, chance=chance)


def _opened(failure: Failure, seconds: float, *, since: float, now: float, chance: float) -> Open:
    # A tenth of chance, so that the workers do not probe in step.
    wait = max(seconds * (1 + chance / 10), asked_for_seconds(failure.retry_after, chance=chance))
    return Open(failure.reason, failure.failing, since, now + wait, seconds)
