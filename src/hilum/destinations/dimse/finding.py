"""C-FIND as SCU (PS3.4 §C.4.1): a question, its matches as they come, and how it ended."""

import contextlib
from collections.abc import AsyncGenerator

from hilum.destinations.dimse.dialogue import Dialogue
from hilum.destinations.dimse.refusals import failure_of
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.dimse.service.identifier import encode_identifier
from hilum.dimse.service.query import FindEnded, MatchFollows, find_request, read_find_response
from hilum.dimse.service.query_negotiation import FindOptions, agreed_bytes, find_options
from hilum.dimse.status import Category, Service
from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID


def agreed_find_options(requestor: Requestor, sop_class: UID) -> FindOptions:
    """Give what holds for C-FIND on an association: what both sides want."""
    return find_options(
        agreed_bytes(
            requestor.request.user_information.extended,
            requestor.accept.user_information.extended,
            sop_class,
        )
    )


class Find:
    """One C-FIND on an open association, of any SOP class that has one.

    async with contextlib.aclosing(find.matches()) as matches:
        async for match in matches: ...
    """

    def __init__(self, requestor: Requestor, sop_class: UID, identifier: DataSet) -> None:
        self.ending: FindEnded | None = None  # there is none before the last response
        self.all_keys_supported = True
        self._requestor = requestor
        self._sop_class = sop_class
        self._identifier = identifier
        self._dialogue: Dialogue | None = None
        self._is_cancelled = False

    async def matches(self) -> AsyncGenerator[DataSet, None]:
        """Ask, and give one match after another. To be called once.

        A reader that closes this before its end cancels the query, and the association can be used
        again. One that is cancelled as a task ends the association.

        Raises:
            Rejected: the peer does not offer this service to us.
            OperationFailed: it answered with a failure.
            Unreachable, RemoteProtocolError: the association is over.
        """
        context = self._requestor.context_for(self._sop_class)
        identifier = encode_identifier(self._identifier, context.transfer_syntax)
        message_id = self._requestor.next_message_id()
        request = find_request(message_id, self._sop_class)
        async with self._requestor.converse(
            context.id, message_id, request, identifier
        ) as self._dialogue:
            if self._is_cancelled:
                self._dialogue.cancel()
            try:
                while (match := await self._next(self._dialogue)) is not None:
                    yield match
            except GeneratorExit:
                await self._wind_up(self._dialogue)
        self._raise_failure()

    def cancel(self) -> None:
        """Ask the peer to stop; matches that are on their way still come, then the end."""
        self._is_cancelled = True
        if self._dialogue is not None and self.ending is None:
            with contextlib.suppress(HilumError):  # it is over; whoever reads is told why
                self._dialogue.cancel()

    async def _next(self, dialogue: Dialogue) -> DataSet | None:
        """Give the next match, or take the last response."""
        heard = await dialogue.command()
        answer = read_find_response(heard.command, dialogue.message_id)
        if isinstance(answer, MatchFollows):
            self.all_keys_supported &= answer.all_keys_supported
            return await dialogue.identifier(heard.context.transfer_syntax)
        if heard.command.has_data_set:  # against PS3.7 §9.1.2.1, and to be read past
            await dialogue.skip()
        self.ending = answer
        return None

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
                Service.FIND,
                ending.status,
                words=ending.words,
                offending_elements=ending.offending_elements,
            )
