"""The instances of one request on their way to intake: one is arriving, others wait for receipts.

Nothing here knows how they are separated in the body.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from hilum.dicom.metas import Metas
from hilum.dicom.opening import FileOpener, Opened
from hilum.dicom.tags import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID
from hilum.dicomweb import reasons
from hilum.dicomweb.resource import Place
from hilum.kernel.errors import CorruptPayload
from hilum.ledger.entry import Origin
from hilum.pipeline.answers import Answer, TooLong
from hilum.pipeline.buffers import Uncounted
from hilum.pipeline.doors import WEB
from hilum.pipeline.reception import Announcement, Reception
from hilum.pipeline.taking import Taker
from hilum.sources.web.storing_outcome import (
    Failed,
    Outcome,
    failed_ending,
    failure_reason,
    stored,
)

# So many may wait for their receipts; each holds less than a run of bytes in memory until then.
IN_FLIGHT_MAX: Final = 16
# A commit costs as much as an instance: those of one request share it, as far as they come at once.
TOGETHER_MAX: Final = 8
# None waits longer for the others: a slow client must not find all of its instances lost with it.
TOGETHER_SECONDS_MAX: Final = 0.005

_UNCOUNTED: Final = Uncounted()  # has no state


class Parts:
    """What a request brings. `outcomes` are in the order in which the parts ended.

    Begin, take and end a part at a time; in between, catch up when told to. Closed by `settle`,
    or by `abandon` when the body will not come to its end.
    """

    def __init__(
        self, taker: Taker, *, origin: Origin, study: str, metas: Metas | None = None
    ) -> None:
        """Begin. `metas` remembers the file before, also that of another request."""
        self.outcomes: list[Outcome] = []
        self.count = 0
        self._taker = taker
        self._origin = origin
        self._study = study
        self._metas = metas or Metas()
        self._opener: FileOpener | None = None
        self._reception: Reception | None = None
        self._complete: list[Reception] = []  # nobody was told yet
        self._linger: asyncio.TimerHandle | None = None
        self._unanswered: set[Reception] = set()
        self._progress = asyncio.Event()
        self._carriers = 0
        self._carry()

    @property
    def must_wait(self) -> bool:
        """Tell whether the disk, or commits, should catch up before more is read."""
        reception = self._reception
        return len(self._unanswered) >= IN_FLIGHT_MAX or (
            reception is not None and reception.is_behind
        )

    @property
    def is_too_long(self) -> bool:
        """Tell whether what is arriving is longer than anything we take."""
        return self._reception is not None and isinstance(self._reception.failure, TooLong)

    def begin(self, transfer_syntax_uid: str = "") -> None:
        """A file begins."""
        self.count += 1
        if self.count == 2:
            # Waiting for company in a commit is worth it: more of this request may come.
            self._carry()
        self._opener = FileOpener(transfer_syntax_uid, self._metas)

    def begin_data_set(self, opened: Opened) -> None:
        """A data set of which all is known begins."""
        self.count += 1
        self._announce(opened)

    def take(self, piece: memoryview) -> None:
        """Take the next bytes; they stay as they are for as long as anybody holds them."""
        if self._reception is not None:
            self._reception.take(piece, _UNCOUNTED)
        elif self._opener is not None:
            try:
                opened = self._opener.feed(piece)
            except CorruptPayload:
                self._give_up_opening()
            else:
                if opened is not None:
                    self._announce(opened)

    def end(self) -> None:
        """The part is complete."""
        if self._opener is not None:
            try:
                self._announce(self._opener.finish())
            except CorruptPayload:
                self._give_up_opening()
        if self._reception is not None:
            reception, self._reception = self._reception, None
            self._unanswered.add(reception)
            self._complete.append(reception)
            if len(self._complete) >= TOGETHER_MAX:
                self._finish()
            elif self._linger is None:
                loop = asyncio.get_running_loop()
                self._linger = loop.call_later(TOGETHER_SECONDS_MAX, self._finish)

    def fail(self, outcome: Failed) -> None:
        """Note what will not become an instance."""
        self.outcomes.append(outcome)

    def abandon(self) -> None:
        """What is arriving will never be complete; what was ended before goes on to its commit."""
        self._finish()
        self._opener = None
        if self._reception is not None:
            reception, self._reception = self._reception, None
            reception.abandon()
        self._put_down()

    def withdraw(self) -> None:
        """Nobody waits for the answers to what was ended."""
        while self._unanswered:
            self._taker.withdraw(self._unanswered.pop())

    async def catch_up(self) -> None:
        """Wait until more can be taken."""
        if self.must_wait:
            self._finish()  # which may answer all of them at once
        while self.must_wait:
            self._progress.clear()
            await self._progress.wait()

    async def settle(self) -> None:
        """Wait until every part that was ended has its answer."""
        self._finish()
        # Nobody else comes with this request: its last commit needs no company.
        self._put_down()
        while self._unanswered:
            self._progress.clear()
            await self._progress.wait()

    def _finish(self) -> None:
        """Have what is complete committed, together."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        complete, self._complete = self._complete, []
        for reception in complete:
            reception.finish()

    def _announce(self, opened: Opened) -> None:
        self._opener = None
        announcement = Announcement(
            source=WEB,
            sop_class_uid=opened.sop_class_uid,
            sop_instance_uid=opened.sop_instance_uid,
            transfer_syntax_uid=opened.transfer_syntax_uid,
            origin=self._origin,
            study_instance_uid=self._study,
        )
        reception = self._reception = self._taker.receive(
            announcement,
            answered=lambda answer: self._answered(reception, answer),
            resumed=self._progress.set,
        )
        self._take_all(reception, opened.pieces)

    @staticmethod
    def _take_all(reception: Reception, pieces: Iterable[memoryview]) -> None:
        for piece in pieces:
            reception.take(piece, _UNCOUNTED)

    def _answered(self, reception: Reception, answer: Answer) -> None:
        self._unanswered.discard(reception)
        self._progress.set()
        announced = reception.announcement
        reason = failure_reason(answer)
        if reason is not None:
            self.outcomes.append(
                Failed(
                    reason,
                    announced.sop_class_uid,
                    announced.sop_instance_uid,
                    failed_ending(answer),
                )
            )
            return
        header = reception.reader.header
        assert header is not None  # noqa: S101 - what is kept was read to its end
        place = Place(
            header.uid(STUDY_INSTANCE_UID),
            header.uid(SERIES_INSTANCE_UID),
            announced.sop_instance_uid,
        )
        self.outcomes.append(stored(answer, announced.sop_class_uid, place))

    def _give_up_opening(self) -> None:
        self._opener = None
        self.outcomes.append(Failed(reasons.CANNOT_UNDERSTAND))

    def _carry(self) -> None:
        self._carriers += 1
        self._taker.carriers += 1

    def _put_down(self) -> None:
        self._taker.carriers -= self._carriers
        self._carriers = 0
