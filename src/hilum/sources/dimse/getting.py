"""C-GET: what is wanted comes back on the association it was asked for on (PS3.4 §C.4.3).

An instance travels as it is stored if the peer takes that, else in the nearest uncompressed syntax.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import ClassVar, Final

from hilum.dicom.dataset import DataSet
from hilum.dimse.command import Command, Priority
from hilum.dimse.service.retrieve import store_contexts
from hilum.dimse.status import Service
from hilum.kernel.names import UID
from hilum.pipeline.archive.ports import Purpose
from hilum.pipeline.ports import Parcel
from hilum.sources.dimse.retrieving import PROGRESS_SECONDS, Retrieving
from hilum.sources.dimse.returning import CannotSend, Returning
from hilum.sources.dimse.work import Work

# It sends one after another, and the archive is read ahead of it anyway. What lies longer is in no
# cache of the processor any more, and takes memory that nothing was in before.
_READY_BYTES_MAX: Final = 1 << 20


class Getting(Retrieving):
    """A C-GET."""

    name: ClassVar[str] = "C-GET"
    purpose = Purpose.GET
    service = Service.GET
    ready_bytes_max = _READY_BYTES_MAX

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

    def _taken(self) -> Iterable[UID]:
        by_class = store_contexts(self._asker.contexts).values()
        return [one.transfer_syntax for contexts in by_class for one in contexts]

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
        while not self.is_canceled and (work.following is not None or work.is_coming):
            parcel = work.take_next()
            if parcel is None:
                await _wait_for(work)
            else:
                await self._return(returning, parcel, work)
            if loop.time() - told >= PROGRESS_SECONDS:
                await self._tell_progress(work)
                told = loop.time()

    @staticmethod
    async def _return(returning: Returning, parcel: Parcel, work: Work) -> None:
        try:
            status = await returning.store(parcel, work.following)
        except CannotSend as error:
            work.not_stored(parcel, str(error))
            await asyncio.sleep(0)  # a long list of them must not keep the loop
        else:
            work.stored(parcel, status)


async def _wait_for(work: Work) -> None:
    """Wait until there is something to send, or something to tell."""
    with contextlib.suppress(TimeoutError):
        await work.has_more(seconds=PROGRESS_SECONDS)
