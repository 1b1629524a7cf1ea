"""What a destination may get: so many bytes, instances and associations, at these hours, in order.

Judged at the receiver: it writes down when each instance arrived and how many associations it had.
"""

import math
import signal
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

from trials import owed
from trials.destinations import WINDOW_MAX, Arrived, Destination, Sinks, configuration
from trials.gateway import Settings
from trials.senders import Senders
from trials.targets import GatewayTarget
from trials.trial import Options, Result, seconds_until

RATE_BYTES = 50_000_000
RATE_INSTANCES = 40.0
WITHIN = 0.05
STAT_SECONDS_MAX = 1.0
OPENING_SECONDS_MAX = 3.0
LARGE = 500_000
SMALL = 2_000
STAT_ROUTES = """
[[routes]]
name = "urgent"
when = { called_ae_title = "STAT" }
to = ["pacs"]
priority = "stat"
stop = true

[[routes]]
name = "everything"
to = ["pacs"]
"""


def run(options: Options) -> Result:
    """Try each promise with its own gateway."""
    figures: dict[str, object] = {}
    passed = True
    for name, value, is_kept in _promises(options):
        figures[name] = value
        passed = passed and is_kept
    return Result(passed, figures)


def _promises(options: Options) -> Iterator[tuple[str, object, bool]]:
    bytes_count = options.count(long=3000, short=600)  # 10 s of the rate, or 2 s short
    # 30 s, or 8 s: a batch more or less in the first seconds must not decide.
    instances_count = options.count(long=1200, short=320)
    for workers in (1, 2):
        arrived, _ = _rated(
            options,
            f"bytes-{workers}",
            workers,
            bytes_count,
            LARGE,
            f"bytes_per_second = {RATE_BYTES}",
        )
        rate = _rate(arrived, by_size=True) / 1e6
        is_kept = abs(rate / (RATE_BYTES / 1e6) - 1) <= WITHIN
        yield f"MB a second of 50, {workers} workers", f"{rate:.1f}", is_kept
        arrived, _ = _rated(
            options,
            f"instances-{workers}",
            workers,
            instances_count,
            SMALL,
            f"instances_per_second = {RATE_INSTANCES}",
        )
        rate = _rate(arrived, by_size=False)
        is_kept = abs(rate / RATE_INSTANCES - 1) <= WITHIN
        yield f"instances a second of 40, {workers} workers", f"{rate:.1f}", is_kept
    count = options.count(long=4000, short=600)
    _, open_max = _rated(options, "associations", 2, count, SMALL, "", behaviour="late")
    yield f"associations of {WINDOW_MAX}", open_max, 0 < open_max <= WINDOW_MAX
    seconds = _stat_behind_routine(options)
    yield "stat behind 2,000 begins after s", f"{seconds:.2f}", seconds <= STAT_SECONDS_MAX
    seconds = _opening(options)
    yield "first after opening s", f"{seconds:.2f}", 0 <= seconds <= OPENING_SECONDS_MAX


def _rated(  # noqa: PLR0913, PLR0917 - what a gateway and its senders are told
    options: Options,
    name: str,
    workers: int,
    count: int,
    size: int,
    rate: str,
    behaviour: str = "well",
) -> tuple[list[Arrived], int]:
    """Take in first, then let a destination appear that may have so much a second."""
    folder = options.folder / name
    more = f"rate = {{ {rate} }}" if rate else ""
    gateway, pacs = _gateway(folder, workers=workers, more=more, behaviour=behaviour)
    try:
        gateway.start()
        _send(gateway, count, size)
        with Sinks([pacs]):
            seconds_until(lambda: owed.open_deliveries(gateway.data) == 0, 120.0)
            gateway.stop()
    finally:
        gateway.kill()
    return pacs.arrived(), pacs.open_max()


def _gateway(
    folder: Path, *, workers: int = 1, more: str = "", behaviour: str = "well"
) -> tuple[GatewayTarget, Destination]:
    pacs = Destination("pacs", behaviour, folder, more=more)
    settings = Settings(
        workers=workers,
        durability="process",
        dimse={"check_called_ae_title": "false"},
        more=configuration([pacs], STAT_ROUTES),
    )
    return GatewayTarget(folder / "gateway", settings), pacs


