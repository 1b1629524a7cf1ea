"""What a lane is told about its destination: how many, how fast, when, how patiently.

Values only. The service makes them from `[destinations.<name>]`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

MEBIBYTE: Final = 1024 * 1024


class Hours(Protocol):
    """Times of the week when something holds; `between` of the configuration."""

    def is_open(self, now: datetime) -> bool:
        """Tell whether it holds at `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """How much may leave in a second, while `hours` are open; None means no limit."""

    bytes_per_second: float | None = None
    instances_per_second: float | None = None
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """The shortest and the longest wait between two tries of one delivery, and of a probe."""

    seconds_min: float = 5.0
    seconds_max: float = 600.0
    probe_seconds_max: float = 60.0
    # What has failed for so long is refused and waits for a person; None: it is tried for ever.
    give_up_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LanePolicy:
    """How a lane treats its destination."""

    window_max: int = 4  # sessions at the same time, over all workers
    rates: tuple[Rate, ...] = ()  # all that are open hold together
    schedule: Hours | None = None  # when anything is sent at all; None: always
    retry: Retry = field(default_factory=Retry)
    keep_alive_seconds: float = 10.0  # how long an idle session stays open
    batch_instances_max: int = 64
    batch_bytes_max: int = 64 * MEBIBYTE
    # A session has its own, sharper time-outs. This net is for one that lost its way: so long
    # between two outcomes, and a second more for each so many bytes that are under way.
    outcome_seconds_max: float = 300.0
    outcome_bytes_per_second_min: float = 512.0
    verify_seconds_max: float = 30.0
    is_held: bool = False  # a person wants nothing sent
