"""What C-FIND, C-MOVE and C-GET as SCU have in common: many answers, cancelling, and an end."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from hilum.destinations.dimse.dialogue import Dialogue
from hilum.destinations.dimse.refusals import failure_of
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.dimse.service.identifier import encode_identifier
from hilum.dimse.service.query import FindEnded
from hilum.dimse.service.retrieve import RetrieveEnded
from hilum.dimse.status import Category, Service
from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID

_Answer = TypeVar("_Answer")
_Ended = TypeVar("_Ended", FindEnded, RetrieveEnded)


class Operation(ABC, Generic[_Answer, _Ended]):
    """One operation on an open association. `ending`: there is none before the last response.

    `message_id`: the one to ask with; None: the association's next. `seconds`: how long the peer
    may be silent; None: as long as for everything.
    """

    def __init__(
        self, requestor: Requestor, sop_class: UID, identifier: DataSet, service: Service
    ) -> None:
        self.ending: _Ended | None = None
        self.message_id: int | None = None
        self.seconds: float | None = None
        self._requestor = requestor
        self._sop_class = sop_class
        self._identifier = identifier
        self._service = service
        self._dialogue: Dialogue | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """Ask the peer to stop; what is on its way still comes, then the end."""
        self._is_cancelled = True
        if self._dialogue is not None and self.ending is None:
            with contextlib.suppress(HilumError):  # it is over; whoever reads is told why
                self._dialogue.cancel()

    async def _answers(self) -> AsyncGenerator[_Answer, None]:
        """Ask, and give one answer after another.

        A reader that closes this before its end cancels the operation, and the association can be
        used again. One that is cancelled as a task ends the association.
        """
        context = self._requestor.context_for(self._sop_class)
        identifier = encode_identifier(self._identifier, context.transfer_syntax)
        message_id = self.message_id or self._requestor.next_message_id()
        request = self._request(message_id)
        async with self._requestor.converse(
            context.id, message_id, request, identifier, seconds=self.seconds
        ) as self._dialogue:
            if self._is_cancelled:
                self._dialogue.cancel()
            try:
                while (answer := await self._next(self._dialogue)) is not None:
                    yield answer
            except GeneratorExit:
                await self._wind_up(self._dialogue)
        self._raise_failure()

    @abstractmethod
    def _request(self, message_id: int) -> bytes:
        """Give the command that asks for it."""

    @abstractmethod
    async def _next(self, dialogue: Dialogue) -> _Answer | None:
        """Give the next answer, or take the last response and give None."""

    async def _wind_up(self, dialogue: Dialogue) -> None:
        """Nobody wants the rest: come to the last response, or end the association."""
        try:
            if self.ending is None:
                dialogue.cancel()
                while await self._next(dialogue) is not None:
                    pass
        except HilumError:
            self._requestor.abort()

    def _raise_failure(self) -> None:
        ending = self.ending
        if ending is not None and ending.category is Category.FAILURE:
            raise failure_of(
                self._requestor.address,
                self._service,
                ending.status,
                words=ending.words,
                offending_elements=ending.offending_elements,
            )
