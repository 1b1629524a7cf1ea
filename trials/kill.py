"""Kill -9 at random moments while instances arrive: what was answered with success is still held.

The same folder lives through all kills, so each start is also a recovery from the kill before.
"""

import random
import time
from dataclasses import dataclass, field
from itertools import product

from trials.gateway import Settings
from trials.senders import Senders
from trials.targets import Target
from trials.trial import Options, Result

SENDERS = 4
# From what is held in memory until the commit up to what is written piece by piece.
SIZES = (2_000, 16_000, 64_000, 64_000, 1_500_000)


@dataclass(slots=True)
class _Tally:
    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    faults: int = 0
    examples: list[str] = field(default_factory=list)


def run(options: Options) -> Result:
    """Kill `hilum serve` with both durabilities and with one and two workers."""
    tally = _Tally()
    chooser = random.Random(options.seed)
    kills = options.count(long=50, short=3)
    for durability, workers in product(("power", "process"), (1, 2)):
        settings = Settings(workers=workers, durability=durability)
        target = options.make_target(f"{durability}-{workers}", settings)
        _kill_often(target, kills, chooser, tally)
    passed = tally.lost == 0 and tally.faults == 0 and tally.acknowledged > 0
    return Result(
        passed,
        {
            "kills": tally.kills,
            "acknowledged": tally.acknowledged,
            "lost": tally.lost,
            "half-written or unlisted": tally.faults,
            **({"for example": tally.examples[:3]} if tally.examples else {}),
        },
    )


def _kill_often(target: Target, kills: int, chooser: random.Random, tally: _Tally) -> None:
    everything: dict[str, bytes] = {}
    try:
        for round_number in range(kills):
            target.start()
            everything |= _store_until_killed(target, round_number, chooser)
            tally.kills += 1
        target.start()  # the last recovery
        target.stop()
    finally:
        target.kill()
    holding = target.holding()
    lost = holding.lost(everything)
    tally.acknowledged += len(everything)
    tally.lost += len(lost)
    tally.faults += len(holding.faults)
    tally.examples += lost[:2] + holding.faults[:2]


def _store_until_killed(
    target: Target, round_number: int, chooser: random.Random
) -> dict[str, bytes]:
    senders = Senders(
        target.port,
        target.called,
        count=SENDERS,
        round=round_number + 1,
        seed=chooser.randrange(1 << 30),
        sizes=SIZES,
    )
    with senders:
        time.sleep(chooser.uniform(0.02, 0.8))
        target.kill()
    return senders.acknowledged
