"""Brings what a C-MOVE wants to its destination, over one association or several.

An association that is lost is opened again as long as something arrives; when none can be opened,
everything that is left has failed.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, assert_never

from hilum.dimse.status import SUCCESS
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.archive.movers import Errand, MoveTarget
from hilum.pipeline.closing import closing
from hilum.pipeline.ports import Parcel, Session

if TYPE_CHECKING:
    from hilum.sources.dimse.retrieving import Work

# Handed to a session at one time: enough to look ahead, few enough to be shared fairly.
_BATCH: Final = 32
# An instance whose association was lost gets so many tries: it may be why it was lost.
_ATTEMPTS_MAX: Final = 2
# So often in a row an association may be lost before anything has arrived.
_LOSSES_MAX: Final = 2


class Carrier:
    """The stores of one C-MOVE."""

    def __init__(
        self, target: MoveTarget, errand: Errand, work: "Work", *, associations_max: int
    ) -> None:
        self._target = target
        self._errand = errand
        self._work = work
        self._turn = deque(work.parcels)
        self._kinds = {(one.sop_class_uid, one.transfer_syntax_uid) for one in work.parcels}
        self._associations = min(associations_max, -(-len(work.parcels) // _BATCH) or 1)
        self._active = 0
        self._losses = 0  # since something arrived
        self._is_stopped = False

    def stop(self) -> None:
        """Begin with no more instances."""
        self._is_stopped = True

    async def run(self) -> None:
        """Bring everything there, or count it as failed. Nothing the destination does raises."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._associations):
                group.create_task(self._carry())

    async def _carry(self) -> None:
        session = self._target.session(self._errand, self._kinds)
        self._active += 1
        is_useful = True
        try:
            while is_useful and self._turn and not self._is_stopped:
                is_useful = await self._deliver(session)
        finally:
            self._active -= 1
            await session.aclose()

    async def _deliver(self, session: Session) -> bool:
        """Deliver what is next; tell whether the session may go on."""
        batch = [self._turn.popleft() for _ in range(min(_BATCH, len(self._turn)))]
        left = {id(parcel): parcel for parcel in batch}
        course = _Course()
        async with closing(session.deliver(batch)) as given:
            async for parcel, outcome in given:
                for known, final in course.take(parcel, outcome):
                    del left[id(known)]
                    self._count(known, final)
                if self._is_stopped:
                    break
        for known, final in course.end():
            del left[id(known)]
            self._count(known, final)
        if self._is_stopped:
            return False
        return self._go_on(list(left.values()), course)

    def _count(self, parcel: Parcel, outcome: Outcome) -> None:
        uid, work = parcel.sop_instance_uid, self._work
        match outcome:
            case Delivered(warning=warning):
                self._losses = 0
                work.size += parcel.size
                work.counted.stored(uid, SUCCESS if warning is None else warning)
            case Deferred(reason=reason) | Refused(reason=reason):
                work.not_stored(parcel, reason)
            case _:
                assert_never(outcome)

    def _go_on(self, left: list[Parcel], course: "_Course") -> bool:
        """Decide about what was not brought there; tell whether to try again on a new association.

        `left` begins with the instance whose association was lost.
        """
        loss = course.loss
        if loss is None:
            return True
        if not course.has_arrived and self._active > 1:
            # The others go on: perhaps the destination takes no more associations.
            self._turn.extendleft(reversed(left))
            return False
        self._losses += 1
        if self._losses > _LOSSES_MAX or loss.failing is Failing.UNWELCOME:
            for parcel in (*left, *self._turn):
                self._work.not_stored(parcel, loss.reason)
            self._turn.clear()
            return False
        head = left[0]
        head.attempts += 1
        if head.attempts >= _ATTEMPTS_MAX:
            self._work.not_stored(left.pop(0), loss.reason)
        self._turn.extendleft(reversed(left))
        return True


class _Course:
    """What a session says of a batch, read until it is known what it means.

    "Busy" is said of an instance that the peer has no room for and of an association that it does
    not take now; that others were not tried tells the second.
    """

    def __init__(self) -> None:
        self.loss: Deferred | None = None
        self.has_arrived = False
        self._doubtful: tuple[Parcel, Deferred] | None = None

    def take(self, parcel: Parcel, outcome: Outcome) -> Iterator[tuple[Parcel, Outcome]]:
        """Take an outcome; give those that are final."""
        doubtful, self._doubtful = self._doubtful, None
        if isinstance(outcome, Deferred) and outcome.failing is Failing.UNTRIED:
            self.loss = self.loss or (doubtful[1] if doubtful else outcome)
            return
        if doubtful is not None:
            yield doubtful
        if not isinstance(outcome, Deferred):
            self.has_arrived = True
            yield parcel, outcome
        elif outcome.failing is Failing.BUSY:
            self._doubtful = parcel, outcome
        else:
            self.loss = outcome

    def end(self) -> Iterator[tuple[Parcel, Outcome]]:
        """Give what nothing followed that would have made it a loss."""
        if self._doubtful is not None:
            yield self._doubtful
            self._doubtful = None
