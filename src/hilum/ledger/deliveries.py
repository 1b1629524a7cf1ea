"""Deliveries for lanes: claimed by batch under a lease, settled by batch. Synchronous, any thread.

A power cut may undo what lanes wrote last: then a delivery is made once more, never not at all.
Whatever else they lose (a process, a lease), what was delivered stays delivered.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from hilum.ledger.delivery import Claimed, LaneDepth, Pace, Priority, Settlement

BY_PRIORITY: Final = tuple(Priority)


class Deliveries:
    """Who gets what next. Every method raises Full or LedgerUnavailable as Ledger.record() does."""

    def claim(  # noqa: PLR0913 - by keyword
        self,
        destination: str,
        *,
        owner: str,
        limit: int,
        bytes_max: int,
        now: datetime,
        leased_until: datetime,
        priorities: Sequence[Priority] = BY_PRIORITY,
    ) -> list[Claimed]:
        """Lease up to `limit` due deliveries, of one priority after the other as given.

        Within a priority they come in the order in which they were due, then planned. Give another
        order of `priorities` now and then, so that urgent work without end starves nothing.
        There is at least one if any is due, however large, and no more than `bytes_max` otherwise.
        One whose payload is not held any more becomes refused.
        """
        raise NotImplementedError

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> int:
        """Write down what became of claimed deliveries, in one transaction; give how many changed.

        Delivered counts whoever says it and whatever was believed meanwhile. Anything else counts
        only from the one who has the lease. Settling twice changes nothing.
        """
        raise NotImplementedError

    def renew(self, owner: str, *, until: datetime) -> int:
        """Prolong every lease of `owner`; give how many it has."""
        raise NotImplementedError

    def reclaim(self, *, now: datetime, dead: Collection[str] = ()) -> int:
        """Let what was leased until now, or to a dead owner, wait again; give how many.

        It may have been delivered without anybody telling: that is written down as an attempt.
        """
        raise NotImplementedError

    def release_owner(self, owner: str) -> int:
        """Put back all that `owner` has claimed and did not try; give how many."""
        raise NotImplementedError

    def next_due(self, destination: str) -> datetime | None:
        """Say when something is due: possibly long ago. None when nothing waits for a moment."""
        raise NotImplementedError

    def depths(self) -> list[LaneDepth]:
        """Count what is open, by destination and state. Reads an index, not the rows."""
        raise NotImplementedError

    def paces(self, *, now: datetime, minutes: int) -> list[Pace]:
        """Say what was settled in the last `minutes` whole minutes before the current one."""
        raise NotImplementedError

    def outstanding(self, destination: str) -> int:
        """Count what waits, is active or deferred for a destination."""
        raise NotImplementedError

    def study_choice(self, choice: str, study_instance_uid: str) -> str | None:
        """Give the destination that the group `choice` chose last for this study."""
        raise NotImplementedError

    def reassign(
        self, choice: str, *, source: str, target: str, now: datetime, limit: int = 1000
    ) -> int:
        """Move what waits or is deferred from one member of a group to another, due now.

        At most `limit` in one transaction; call again until it gives 0. What `target` was given
        already is dropped with that reason.
        """
        raise NotImplementedError
