"""`/api/v1/queue`: look at deliveries, and decide about those that need a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request

from hilum.console.api.models import (
    Change,
    Changed,
    DeliveryModel,
    DeliveryPage,
    PageQuery,
    Replay,
    Reprioritise,
)
from hilum.ledger.delivery import Priority, Selection
from hilum.ledger.delivery_queue import Queue
from hilum.ledger.entry import Origin

_REASON_WANTED: Final = "Say why: the reason goes into the audit trail."


class QueueApi:
    """The routes; `woken` tells the lanes of this process that an operator changed something."""

    def __init__(
        self,
        queue: Queue,
        *,
        destinations: Callable[[], frozenset[str]],
        now: Callable[[], datetime],
        woken: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._destinations = destinations
        self._now = now
        self._woken = woken
        self.router = APIRouter(prefix="/queue", tags=["queue"])
        self.router.get("")(self.list)
        for path, act in (
            ("/retry", self.retry),
            ("/hold", self.hold),
            ("/release", self.release),
            ("/drop", self.drop),
        ):
            self.router.post(path)(act)
        self.router.post("/replay")(self.replay)
        self.router.post("/priority")(self.reprioritise)

    def list(self, select: Annotated[PageQuery, Query()]) -> DeliveryPage:
        """List deliveries in the order they were planned, with their last failed attempts."""
        limit = select.limit
        found = self._queue.history(select.selection(), after=select.after, limit=limit)
        shown = [DeliveryModel.of(one.delivery, one) for one in found]
        return DeliveryPage(deliveries=shown, next=shown[-1].id if len(shown) == limit else None)

    def retry(self, change: Change, request: Request) -> Changed:
        """Try what is deferred or was refused again, now."""
        by, now = _who(change, request), self._now()
        return self._changed(self._queue.retry(_meant(change), by=by, now=now))

    def hold(self, change: Change, request: Request) -> Changed:
        """Let what waits wait for a person."""
        by, now = _who(change, request), self._now()
        reason = _reason(change)
        return self._changed(self._queue.hold(_meant(change), reason=reason, by=by, now=now))

    def release(self, change: Change, request: Request) -> Changed:
        """Let what is held go."""
        by, now = _who(change, request), self._now()
        return self._changed(self._queue.release(_meant(change), by=by, now=now))

    def drop(self, change: Change, request: Request) -> Changed:
        """Give up what is not delivered; needs a reason."""
        by, now = _who(change, request), self._now()
        reason = _reason(change)
        return self._changed(self._queue.drop(_meant(change), reason=reason, by=by, now=now))

    def replay(self, change: Replay, request: Request) -> Changed:
        """Send what is selected to a destination, again if it was there already."""
        if change.to not in self._destinations():
            there = ", ".join(sorted(self._destinations())) or "none"
            raise HTTPException(422, f"There is no destination {change.to}. There are: {there}.")
        priority = None if change.priority is None else Priority[change.priority.upper()]
        count = self._queue.replay(
            _meant(change),
            to=change.to,
            by=_who(change, request),
            now=self._now(),
            priority=priority,
        )
        return self._changed(count)

    def reprioritise(self, change: Reprioritise, request: Request) -> Changed:
        """Make what waits more or less urgent."""
        priority = Priority[change.priority.upper()]
        by, now = _who(change, request), self._now()
        return self._changed(self._queue.reprioritise(_meant(change), priority, by=by, now=now))

    def _changed(self, count: int) -> Changed:
        if count:
            self._woken()
        return Changed(count=count)


def _meant(change: Change) -> Selection:
    """Give the selection; nothing given must be meant to be everything."""
    if change.select.is_empty and not change.select.everything:
        raise HTTPException(
            422, "Nothing is selected. Say which deliveries, or everything: true for all of them."
        )
    return change.select.selection()


def _reason(change: Change) -> str:
    if not change.reason.strip():
        raise HTTPException(422, _REASON_WANTED)
    return change.reason.strip()


def _who(change: Change, request: Request) -> Origin:
    """Give who does it, for the audit trail."""
    host = request.client.host if request.client else ""
    return Origin("", "", change.by or "API", host, "", "")
