"""One destination that is well beside eight that are not: it must not notice, nor may intake.

Measured in rounds, one alone and one with the bad neighbours after the other, on one machine with
whatever else it does: the medians of the rounds are compared. A gateway runs for its own rounds
only, each time with what it still owes: two at once would take the processors from one another.
"""

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from trials.destinations import Destination, Sinks, configuration
from trials.gateway import Settings
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result, percentile, seconds_until

BAD = ("blackhole", "slow", "flapping", "c000", "a700", "no-class", "hanging", "resetting")
SENDERS = 2
SIZE = 32_000
PAUSE_SECONDS = 0.01  # of each sender: a steady stream well below what the gateway can take
WARM_UP_SECONDS = 2.0
WORSE_MAX = 1.2
# Below this a difference is the machine's: other processes, a checkpoint, a slice of the scheduler.
NOISE_SECONDS = 0.015
ARRIVE_SECONDS_MAX = 30.0
RETRY = "{ first_seconds = 5.0 }"
GROWTH_BYTES_MAX = 64 * 1024 * 1024


@dataclass(slots=True)
class _Side:
    """What was measured in all rounds of one kind."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    store_p99: list[float] = field(default_factory=list)
    missing: int = 0


def run(options: Options) -> Result:
    """Measure how long an instance takes from its answer to its arrival."""
    rounds = options.count(long=8, short=2)
    seconds = options.count(long=15, short=3)
    alone, beside = _Side(), _Side()
    one, lonely = _gateway(options.folder / "alone", bad=())
    two, surrounded = _gateway(options.folder / "beside", bad=BAD)
    sizes: list[int] = []
    with Sinks(lonely), Sinks(surrounded[:1]), Sinks(surrounded[2:]):
        try:
            for number in range(rounds):
                _round(one, lonely[0], alone, number, seconds)
                sizes.append(_round(two, surrounded[0], beside, number, seconds))
        finally:
            one.kill()
            two.kill()
    # Two rounds on a machine that others use tell only what is plain.
    return _result(alone, beside, sizes, 0.7 if options.short else 0.9)


def _gateway(folder: Path, bad: tuple[str, ...]) -> tuple[GatewayTarget, list[Destination]]:
    """Give a gateway and its destinations: the one that is well, a dead one, and the others."""
    names = ["well", *(("dead", *bad) if bad else ())]  # nobody listens for the dead one
    destinations = [Destination(name, name, folder, retry=RETRY) for name in names]
    settings = Settings(durability="process", more=configuration(destinations))
    return GatewayTarget(folder / "gateway", settings), destinations


def _round(
    gateway: GatewayTarget, destination: Destination, side: _Side, number: int, seconds: float
) -> int:
    """Run a gateway for one round; give its memory at the end."""
    gateway.start()
    # Connections, and whatever is done once, are not what is measured.
    _measure(gateway, destination, _Side(), 2 * number, WARM_UP_SECONDS)
    _measure(gateway, destination, side, 2 * number + 1, seconds)
    size = gateway.tree.rss_bytes()
    gateway.kill()
    return size


def _measure(
    gateway: GatewayTarget, destination: Destination, side: _Side, number: int, seconds: float
) -> None:
    before = destination.count()
    senders = Senders(
        gateway.port,
        gateway.called,
        count=SENDERS,
        round=number + 1,
        sizes=(SIZE,),
        pause_seconds=PAUSE_SECONDS,
    )
    with senders:
        time.sleep(seconds)
    sent = senders.acknowledged_at
    seconds_until(lambda: destination.count() - before >= len(sent), ARRIVE_SECONDS_MAX)
    arrived = {one.uid: one.at for one in destination.arrived()}
    side.missing += len(sent.keys() - arrived.keys())
    # One that arrives before its sender has read the answer took no time at all.
    waits = [max(arrived[uid] - at, 0.0) for uid, at in sent.items() if uid in arrived]
    side.p50.append(percentile(waits, 0.5))
    side.p99.append(percentile(waits, 0.99))
    side.rates.append(len(sent) / seconds)


def _result(alone: _Side, beside: _Side, sizes: list[int], slower_max: float) -> Result:
    p99, p99_beside = statistics.median(alone.p99), statistics.median(beside.p99)
    rate, rate_beside = statistics.median(alone.rates), statistics.median(beside.rates)
    growth = sizes[-1] - sizes[len(sizes) // 2 - 1]
    passed = (
        p99_beside <= max(p99 * WORSE_MAX, p99 + NOISE_SECONDS)
        and rate_beside >= rate * slower_max
        and alone.missing == beside.missing == 0
        and growth <= GROWTH_BYTES_MAX
    )
    return Result(
        passed,
        {
            "p99 alone ms": f"{p99 * 1000:.1f}",
            "beside ms": f"{p99_beside * 1000:.1f}",
            "p50 alone ms": f"{statistics.median(alone.p50) * 1000:.1f}",
            "beside it ms": f"{statistics.median(beside.p50) * 1000:.1f}",
            "taken in a second alone": f"{rate:.0f}",
            "beside": f"{rate_beside:.0f}",
            "missing": alone.missing + beside.missing,
            "memory MB": " ".join(f"{size / 1e6:.0f}" for size in sizes),
        },
    )
