"""C-MOVE: what is wanted goes to somebody else, over associations of our own (PS3.4 §C.4.2)."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import ClassVar

from hilum.dicom.dataset import DataSet
from hilum.dimse.command import Priority
from hilum.dimse.service.ending import unknown_destination
from hilum.dimse.service.retrieve import originator_of
from hilum.dimse.status import Service
from hilum.kernel.errors import Unreachable
from hilum.kernel.names import UID
from hilum.pipeline.archive.movers import Errand, MoveTarget
from hilum.pipeline.archive.ports import Purpose
from hilum.sources.dimse.carrying import Carrier
from hilum.sources.dimse.retrieving import PROGRESS_SECONDS, Retrieving
from hilum.sources.dimse.work import Work


class Moving(Retrieving):
    """A C-MOVE."""

    name: ClassVar[str] = "C-MOVE"
    purpose = Purpose.MOVE
    service = Service.MOVE

    _target: MoveTarget | None = None  # None: it has not come so far

    async def _act(self, identifier: DataSet) -> None:
        title = self._command.move_destination
        self._target = self._library.movers.find(title)
        if self._target is None:
            reason = (
                f"no destination has the AE title {title!r}, and no peer that says host and port"
            )
            await self._refuse(unknown_destination(), reason)
            return
        await self._retrieve(identifier, destination=title)

    def _taken(self) -> Iterable[UID]:
        return () if self._target is None else self._target.syntaxes

    async def _send(self, work: Work) -> None:
        assert self._target is not None  # noqa: S101 - `_act` has found it
        carrier = Carrier(
            self._target,
            self._errand(),
            work,
            associations_max=self._desk.limits.move_associations_max,
        )
        async with asyncio.TaskGroup() as group:
            teller = group.create_task(self._keep_telling(work))
            await carrier.run()
            teller.cancel()

    def _errand(self) -> Errand:
        calling = self._asker.origin.calling_ae_title
        priority = Priority.MEDIUM if self._command.priority is None else self._command.priority
        return Errand(originator_of(self._command, calling), priority)

    async def _keep_telling(self, work: Work) -> None:
        """Tell how far it is, also when that is as far as before: the peer sees that we are on.

        When the peer has gone, the end of its association ends the whole.
        """
        with contextlib.suppress(Unreachable):
            while True:
                await asyncio.sleep(PROGRESS_SECONDS)
                await self._tell_progress(work)
