"""How much is handed to a session at a time. Pure.

A batch has one presentation context (SOP class x transfer syntax), so that a session negotiates
once. It is short in time, so that what is more urgent gets its turn, and no larger than a fair part
of what waits, so that every session has something to do.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.ports import Parcel

# A batch is what a session brings over in so long: longer makes a stat study wait, shorter costs.
BATCH_SECONDS: Final = 0.25
# What one session brings over in so long is not shared by several: each batch has a cost, too.
WHOLE_SECONDS: Final = 0.02
# While a destination's speed is not known yet.
FIRST_INSTANCES: Final = 8
FIRST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one session was lately."""

    instances_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What may leave in a second; None: any."""

    bytes_per_second: float | None = None
    instances_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """At least one instance, and then as many as both allow."""

    instances: int
    size: float


def limits_of(
    policy: LanePolicy, pace: Pace | None, rates: Rates, *, waiting: int, sessions: int
) -> BatchLimits:
    """Give the limits of the next batch, when `waiting` instances are there for `sessions`."""
    instances, size = float(FIRST_INSTANCES), float(FIRST_BYTES)
    part = math.ceil(waiting / max(sessions, 1))
    if pace is not None:
        part = max(part, int(pace.instances_per_second * WHOLE_SECONDS))
        instances = pace.instances_per_second * BATCH_SECONDS
        size = pace.bytes_per_second * BATCH_SECONDS
    if rates.bytes_per_second is not None:
        size = min(size, rates.bytes_per_second * BATCH_SECONDS)
    if rates.instances_per_second is not None:
        instances = min(instances, rates.instances_per_second * BATCH_SECONDS)
    return BatchLimits(
        max(min(int(instances), part, policy.batch_instances_max), 1),
        min(size, float(policy.batch_bytes_max)),
    )


def cut(parcels: Iterable[Parcel], limits: BatchLimits) -> list[Parcel]:
    """Take from the front of `parcels`, which have one context, what makes a batch."""
    batch: list[Parcel] = []
    size = 0
    for parcel in islice(parcels, limits.instances):
        size += parcel.size
        if batch and size > limits.size:
            break
        batch.append(parcel)
    return batch
