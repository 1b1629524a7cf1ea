"""A day's work in minutes: many small instances over many associations; nothing may pile up."""

import gc
import time
from dataclasses import dataclass, field
from typing import Final

from trials.gateway import Settings
from trials.holding import LEDGER
from trials.senders import Senders
from trials.targets import Target
from trials.trial import Options, Result

SENDERS: Final = 4
BATCH: Final = 20  # associations of each sender between two looks
GROWTH_SHARE_MAX: Final = 0.05
# A short run ends while the ledger's page cache still fills.
GROWTH_SHARE_MAX_SHORT: Final = 0.15
# From here on nothing may grow: caches are filled, allocators have what they need.
WARM_UP_SHARE: Final = 0.2
WARM_UP_SHARE_SHORT: Final = 0.7


@dataclass(slots=True)
class _Course:
    instances: int = 0
    associations: int = 0
    failures: int = 0
    rss: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)


def run(options: Options) -> Result:
    """Store 40 instances an association, look at memory and descriptors all along."""
    associations = options.count(long=5000, short=100)
    target = options.make_target("store", Settings(durability="process"))
    course = _Course()
    try:
        target.start()
        started = time.monotonic()
        while course.associations < associations:
            _batch(target, course, options)
        seconds = time.monotonic() - started
        target.stop()
    finally:
        target.kill()
    share = WARM_UP_SHARE_SHORT if options.short else WARM_UP_SHARE
    growth, leaked = _grown(course.rss, share), _grown(course.files, share)
    warm, end = _phases(course.rss, share)
    held = len(target.holding().digests)
    figures = {
        "instances": course.instances,
        "associations": course.associations,
        "per second": round(course.instances / seconds),
        "memory": f"{max(warm) / 1e6:.1f} -> {max(end) / 1e6:.1f} MB ({growth:+.1%})",
        "descriptors": f"{min(course.files)} .. {max(course.files)} ({leaked:+.0%})",
        "held": held,
        "failures": course.failures,
    }
    growth_max = GROWTH_SHARE_MAX_SHORT if options.short else GROWTH_SHARE_MAX
    is_flat = growth <= growth_max and leaked <= 0
    return Result(is_flat and held == course.instances and not course.failures, figures)


def _phases(course: list[int], warm_up_share: float) -> tuple[list[int], list[int]]:
    """Give the looks of the warm-up and those of the end, at least one of each."""
    warm = max(1, int(len(course) * warm_up_share))
    return course[:warm], course[-max(1, len(course) // 5) :]


def _grown(course: list[int], warm_up_share: float) -> float:
    """Tell by which share the end is above the warm-up."""
    warm, end = _phases(course, warm_up_share)
    return max(end) / max(warm) - 1


def _batch(target: Target, course: _Course, options: Options) -> None:
    """Let the senders associate some times, each for 40 instances."""
    batch = min(BATCH, options.count(long=BATCH, short=2))
    for _ in range(batch):
        round_number = course.associations // SENDERS + 1
        senders = Senders(
            target.port,
            target.called,
            count=SENDERS,
            round=round_number,
            sizes=(1_500, 3_000),
            each_max=40,
        )
        with senders:
            senders.wait()
        course.associations += SENDERS
        course.instances += len(senders.acknowledged)
        course.failures += 40 * SENDERS - len(senders.acknowledged)
    gc.collect()
    course.rss.append(target.tree.rss_bytes())
    # The ledger opens its connections when they are first needed: later than a short run's warm-up.
    course.files.append(target.tree.open_files(except_for=LEDGER if options.short else ""))
