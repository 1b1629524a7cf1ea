"""What answerers do now, in the same words for each kind: connections in use, idle, waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from hilum.destinations.dicomweb.archive.answerer import WebAnswerer
from hilum.destinations.dimse.answering.answerer import DimseAnswerer


@dataclass(frozen=True, slots=True)
class InUse:
    """A connection that is at work: what it does, for how long, and what it has brought."""

    what: str
    seconds: float
    received_bytes: int


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A pool at one moment. `idle` is None where it is not known."""

    connections_max: int
    idle: int | None
    waiting: int
    in_use: Sequence[InUse]


def pool_of(answerer: WebAnswerer | DimseAnswerer, now: datetime | None = None) -> PoolFigures:
    """Give the figures of an answerer; without `now` nobody wants to know for how long."""
    match answerer:
        case WebAnswerer():
            lines = answerer.in_use
            in_use = [
                InUse(
                    line.what,
                    ((now - line.since) if now else timedelta()).total_seconds(),
                    line.bytes_in,
                )
                for line in lines
            ]
            return PoolFigures(answerer.connections_max, None, answerer.waiting, in_use)
        case DimseAnswerer():
            found = answerer.figures()
            working = [InUse(one.what, one.seconds, one.received_bytes) for one in found.in_use]
            return PoolFigures(found.associations_max, found.idle, found.waiting, working)
        case _:
            assert_never(answerer)
