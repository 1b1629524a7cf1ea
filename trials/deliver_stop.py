"""Stops in good order and deaths of single workers while instances come in and go out.

A stop finishes what is in flight: nothing is sent twice because of it. What a worker had at hand
that was killed is sent by the others or by its successor, soon.
"""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass

from trials import owed
from trials.destinations import Destination, Sinks, configuration, surplus
from trials.gateway import Settings
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result, seconds_until

SENDERS = 4
SIZES = (2_000, 64_000, 600_000)
PAUSE_SECONDS = 0.004
DRAIN_SECONDS_MAX = 30.0  # less than a lease lasts


@dataclass(slots=True)
class _Found:
    acknowledged: int
    missing: int
    twice: int
    unexplained: int
    seconds: float | None


def run(options: Options) -> Result:
    """Stop the gateway again and again; then kill its workers, one at a time."""
    chooser = random.Random(options.seed)
    stops = options.count(long=30, short=3)
    deaths = options.count(long=30, short=3)
    stopped = _stopped(options, stops, chooser)
    killed = _killed(options, deaths, chooser)
    passed = (
        stopped.missing == stopped.twice == killed.missing == killed.unexplained == 0
        and stopped.seconds is not None
        and killed.seconds is not None
    )
    return Result(
        passed,
        {
            "stops": stops,
            "acknowledged": stopped.acknowledged,
            "missing": stopped.missing,
            "sent twice": stopped.twice,
            "deaths of workers": deaths,
            "acknowledged then": killed.acknowledged,
            "missing then": killed.missing,
            "sent twice then": killed.twice,
            "of that for no reason": killed.unexplained,
            "rest arrived after s": f"{killed.seconds or -1:.1f}",
        },
    )


def _gateway(options: Options, name: str, workers: int) -> tuple[GatewayTarget, Destination]:
    folder = options.folder / name
    pacs = Destination("pacs", "well", folder)
    settings = Settings(workers=workers, durability="process", more=configuration([pacs]))
    return GatewayTarget(folder / "gateway", settings), pacs


def _senders(gateway: GatewayTarget, number: int, chooser: random.Random) -> Senders:
    return Senders(
        gateway.port,
        gateway.called,
        count=SENDERS,
        round=number + 1,
        seed=chooser.randrange(1 << 30),
        sizes=SIZES,
        pause_seconds=PAUSE_SECONDS,
    )


def _stopped(options: Options, stops: int, chooser: random.Random) -> _Found:
    gateway, pacs = _gateway(options, "stops", 1)
    everything: dict[str, bytes] = {}
    with Sinks([pacs]):
        try:
            for number in range(stops):
                gateway.start()
                senders = _senders(gateway, number, chooser)
                with senders:
                    time.sleep(chooser.uniform(0.1, 1.0))
                    gateway.stop()
                everything |= senders.acknowledged
            gateway.start()
            seconds = _drained(gateway)
            gateway.stop()
        finally:
            gateway.kill()
    return _found(pacs, everything, Counter(), seconds)


def _killed(options: Options, deaths: int, chooser: random.Random) -> _Found:
    gateway, pacs = _gateway(options, "deaths", 2)
    everything: dict[str, bytes] = {}
    with Sinks([pacs]):
        try:
            gateway.start()
            for number in range(deaths):
                senders = _senders(gateway, number, chooser)
                with senders:
                    time.sleep(chooser.uniform(0.3, 1.0))
                    workers = gateway.tree.processes()[1:]
                    if workers:
                        os.kill(chooser.choice(workers).pid, signal.SIGKILL)
                    time.sleep(0.3)
                everything |= senders.acknowledged
            seconds = _drained(gateway)
            gateway.stop()
        finally:
            gateway.kill()
    return _found(pacs, everything, owed.untold(gateway.data), seconds)


def _drained(gateway: GatewayTarget) -> float | None:
    return seconds_until(lambda: owed.open_deliveries(gateway.data) == 0, DRAIN_SECONDS_MAX)


def _found(
    pacs: Destination,
    everything: dict[str, bytes],
    untold: Counter[str],
    seconds: float | None,
) -> _Found:
    arrived = pacs.arrived()
    there = {one.uid for one in arrived}
    missing = len(everything.keys() - there)
    twice = surplus(arrived)
    unexplained = twice - untold
    return _Found(len(everything), missing, twice.total(), unexplained.total(), seconds)
