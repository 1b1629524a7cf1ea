"""Gatherings as values: what a route waits for to be complete, and what is known of it. No SQL."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hilum.ledger.delivery import Level


class Completeness(enum.Enum):
    """What a gathering was judged to be when it was closed."""

    COMPLETE = "complete"
    PROBABLY = "probably"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Gathering:
    """A series or study that a route waits for; `arrivals` are those it will deliver.

    `association_id` is the association that brought the last one.
    """

    gathering_id: int
    route: str
    level: Level
    uid: str
    opened_at: datetime
    last_arrival_at: datetime
    arrivals: int
    association_id: str


@dataclass(frozen=True, slots=True)
class ClosedGathering:
    """What became of one. `late_arrivals` came after it was closed, each delivered by itself."""

    gathering_id: int
    route: str
    level: Level
    uid: str
    closed_at: datetime | None
    verdict: Completeness | None
    evidence: str
    is_forced: bool
    arrivals: int
    late_arrivals: int


@dataclass(frozen=True, slots=True)
class SeriesEvidence:
    """What is held of one series: how many, and which Instance Numbers (0020,0013) they span.

    When all are numbered and none is missing, `highest` - `lowest` + 1 is `numbers`.
    """

    series_instance_uid: str
    modality: str
    instances: int
    numbers: int
    lowest: int | None
    highest: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the catalogue holds of a series or study, whichever routes it takes."""

    series: Sequence[SeriesEvidence]

    @property
    def instances(self) -> int:
        """How many instances are held."""
        return sum(series.instances for series in self.series)
