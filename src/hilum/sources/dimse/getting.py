"""C-GET: what is wanted comes back on the association it was asked for on (PS3.4 §C.4.3).

An instance travels as it is stored if the peer takes that, else in the nearest uncompressed syntax.
"""

import asyncio
from typing import ClassVar

from hilum.dicom.dataset import DataSet
from hilum.dimse.command import Command, Priority
from hilum.dimse.status import Category, Service, category, describe
from hilum.pipeline.archive.ports import Purpose
from hilum.pipeline.ports import Parcel
from hilum.sources.dimse.retrieving import PROGRESS_SECONDS, Retrieving, Work
from hilum.sources.dimse.returning import CannotSend, Returning


class Getting(Retrieving):
    """A C-GET."""

    name: ClassVar[str] = "C-GET"
    purpose = Purpose.GET
    service = Service.GET

    _returning: Returning | None = None  # None: it has not come so far

    @property
    def survives_release(self) -> bool:
        """A peer that has asked for release may not answer our stores any more."""
        return False

    @property
    def awaits_answer(self) -> bool:
        """Tell whether the peer has an instance and has not answered yet."""
        return self._returning is not None and self._returning.awaits_answer

    def take_response(self, command: Command) -> bool:
        """Take the answer to the store that is going on."""
        return self._returning is not None and self._returning.take_response(command)

    async def _act(self, identifier: DataSet) -> None:
        await self._retrieve(identifier, destination="")

    async def _send(self, work: Work) -> None:
        priority = Priority.MEDIUM if self._command.priority is None else self._command.priority
        returning = self._returning = Returning(self._asker, self._library, priority)
        try:
            await self._send_over(returning, work)
        finally:
            returning.close()

    async def _send_over(self, returning: Returning, work: Work) -> None:
        loop = asyncio.get_running_loop()
        told = loop.time()
        parcels = work.parcels
        for number, parcel in enumerate(parcels, start=1):
            if self.is_canceled:
                return
            following = parcels[number] if number < len(parcels) else None
            try:
                status = await returning.store(parcel, following)
            except CannotSend as error:
                work.not_stored(parcel, str(error))
                await asyncio.sleep(0)  # a long list of them must not keep the loop
            else:
                self._count(work, parcel, status)
            if loop.time() - told >= PROGRESS_SECONDS:
                await self._tell_progress(work)
                told = loop.time()

    @staticmethod
    def _count(work: Work, parcel: Parcel, status: int) -> None:
        work.counted.stored(parcel.sop_instance_uid, status)
        if category(status, Service.STORE) in (Category.SUCCESS, Category.WARNING):
            work.size += parcel.size
        else:
            work.reason = f"the peer answered: {describe(status, Service.STORE)}"
