"""Brings what a C-MOVE wants to its destination, over one association or several.

An association that is lost is opened again as long as something arrives; when none can be opened,
everything that is left has failed.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final, assert_never

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.status import SUCCESS
from hilum.kernel.names import UID
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.archive.movers import Errand, Kind, MoveTarget
from hilum.pipeline.closing import closing
from hilum.pipeline.ports import Parcel, Session

if TYPE_CHECKING:
    from hilum.sources.dimse.work import Work

# Handed to a session at one time: enough to look ahead, few enough to be shared fairly.
_BATCH: Final = 32
# An instance whose association was lost gets so many tries: it may be why it was lost.
_ATTEMPTS_MAX: Final = 2
# So often in a row an association may be lost before anything has arrived.
_LOSSES_MAX: Final = 2
# What archives keep images in, the most usual first: proposed for what is expected and not here
# yet, so that an association serves that, too.
_LIKELY: Final = (
    EXPLICIT_VR_LITTLE_ENDIAN.uid,
    UID("1.2.840.10008.1.2.4.70"),  # JPEG Lossless, first-order prediction
    UID("1.2.840.10008.1.2.4.90"),  # JPEG 2000 Lossless
    UID("1.2.840.10008.1.2.4.80"),  # JPEG-LS Lossless
    UID("1.2.840.10008.1.2.4.50"),  # JPEG Baseline
    UID("1.2.840.10008.1.2.5"),  # RLE Lossless
)


class Carrier:
    """The stores of one C-MOVE."""

    def __init__(
        self, target: MoveTarget, errand: Errand, work: "Work", *, associations_max: int
    ) -> None:
        self._target = target
        self._errand = errand
        self._work = work
        self._kinds: Collection[Kind] = ()
        self._allowed = min(associations_max, -(-work.count // _BATCH) or 1)
        self._active = 0
        self._losses = 0  # since something arrived

    async def run(self) -> None:
        """Bring everything there, or count it as failed. Nothing the destination does raises."""
        async with asyncio.TaskGroup() as group:
            if await self._work.has_more():
                self._kinds = _kinds_of(self._work)
                self._start(group)

    def _start(self, group: asyncio.TaskGroup) -> None:
        """Open one more association, if there may be more."""
        if self._allowed:
            self._allowed -= 1
            group.create_task(self._carry(group))

    async def _carry(self, group: asyncio.TaskGroup) -> None:
        session = self._target.session(self._errand, self._kinds)
        self._active += 1
        is_useful = True
        try:
            while is_useful and await self._work.has_more():
                batch = self._work.take(_BATCH)
                if self._work.following is not None:
                    self._start(group)
                is_useful = await self._deliver(session, batch)
        finally:
            self._active -= 1
            await session.aclose()

    async def _deliver(self, session: Session, batch: Sequence[Parcel]) -> bool:
        """Deliver what was taken; tell whether the session may go on."""
        left = {id(parcel): parcel for parcel in batch}
        course = _Course()
        async with closing(session.deliver(batch)) as given:
            async for parcel, outcome in given:
                for known, final in course.take(parcel, outcome):
                    del left[id(known)]
                    self._count(known, final)
                if self._work.is_stopped:
                    break
        for known, final in course.end():
            del left[id(known)]
            self._count(known, final)
        if self._work.is_stopped:
            return False
        return self._go_on(list(left.values()), course)

    def _count(self, parcel: Parcel, outcome: Outcome) -> None:
        match outcome:
            case Delivered(warning=warning):
                self._losses = 0
                self._work.stored(parcel, SUCCESS if warning is None else warning)
            case Deferred(reason=reason) | Refused(reason=reason):
                self._work.not_stored(parcel, reason)
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
            self._work.give_back(left)
            return False
        self._losses += 1
        if self._losses > _LOSSES_MAX or loss.failing is Failing.UNWELCOME:
            self._work.give_back(left)
            self._work.fail_rest(loss.reason)
            return False
        head = left[0]
        head.attempts += 1
        if head.attempts >= _ATTEMPTS_MAX:
            self._work.not_stored(left.pop(0), loss.reason)
        self._work.give_back(left)
        return True


def _kinds_of(work: "Work") -> Collection[Kind]:
    """Give the kinds that are here and, of what is to come, those that are likely."""
    sure = [(one.sop_class_uid, one.transfer_syntax_uid) for one in work.ready]
    if not work.is_coming:
        return tuple(dict.fromkeys(sure))
    # Where nothing is listed, what is here says most: studies seldom mix classes.
    named = [UID(one.sop_class_uid) for one in work.expected] or [kind[0] for kind in sure]
    classes = dict.fromkeys([one for one in named if one])
    likely = [(sop_class, syntax) for syntax in _LIKELY for sop_class in classes]
    return tuple(dict.fromkeys([*sure, *likely]))


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
