"""A destination is away while much comes in: intake keeps its speed, memory stays, all is sent.

When it is back the urgent ones come first, then the others in the order they came in. Sent twice is
only what was in flight when it went away: here nothing, for it never was there.
"""

import itertools
import statistics
import time
from dataclasses import replace
from pathlib import Path

from trials import owed
from trials.destinations import Arrived, Destination, Sinks, configuration, surplus
from trials.gateway import Settings
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result, seconds_until

SENDERS = 4
SIZE = 2_000
# In CI a few seconds on a machine that others use: only what is far slower is a fault there.
SLOWEST, SLOWEST_SHORT = 0.9, 0.5
# Short rounds in turns, and many: what else the machine does strikes some of them, not the median.
PROBE_COUNT = 400
ROUNDS = 9
GROWTH_BYTES_MAX = 64 * 1024 * 1024
URGENT = """
[[routes]]
name = "urgent"
when = { called_ae_title = "STAT" }
to = ["away"]
priority = "stat"
stop = true

[[routes]]
name = "everything"
to = ["away"]
"""


def run(options: Options) -> Result:
    """Fill, compare intake with and without a backlog, let it drain."""
    count = options.count(long=200_000, short=4_000)
    full, destination = _gateway(options.folder / "full")
    empty, other = _gateway(options.folder / "empty")
    sent: dict[str, float] = {}
    rounds = itertools.count(1)
    try:
        full.start()
        sent |= _send(full, count, next(rounds))
        memory_full = full.tree.rss_bytes()
        with Sinks([other]):
            empty.start()
            ratio = _compare(empty, full, sent, rounds, options)
            empty.stop()
        urgent = _send(full, 200, next(rounds), called="STAT")
        sizes = [full.tree.rss_bytes()]
        started = time.monotonic()
        with Sinks([destination]):
            while owed.open_deliveries(full.data) and time.monotonic() - started < 3600:
                time.sleep(0.5)
                sizes.append(full.tree.rss_bytes())
            seconds = time.monotonic() - started
            full.stop()
    finally:
        full.kill()
        empty.kill()
    arrived = destination.arrived()
    slowest = SLOWEST_SHORT if options.short else SLOWEST
    result = _result(arrived, sent, urgent, ratio, seconds, [memory_full, *sizes])
    return replace(result, passed=result.passed and ratio >= slowest)


def _gateway(folder: Path) -> tuple[GatewayTarget, Destination]:
    away = Destination("away", "well", folder)
    settings = Settings(
        durability="process",
        dimse={"check_called_ae_title": "false"},
        more=configuration([away], URGENT),
    )
    return GatewayTarget(folder / "gateway", settings), away


def _send(
    gateway: GatewayTarget, count: int, round_number: int, *, called: str = ""
) -> dict[str, float]:
    senders = Senders(
        gateway.port,
        called or gateway.called,
        count=SENDERS,
        round=round_number,
        sizes=(SIZE,),
        each_max=count // SENDERS,
        seconds_max=60.0,
    )
    with senders:
        senders.wait()
    return senders.acknowledged_at


def _compare(
    empty: GatewayTarget,
    full: GatewayTarget,
    sent: dict[str, float],
    rounds: "itertools.count[int]",
    options: Options,
) -> float:
    """Give the speed of intake with a backlog, as a part of that with a destination that works."""
    count = options.count(long=PROBE_COUNT * 4, short=PROBE_COUNT)
    ratios = []
    for _ in range(ROUNDS):
        normal = _rate(_send(empty, count, next(rounds)))
        # What it still delivers would slow the other one down, which has nothing to deliver.
        seconds_until(lambda: not owed.open_deliveries(empty.data), 60.0)
        acknowledged = _send(full, count, next(rounds))
        sent |= acknowledged
        ratios.append(_rate(acknowledged) / normal)
    return statistics.median(ratios)


def _rate(acknowledged: dict[str, float]) -> float:
    """Give instances a second, from the first answer to the last: who sends needs time to begin."""
    moments = acknowledged.values()
    return (len(moments) - 1) / (max(moments) - min(moments))


def _result(
    arrived: list[Arrived],
    sent: dict[str, float],
    urgent: dict[str, float],
    ratio: float,
    seconds: float,
    memory: list[int],
) -> Result:
    there = {one.uid for one in arrived}
    lost = len(sent.keys() - there) + len(urgent.keys() - there)
    twice = surplus(arrived).total()
    behind = _urgent_behind(arrived, urgent)
    disorder = _disorder(arrived, sent)
    growth = max(memory) - memory[0]
    passed = (
        lost == twice == 0
        and growth <= GROWTH_BYTES_MAX
        # A batch or two of the others was begun before the urgent ones were asked for.
        and behind <= 300
        and disorder <= 1000
    )
    return Result(
        passed,
        {
            "waiting": len(sent) + len(urgent),
            "intake of normal": f"{ratio:.2f}",
            "lost": lost,
            "sent twice": twice,
            "urgent ones behind others": behind,
            "furthest out of order": disorder,
            "drained in s": f"{seconds:.0f}",
            "instances a second": f"{len(arrived) / seconds:.0f}",
            "memory MB": f"{memory[0] / 1e6:.0f} to {max(memory) / 1e6:.0f}",
        },
    )


def _urgent_behind(arrived: list[Arrived], urgent: dict[str, float]) -> int:
    """Count the others that arrived before the last urgent one."""
    places = [place for place, one in enumerate(arrived) if one.uid in urgent]
    return places[-1] + 1 - len(places) if places else 0


def _disorder(arrived: list[Arrived], sent: dict[str, float]) -> int:
    """Give how far an instance came from its place in the order of intake, at most."""
    order = {uid: place for place, uid in enumerate(sorted(sent, key=lambda uid: sent[uid]))}
    places = [order[one.uid] for one in arrived if one.uid in order]
    return max((abs(place - at) for at, place in enumerate(places)), default=0)
