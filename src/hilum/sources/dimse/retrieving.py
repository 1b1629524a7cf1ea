"""What C-MOVE and C-GET have in common: what is wanted, how far they are, how they end."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hilum.dicom.dataset import DataSet
from hilum.dimse.service.ending import CANNOT_PERFORM, Ending, cannot_count
from hilum.dimse.service.query_negotiation import retrieve_options
from hilum.dimse.service.retrieve import failed_list, retrieve_ended, retrieve_pending
from hilum.dimse.service.suboperations import SubOperations
from hilum.dimse.status import Service, category
from hilum.kernel.names import UID
from hilum.pipeline.archive.ports import Holding, Purpose
from hilum.pipeline.ports import Parcel
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval, retrieval_of_identifier
from hilum.sources.dimse.events import RetrieveEnded
from hilum.sources.dimse.operation import Operation

# Peers show progress to people: twice a second is often enough, and costs nothing.
PROGRESS_SECONDS = 0.5


@dataclass(slots=True)
class Work:
    """What is to be sent, counted as it is sent. `reason`: why something of it could not be."""

    parcels: Sequence[Parcel]
    counted: SubOperations
    size: int = 0
    reason: str = ""

    def not_stored(self, parcel: Parcel, reason: str) -> None:
        """Count an instance that did not arrive; `reason` is for the log and the peer."""
        self.counted.not_stored(parcel.sop_instance_uid)
        self.reason = reason

    def ending(self) -> Ending:
        """Say how the whole ends; if nothing arrived, with why."""
        ending = self.counted.ending()
        if ending.status == CANNOT_PERFORM and self.reason:
            return replace(ending, comment=self.reason)
        return ending


class Retrieving(Operation):
    """A C-MOVE or C-GET."""

    purpose: Purpose
    service: Service

    async def _retrieve(self, identifier: DataSet, destination: str) -> None:
        """Find what is wanted, send it, and say how that ended. Raises as `_act`."""
        began = self._desk.clock.monotonic()
        retrieval = self._retrieval(identifier)
        async with self._library.turn:
            held = await self._library.archive.holdings(retrieval, self._asker.origin, self.purpose)
            parcels = [parcel_of(holding) for holding in held]
            work = Work(parcels, SubOperations(len(parcels)))
            if parcels and not self.is_canceled:
                await self._tell_progress(work)
            try:
                if parcels and not self.is_canceled:
                    await self._send(work)
                    await self._tell_progress(work)
                ending = work.counted.canceled() if self.is_canceled else work.ending()
                await self._end(work, ending)
            finally:
                self._report(work, retrieval.level, destination, self._seconds_since(began))

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

    _ending: Ending | None = None  # None: the peer was not told of any

    def _report(self, work: Work, level: Level, destination: str, seconds: float) -> None:
        origin, counts, ending = self._asker.origin, work.counted.counts, self._ending
        self._desk.telemetry.emit(
            RetrieveEnded(
                association_id=origin.association_id,
                operation=self.name,
                calling_ae_title=origin.calling_ae_title,
                peer=origin.peer,
                host=origin.host,
                destination=destination,
                query_level=level.name.lower(),
                completed=counts.completed,
                warned=counts.warned,
                failed=counts.failed,
                remaining=counts.remaining,
                size=work.size,
                ending="abandoned" if ending is None else self._ending_word(ending),
                status="the peer went away" if ending is None else f"0x{ending.status:04X}",
                seconds=seconds,
                remark=work.reason,
            )
        )

    def _ending_word(self, ending: Ending) -> str:
        return category(ending.status, self.service).value.lower()


def parcel_of(holding: Holding) -> Parcel:
    """Give what is held as something to be sent; nobody keeps an account of it as of a delivery."""
    return Parcel(
        delivery_id=0,
        sop_class_uid=UID(holding.sop_class_uid),
        sop_instance_uid=UID(holding.sop_instance_uid),
        series_instance_uid=UID(holding.series_instance_uid),
        study_instance_uid=UID(holding.study_instance_uid),
        transfer_syntax_uid=UID(holding.transfer_syntax_uid),
        size=holding.size,
        path=holding.path,
    )
