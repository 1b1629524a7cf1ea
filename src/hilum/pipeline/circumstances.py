"""What advice must know besides the instance: its gateway and destinations, as they are now.

Values only; made of the configuration and of rows of the ledger, never of what a process remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from hilum.ledger.delivery import QueuedDelivery


@dataclass(frozen=True, slots=True)
class Place:
    """One destination of the configuration.

    `opens_at` is None while it may be sent to. `rate` says in words what limits it now, `trouble`
    is the delivery that failed there last and is still owed. `empty_in` None: nobody can tell.
    `calling` is the AE title we call with.
    """

    kind: str
    calling: str = ""
    opens_at: datetime | None = None
    rate: str = ""
    trouble: QueuedDelivery | None = None
    owed: int = 0
    empty_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Whether the gateway runs (None: nobody can tell), and its destinations by name."""

    is_running: bool | None = None
    places: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))
