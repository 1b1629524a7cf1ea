"""How long a delivery that failed waits for its next try. Pure: chance comes as an argument.

What concerns the whole destination (nobody there, everybody turned away) is paced by the breaker,
so a delivery waits less for it than for what is its own fault.
"""

from datetime import timedelta
from typing import Final

from hilum.kernel.outcome import Deferred, Failing
from hilum.pipeline.lanes.policy import Retry

# What the first wait is, in units of `retry.seconds_min`. A peer that answers "not now" wants air;
# one that broke the protocol over an instance will most likely do it again.
_FIRST: Final[dict[Failing, float]] = {
    Failing.UNREACHABLE: 1.0,
    Failing.BUSY: 2.0,
    Failing.UNWELCOME: 4.0,
    Failing.CONFUSED: 8.0,
}
# 2**30 seconds are 34 years: doubling further says nothing, and floats end at 2**1024.
_DOUBLINGS_MAX: Final = 30
# Half of a wait is certain, half is chance, so that deliveries that failed together come apart.
_CERTAIN: Final = 0.5
# No peer may put us off for longer than this; what it asks for beyond is most likely a mistake.
RETRY_AFTER_MAX: Final = timedelta(hours=24)


def wait_seconds(retry: Retry, outcome: Deferred, *, attempts: int, chance: float) -> float:
    """Give how long to wait after the try number `attempts` (1 is the first), 0 <= chance < 1."""
    if outcome.failing is Failing.UNTRIED:
        return 0.0
    doubled = float(2 ** min(max(attempts - 1, 0), _DOUBLINGS_MAX))
    longest = min(retry.seconds_min * _FIRST[outcome.failing] * doubled, retry.seconds_max)
    wait = longest * (_CERTAIN + (1 - _CERTAIN) * chance)
    return max(wait, asked_for_seconds(outcome.retry_after, chance=chance))


def asked_for_seconds(retry_after: timedelta | None, *, chance: float) -> float:
    """Give the wait a peer asked for, and up to a tenth more: never less than it wants."""
    if retry_after is None:
        return 0.0
    asked = min(retry_after, RETRY_AFTER_MAX).total_seconds()
    return max(asked, 0.0) * (1 + chance / 10)
