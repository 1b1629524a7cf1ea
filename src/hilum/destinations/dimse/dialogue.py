"""One request of ours and everything that is said until its last response (C-FIND, C-GET, C-MOVE).

Nothing is gathered: data sets come in pieces, and the peer is not read faster than it is heard.
"""

from typing import Final

from hilum.destinations.dimse.inbox import Piece
from hilum.destinations.dimse.wire import Wire
from hilum.dicom.dataset import DataSet
from hilum.dimse.message import CommandReceived
from hilum.dimse.service.identifier import IdentifierPieces
from hilum.dimse.service.query import cancel_request
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import UID

# What a peer may take to stop once it was asked to; it may have to finish the instance it sends.
CANCEL_SECONDS_MAX: Final = 10.0


class Dialogue:
    """The conversation about one request; made by `Requestor.converse`."""

    def __init__(self, wire: Wire, context_id: int, message_id: int, *, seconds: float) -> None:
        self.context_id = context_id
        self.message_id = message_id
        self._wire = wire
        self._seconds = seconds
        self._is_cancelled = False

    async def command(self) -> CommandReceived:
        """Give the peer's next command; its data set, if it has one, must have been read before.

        Raises:
            Unreachable, RemoteProtocolError: the association is over.
        """
        heard = await self._wire.hear(to="our request", seconds=self._seconds)
        if isinstance(heard, Piece):
            raise RemoteProtocolError("a piece of a data set that was not read")
        return heard

    async def piece(self) -> Piece:
        """Give the next piece of the data set that the last command announced. Raises as above."""
        heard = await self._wire.hear(to="our request", seconds=self._seconds)
        if not isinstance(heard, Piece):
            raise RemoteProtocolError("a command before the data set was complete (PS3.8 §E.1)")
        return heard

    async def identifier(self, syntax: UID) -> DataSet:
        """Read the data set that the last command announced, which is bounded.

        Raises:
            RemoteProtocolError: it is too long or no data set, or as above.
            Unreachable: the association is over.
        """
        pieces = IdentifierPieces()
        is_last = False
        while not is_last:
            piece = await self.piece()
            pieces.take(piece.data)
            is_last = piece.is_last
        return pieces.read(syntax)

    async def skip(self) -> None:
        """Read past a data set that nobody wants. Raises as above."""
        while not (await self.piece()).is_last:
            pass

    def answer(self, context_id: int, response: bytes) -> None:
        """Answer what the peer asks us meanwhile. Raises Unreachable: the association is over."""
        self._wire.say(context_id, response)

    def cancel(self) -> None:
        """Ask the peer to stop (C-CANCEL); the last response still comes. Later calls do nothing.

        Raises:
            Unreachable: the association is over.
        """
        if not self._is_cancelled:
            self._is_cancelled = True
            self._seconds = min(self._seconds, CANCEL_SECONDS_MAX)
            self._wire.say(self.context_id, cancel_request(self.message_id))