def _send(
    gateway: GatewayTarget, count: int, size: int, *, round_number: int = 1, called: str = ""
) -> dict[str, float]:
    senders = Senders(
        gateway.port,
        called or gateway.called,
        count=4,
        round=round_number,
        sizes=(size,),
        each_max=count // 4,
        seconds_max=60.0,
    )
    with senders:
        senders.wait()
    return senders.acknowledged_at


def _rate(arrived: list[Arrived], *, by_size: bool) -> float:
    """Give what arrived in a second, but for the beginning and the end.

    A probe and a first batch go before, and in the end one worker has less left than the other.
    Instances come in batches: the slope of the best line through all of them, not two ends.
    """
    steady = arrived[len(arrived) // 5 : -len(arrived) // 5]
    amounts = accumulate(one.size if by_size else 1 for one in steady)
    slope, _ = statistics.linear_regression([one.at for one in steady], list(amounts))
    return slope


def _stat_behind_routine(options: Options) -> float:
    """Give how long after its answer the first of a stat study arrives, 2,000 others waiting."""
    # A slow lane, so that the 2,000 are still waiting when the study comes.
    gateway, pacs = _gateway(options.folder / "stat", more="rate = { instances_per_second = 50 }")
    try:
        gateway.start()
        _send(gateway, 2_000, SMALL)
        with Sinks([pacs]):
            seconds_until(lambda: pacs.count() >= 20, 30.0)
            urgent = _send(gateway, 40, SMALL, round_number=2, called="STAT")
            seconds_until(lambda: bool(_of(pacs, urgent)), 30.0)
            found = _of(pacs, urgent)
    finally:
        gateway.kill()
    return min(found) - min(urgent.values()) if found else math.inf


def _of(pacs: Destination, wanted: dict[str, float]) -> list[float]:
    return [one.at for one in pacs.arrived() if one.uid in wanted]


def _opening(options: Options) -> float:
    """Give how long after its hours begin a destination gets its first instance."""
    if options.short:
        return _opened_by_hand(options)
    # Calendars have minutes; one that is nearly over leaves no time to start.
    now = datetime.now().astimezone()
    opens = (now + timedelta(seconds=80)).replace(second=0, microsecond=0)
    return _first_after(options, opens)


def _first_after(options: Options, opens: datetime) -> float:
    gateway, pacs = _gateway(options.folder / "hours", more=_hours(opens))
    try:
        gateway.start()
        _send(gateway, 40, SMALL)
        with Sinks([pacs]):
            seconds_until(lambda: pacs.count() > 0, 120.0)
            gateway.stop()
    finally:
        gateway.kill()
    arrived = pacs.arrived()
    offset = time.time() - time.monotonic()
    return arrived[0].at + offset - opens.timestamp() if arrived else math.inf


def _opened_by_hand(options: Options) -> float:
    """Give the same after a reload that opens the hours, for who cannot wait for a full minute."""
    now = datetime.now().astimezone()
    gateway, pacs = _gateway(options.folder / "hours", more=_hours(now + timedelta(hours=2)))
    try:
        gateway.start()
        _send(gateway, 40, SMALL)
        with Sinks([pacs]):
            pacs = replace(pacs, more="")
            gateway.settings = replace(gateway.settings, more=configuration([pacs], STAT_ROUTES))
            gateway.config.touch()  # writes it anew
            began = time.monotonic()
            gateway.tree.processes()[0].send_signal(signal.SIGHUP)
            seconds_until(lambda: pacs.count() > 0, 30.0)
            gateway.stop()
    finally:
        gateway.kill()
    arrived = pacs.arrived()
    return arrived[0].at - began if arrived else math.inf


def _hours(opens: datetime) -> str:
    return f'between = "{opens:%H:%M}-{opens + timedelta(minutes=30):%H:%M}"'
