"""What C-MOVE and C-GET have in common: what is wanted, how far they are, how they end."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.syntaxes import UNCOMPRESSED
from hilum.dimse.service.ending import CANCELED, Ending, cannot_count
from hilum.dimse.service.query_negotiation import retrieve_options
from hilum.dimse.service.retrieve import failed_list, retrieve_ended, retrieve_pending
from hilum.dimse.service.suboperations import Counts
from hilum.dimse.status import Service, category
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.statuses import retrieve_ending
from hilum.pipeline.archive.at_hand import AtHand
from hilum.pipeline.archive.ports import Purpose, Supply
from hilum.query.retrieval import Retrieval, retrieval_of_identifier
from hilum.sources.dimse.events import RetrieveEnded
from hilum.sources.dimse.operation import Operation, Progress
from hilum.sources.dimse.patience import OutOfPatienceError
from hilum.sources.dimse.work import READY_BYTES_MAX, Work

# Peers show progress to people: twice a second is often enough, and costs nothing.
PROGRESS_SECONDS = 0.5
# So long a peer hears nothing while an archive still counts what it has.
COUNTING_SECONDS = 5.0
# How many will come is not known then. Peers divide by what remains, so it is not zero.
_UNCOUNTED: Final = Counts(remaining=1)


class Retrieving(Operation):
    """A C-MOVE or C-GET."""

    purpose: Purpose
    service: Service
    ready_bytes_max: ClassVar[int] = READY_BYTES_MAX

    _work: Work | None = None  # None: it is not known yet what there is
    _sign: asyncio.TimerHandle
    _ending: Ending | None = None  # None: the peer was not told of any

    @property
    def awaits_archive(self) -> bool:
        """Tell whether an archive elsewhere still has to bring something."""
        return super().awaits_archive or (self._work is not None and self._work.is_coming)

    @property
    def progress(self) -> Progress:
        """Tell how many instances were sent, with or without success, and of how many."""
        if self._work is None:
            return Progress()
        expected = self._work.count
        return Progress(expected - self._work.counted.remaining, expected, self._work.size)

    def cancel(self) -> None:
        """Begin with no more instances; those that are under way arrive."""
        super().cancel()
        if self._work is not None:
            self._work.stop()

    async def _retrieve(self, identifier: DataSet, destination: str) -> None:
        """Find what is wanted, send it, and say how that ended. Raises as `_act`."""
        began = self._desk.clock.monotonic()
        retrieval = self._retrieval(identifier)
        self.level = retrieval.level
        turn = self._library.turn
        try:
            await self._patience.wait(turn.acquire)
        except OutOfPatienceError:
            await self._serve(Work(AtHand(())), destination, began)
            return
        try:
            work = Work(await self._supply(retrieval), ready_bytes_max=self.ready_bytes_max)
            await self._serve(work, destination, began)
        finally:
            turn.release()

    async def _serve(self, work: Work, destination: str, began: float) -> None:
        self._work = work
        try:
            await self._give(work)
        finally:
            self._report(work, destination, self._seconds_since(began))
            await work.close()

    async def _give(self, work: Work) -> None:
        if work.count and not self.is_canceled:
            await self._tell_progress(work)
            async with work.coming():
                await self._send(work)
            await self._tell_progress(work)
        await self._end(work, self._ending_of(work))

    def _ending_of(self, work: Work) -> Ending:
        if self.is_canceled:
            return work.counted.canceled() if work.count else CANCELED
        has_arrived = work.counted.counts.completed or work.counted.counts.warned
        if isinstance(work.failure, AnswererFailed) and not has_arrived:
            return self._ailing(work.failure)
        return work.ending()

    def _ailing(self, error: AnswererFailed) -> Ending:
        return retrieve_ending(error, self._entity.status_profile)

    async def _supply(self, retrieval: Retrieval) -> Supply:
        """Have the archive look for what it has; nothing, if that is not wanted any more."""
        archive, origin = self._entity.archive, self._origin
        loop = asyncio.get_running_loop()
        self._sign = loop.call_later(COUNTING_SECONDS, self._tell_that_it_counts)
        try:
            return await self._patience.wait(
                partial(archive.supply, retrieval, origin, self.purpose, syntaxes=self._syntaxes())
            )
        except OutOfPatienceError:
            return AtHand(())
        finally:
            self._sign.cancel()

    def _tell_that_it_counts(self) -> None:
        """Let the peer see that we are on while an archive looks for what it has."""
        response = retrieve_pending(self._command, _UNCOUNTED)
        self._asker.outbox.send_command(self._context.id, response)
        loop = asyncio.get_running_loop()
        self._sign = loop.call_later(PROGRESS_SECONDS, self._tell_that_it_counts)

    def _syntaxes(self) -> tuple[UID, ...]:
        """Give what the receiver takes, and what we can put into that on the way."""
        taken = self._taken()
        converted = () if set(UNCOMPRESSED).isdisjoint(taken) else UNCOMPRESSED
        return tuple(dict.fromkeys([*taken, *converted]))

    @abstractmethod
    def _taken(self) -> Iterable[UID]:
        """Give the transfer syntaxes that the receiver takes; none: that is not known."""

    def _retrieval(self, identifier: DataSet) -> Retrieval:
        agreed = self._asker.extended.agreed(self._context.abstract_syntax)
        relational = retrieve_options(agreed).relational
        return retrieval_of_identifier(identifier, self._model, relational=relational)

    @abstractmethod
    async def _send(self, work: Work) -> None:
        """Send all of it, or stop soon when it is canceled. Raises Unreachable: the peer went."""

    def _without_resources(self, comment: str) -> Ending:
        return cannot_count(comment)

    async def _tell_progress(self, work: Work) -> None:
        await self._respond(retrieve_pending(self._command, work.counted.counts))

    async def _end(self, work: Work, ending: Ending) -> None:
        counted, identifier = work.counted, None
        if counted.has_failed:
            identifier = failed_list(counted.failed, self._context.transfer_syntax)
        self._ending = ending
        await self._respond(retrieve_ended(self._command, ending, counted), identifier)

    def _report(self, work: Work, destination: str, seconds: float) -> None:
        origin, counts, ending = self._asker.origin, work.counted.counts, self._ending
        self._desk.telemetry.emit(
            RetrieveEnded(
                association_id=origin.association_id,
                operation=self.name,
                calling_ae_title=origin.calling_ae_title,
                peer=origin.peer,
                host=origin.host,
                destination=destination,
                query_level=self.level.name.lower() if self.level else "",
                completed=counts.completed,
                warned=counts.warned,
                failed=counts.failed,
                remaining=counts.remaining,
                size=work.size,
                ending="abandoned" if ending is None else self._ending_word(ending),
                status="its association was over before"
                if ending is None
                else f"0x{ending.status:04X}",
                seconds=seconds,
                remark=work.reason,
            )
        )

    def _ending_word(self, ending: Ending) -> str:
        return category(ending.status, self.service).value.lower()
