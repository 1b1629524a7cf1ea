"""C-FIND as SCU (PS3.4 §C.4.1): a question, its matches as they come, and how it ended."""

from collections.abc import AsyncGenerator

from hilum.destinations.dimse.dialogue import Dialogue
from hilum.destinations.dimse.operation import Operation
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.dimse.service.query import FindEnded, MatchFollows, find_request, read_find_response
from hilum.dimse.service.query_negotiation import FindOptions, agreed_bytes, find_options
from hilum.dimse.status import Service
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


class Find(Operation[DataSet, FindEnded]):
    """One C-FIND on an open association, of any SOP class that has one.

    async with contextlib.aclosing(find.matches()) as matches:
        async for match in matches: ...
    """

    def __init__(self, requestor: Requestor, sop_class: UID, identifier: DataSet) -> None:
        super().__init__(requestor, sop_class, identifier, Service.FIND)
        self.all_keys_supported = True

    def matches(self) -> AsyncGenerator[DataSet, None]:
        """Ask, and give one match after another. To be called once.

        A reader that closes this before its end cancels the query, and the association can be used
        again. One that is cancelled as a task ends the association.

        Raises:
            Rejected: the peer does not offer this service to us.
            OperationFailed: it answered with a failure.
            Unreachable, RemoteProtocolError: the association is over.
        """
        return self._answers()

    def _request(self, message_id: int) -> bytes:
        return find_request(message_id, self._sop_class)

    async def _next(self, dialogue: Dialogue) -> DataSet | None:
        heard = await dialogue.command()
        answer = read_find_response(heard.command, dialogue.message_id)
        if isinstance(answer, MatchFollows):
            self.all_keys_supported &= answer.all_keys_supported
            return await dialogue.identifier(heard.context.transfer_syntax)
        if heard.command.has_data_set:  # against PS3.7 §9.1.2.1, and to be read past
            await dialogue.skip()
        self.ending = answer
        return None
