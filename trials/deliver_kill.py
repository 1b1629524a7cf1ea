"""Kill -9 at random moments while instances come in and go out to two destinations.

Every instance that was answered arrives at both, with its bytes. Sent twice is only what a lane had
in its hands at a kill. The same folder lives through all kills.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import product

from trials import owed
from trials.destinations import WINDOW_MAX, Destination, Sinks, configuration, surplus
from trials.gateway import Settings
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result, seconds_until

SENDERS = 4
SIZES = (2_000, 16_000, 64_000, 64_000, 600_000)
DRAIN_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.004  # of each sender, so that deliveries keep up and kills meet both


@dataclass(slots=True)
class _Tally:
    kills: int = 0
    acknowledged: int = 0
    missing: int = 0
    wrong: int = 0
    arrived: int = 0
    duplicates: int = 0
    duplicates_at_most: int = 0  # of one kill and destination
    in_flight: int = 0
    unexplained: int = 0
    drain_seconds: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


def run(options: Options) -> Result:
    """Kill `hilum serve` with both durabilities and with one and two workers."""
    tally = _Tally()
    chooser = random.Random(options.seed)
    kills = options.count(long=50, short=2)
    kinds = list(product(("power", "process"), (1, 2)))
    if options.short:
        kinds = [("power", 2), ("process", 1)]
    for durability, workers in kinds:
        _kill_often(options, durability, workers, kills, chooser, tally)
    passed = tally.missing == tally.wrong == tally.unexplained == 0 < tally.acknowledged
    return Result(
        passed and len(tally.drain_seconds) == len(kinds),
        {
            "kills": tally.kills,
            "acknowledged": tally.acknowledged,
            "missing at a destination": tally.missing,
            "with other bytes": tally.wrong,
            "arrivals": tally.arrived,
            "sent twice": tally.duplicates,
            "window x destinations x kills": tally.kills * 2 * WINDOW_MAX,
            "at hand at kills": tally.in_flight,
            "at most at one kill and destination": tally.duplicates_at_most,
            "sent twice for no reason": tally.unexplained,
            "rest arrived after s": ", ".join(f"{one:.1f}" for one in tally.drain_seconds),
            **({"for example": tally.examples[:3]} if tally.examples else {}),
        },
    )


def _kill_often(
    options: Options,
    durability: str,
    workers: int,
    kills: int,
    chooser: random.Random,
    tally: _Tally,
) -> None:
    folder = options.folder / f"{durability}-{workers}"
    destinations = [Destination(name, "well", folder) for name in ("one", "two")]
    settings = Settings(workers=workers, durability=durability, more=configuration(destinations))
    gateway = GatewayTarget(folder / "gateway", settings)
    everything: dict[str, bytes] = {}
    at_hand: dict[str, list[set[str]]] = {one.name: [] for one in destinations}
    with Sinks(destinations):
        try:
            for round_number in range(kills):
                gateway.start()
                everything |= _store_until_killed(gateway, round_number, chooser)
                tally.kills += 1
                for one in destinations:
                    at_hand[one.name].append(set(owed.in_flight(gateway.data, one.name)))
            gateway.start()
            seconds = seconds_until(
                lambda: owed.open_deliveries(gateway.data) == 0, DRAIN_SECONDS_MAX
            )
            if seconds is not None:
                tally.drain_seconds.append(seconds)
            gateway.stop()
        finally:
            gateway.kill()
    tally.acknowledged += len(everything)
    for one in destinations:
        _judge(one, everything, at_hand[one.name], tally)


def _judge(
    destination: Destination,
    everything: dict[str, bytes],
    at_hand: list[set[str]],
    tally: _Tally,
) -> None:
    arrived = destination.arrived()
    digests = {one.uid: one.digest for one in arrived}
    missing = [uid for uid in everything if uid not in digests]
    wrong = [uid for uid, wanted in everything.items() if digests.get(uid, wanted) != wanted]
    twice = surplus(arrived)
    # What was at hand at two kills may come three times.
    allowed = Counter(uid for one in at_hand for uid in one)
    unexplained = twice - allowed
    tally.arrived += len(arrived)
    tally.missing += len(missing)
    tally.wrong += len(wrong)
    tally.duplicates += twice.total()
    tally.in_flight += allowed.total()
    tally.unexplained += unexplained.total()
    per_kill = (sum(uid in twice for uid in one) for one in at_hand)
    tally.duplicates_at_most = max(tally.duplicates_at_most, *per_kill)
    tally.examples += [f"{destination.name} {uid}" for uid in (*missing, *wrong, *unexplained)][:2]


def _store_until_killed(
    gateway: GatewayTarget, round_number: int, chooser: random.Random
) -> dict[str, bytes]:
    senders = Senders(
        gateway.port,
        gateway.called,
        count=SENDERS,
        round=round_number + 1,
        seed=chooser.randrange(1 << 30),
        sizes=SIZES,
        pause_seconds=PAUSE_SECONDS,
    )
    with senders:
        time.sleep(chooser.uniform(0.05, 1.2))
        gateway.kill()
    return senders.acknowledged
