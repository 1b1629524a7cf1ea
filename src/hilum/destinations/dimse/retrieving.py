"""C-MOVE and C-GET as SCU (PS3.4 §C.4.2, §C.4.3): counters as they come, and how it ended.

What a C-GET brings goes to a sink piece by piece; nothing is kept in memory.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

from hilum.destinations.dimse.dialogue import Dialogue
from hilum.destinations.dimse.operation import Operation
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.dimse.command import CommandField
from hilum.dimse.message import CommandReceived, encode_response
from hilum.dimse.service.retrieve import (
    Progress,
    RetrieveEnded,
    failed_of,
    get_request,
    move_request,
    read_get_response,
    read_move_response,
)
from hilum.dimse.service.storage import store_response
from hilum.dimse.service.suboperations import Counts
from hilum.dimse.status import UNRECOGNIZED_OPERATION, Service
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import UID, AETitle
from hilum.pipeline.landing import Sink, Touchdown

_READERS: Final = {Service.MOVE: read_move_response, Service.GET: read_get_response}


class Retrieve(Operation[Counts, RetrieveEnded]):
    """One C-MOVE or C-GET on an open association: see `move` and `get`.

    async with contextlib.aclosing(retrieve.progress()) as progress:
        async for counts in progress: ...
    """

    def __init__(
        self,
        requestor: Requestor,
        sop_class: UID,
        identifier: DataSet,
        *,
        destination: AETitle | None,
        sink: Sink | None,
    ) -> None:
        """Move to `destination`, or, where that is None, get into `sink`."""
        service = Service.GET if destination is None else Service.MOVE
        super().__init__(requestor, sop_class, identifier, service)
        self.failed: tuple[UID, ...] = ()  # as far as the peer names them
        self._destination = destination
        self._sink = sink

    def progress(self) -> AsyncGenerator[Counts, None]:
        """Ask, and give the counters whenever the peer tells them. To be called once.

        Peers tell them after each instance, now and then, or never. A reader that closes this
        before its end cancels the retrieval; one that is cancelled as a task ends the association.

        Raises:
            Rejected: the peer does not offer this service to us.
            OperationFailed: it answered with a failure; `ending` has its counters.
            Unreachable, RemoteProtocolError: the association is over.
        """
        return self._answers()

    def _request(self, message_id: int) -> bytes:
        if self._destination is None:
            return get_request(message_id, self._sop_class)
        return move_request(message_id, self._sop_class, destination=self._destination)

    async def _next(self, dialogue: Dialogue) -> Counts | None:
        """Give the next counters; instances in between are stored."""
        while True:
            heard = await dialogue.command()
            if not heard.command.is_response:
                await self._serve(dialogue, heard)
                continue
            answer = _READERS[self._service](heard.command, dialogue.message_id)
            if isinstance(answer, Progress):
                if heard.command.has_data_set:
                    await dialogue.skip()
                return answer.counts
            if answer.failed_list_follows:
                self.failed = failed_of(await dialogue.identifier(heard.context.transfer_syntax))
            self.ending = answer
            return None

    async def _serve(self, dialogue: Dialogue, heard: CommandReceived) -> None:
        """Do what the peer asks of us: store, and nothing else."""
        command = heard.command
        if command.command_field == CommandField.C_STORE_RQ and self._sink is not None:
            await self._store(dialogue, heard, self._sink)
            return
        if command.has_data_set:
            await dialogue.skip()
        if command.command_field == CommandField.C_CANCEL_RQ:
            raise RemoteProtocolError(f"{self._requestor.address} cancels what we asked it for")
        dialogue.answer(heard.context.id, encode_response(command, UNRECOGNIZED_OPERATION))

    async def _store(self, dialogue: Dialogue, heard: CommandReceived, sink: Sink) -> None:
        command = heard.command
        # We offered to be SCP; a peer that stores without having said so takes us at our word.
        context = replace(heard.context, we_are_scp=True)
        sender = self._requestor.address.called
        touchdown = await Touchdown.begin(sink, context, command, sender=sender)
        try:
            is_last = not command.has_data_set
            while not is_last:
                piece = await dialogue.piece()
                await touchdown.take(piece.data)
                is_last = piece.is_last
            answer = await touchdown.finish()
        finally:
            await touchdown.abandon()
        dialogue.answer(heard.context.id, store_response(command, answer.status, answer.comment))


def get(requestor: Requestor, sop_class: UID, identifier: DataSet, sink: Sink) -> Retrieve:
    """Prepare a C-GET: what comes goes to `sink`, and its answer is what the peer hears."""
    return Retrieve(requestor, sop_class, identifier, destination=None, sink=sink)


def move(
    requestor: Requestor, sop_class: UID, identifier: DataSet, destination: AETitle
) -> Retrieve:
    """Prepare a C-MOVE to an AE title that the peer must know."""
    return Retrieve(requestor, sop_class, identifier, destination=destination, sink=None)
