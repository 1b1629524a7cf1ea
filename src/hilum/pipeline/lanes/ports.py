"""What lanes need of the ledger, and of whoever runs what may block. The service fills them.

All methods of the ledger are synchronous, for threads, and raise HilumError (Full,
LedgerUnavailable): what they did then is not known.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from hilum.ledger.delivery import Claimed, Priority, Settlement

T = TypeVar("T")


class Bookkeeper(Protocol):
    """Deliveries under leases; `hilum.ledger.deliveries.Deliveries` says what each method does."""

    def claim(  # noqa: PLR0913 - as the ledger has it
        self,
        destination: str,
        *,
        owner: str,
        limit: int,
        bytes_max: int,
        now: datetime,
        leased_until: datetime,
        priorities: Sequence[Priority],
    ) -> list[Claimed]:
        """Lease what is due, of one priority after the other as given."""
        ...

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> int:
        """Write down what became of claimed deliveries; twice changes nothing."""
        ...

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every lease of `owner`."""
        ...

    def reclaim(self, *, expired_by: datetime, now: datetime, dead: Collection[str] = ()) -> int:
        """Let what was leased until `expired_by`, or to a dead owner, wait again."""
        ...

    def release_owner(self, owner: str) -> int:
        """Put back all that `owner` has claimed and did not try."""
        ...

    def next_due(self, destination: str) -> datetime | None:
        """Say when something is due, possibly long ago; None: nothing waits for a moment."""
        ...


class Slots(Protocol):
    """Permissions to have a session open, as leased rows: a limit over all workers."""

    def take(
        self, destination: str, *, limit: int, owner: str, now: datetime, until: datetime
    ) -> int | None:
        """Lease a free slot of `limit`; give its number, None when all are leased."""
        ...

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every slot of `owner`; give how many it still has."""
        ...

    def give_back(self, destination: str, number: int, owner: str) -> bool:
        """Free a slot; False when `owner` has lost it already."""
        ...

    def leased(self, destination: str, *, now: datetime) -> int:
        """Count the slots of a destination that are leased, whoever has them."""
        ...


class Aside(Protocol):
    """Runs what may block beside the event loop."""

    async def run(self, job: Callable[[], T]) -> T:
        """Give what `job` gives, or raise what it raises. A job that has begun is not cancelled."""
        ...
