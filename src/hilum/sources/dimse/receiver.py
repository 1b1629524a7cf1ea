"""A plain receiver: answers C-ECHO and C-STORE of whoever calls, and gives what comes to a sink.

For the command line (`hilum recv`, `hilum move --to`). The gateway's own door is `door.py`: it
knows its callers, has limits for crowds, and keeps what it takes in the vault.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dimse.message import (
    CommandField,
    CommandReceived,
    DataReceived,
    Messages,
    encode_response,
)
from hilum.dimse.service.storage import store_response
from hilum.dimse.service.verification import echo_response
from hilum.dimse.status import SUCCESS, UNRECOGNIZED_OPERATION
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import (
    Aborted,
    AssociationRequested,
    Event,
    Fragment,
    ProtocolViolated,
    ReleaseRequested,
)
from hilum.dimse.upper.negotiation import Policy, negotiate
from hilum.dimse.upper.pdu import AssociateReject, AssociateRequest
from hilum.dimse.upper.reasons import PresentationReason, RejectResult, UserReason
from hilum.kernel.errors import Misconfigured, RemoteProtocolError
from hilum.kernel.names import AETitle
from hilum.pipeline.landing import Sink, Touchdown

_READ_BYTES: Final = 256 * 1024
# Archives send on a handful of associations; more at once are refused for now, not for ever.
ASSOCIATIONS_MAX: Final = 32
# Between two instances a peer may think; one that says nothing for so long has gone.
_IDLE_SECONDS: Final = 300.0
_POLICY: Final = Policy(
    abstract_syntaxes=frozenset({VERIFICATION, *STORAGE_SOP_CLASSES}), accept_unknown_storage=True
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to listen, and as whom.

    Attributes:
        called: the only AE title that is answered; None: any.
        told: is told in words what happens.
    """

    host: str | None
    port: int
    sink: Sink
    called: AETitle | None = None
    tls: ssl.SSLContext | None = None
    told: Callable[[str], None] = lambda _: None

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncGenerator[int, None]:
        """Listen while the block runs, and give the port; at its end open associations are over.

        Raises:
            Misconfigured: nobody can listen there.
        """
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            with contextlib.suppress(asyncio.CancelledError):  # the end of the block
                await _Visit(self, reader, writer, is_crowded=len(tasks) > ASSOCIATIONS_MAX).run()

        try:
            server = await asyncio.start_server(
                serve, self.host, self.port, ssl=self.tls, limit=_READ_BYTES
            )
        except OSError as error:
            raise Misconfigured(
                f"cannot listen on port {self.port}: {error.strerror}; is it taken, or below 1024?"
            ) from error
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()


class _Visit:
    """One association from its first byte to its last; nothing is read before it can be kept."""

    def __init__(
        self,
        receiver: Receiver,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_crowded: bool,
    ) -> None:
        self._receiver = receiver
        self._reader = reader
        self._writer = writer
        self._is_crowded = is_crowded
        self._association = Association.acceptor()
        self._messages = Messages({})
        self._caller = "somebody"
        self._store: CommandReceived | None = None
        self._touchdown: Touchdown | None = None

    async def run(self) -> None:
        """Converse until one side ends."""
        try:
            while not self._association.is_closed and (data := await self._read()):
                for event in self._association.receive(data):
                    await self._handle(event)
                self._writer.write(bytes(self._association.outgoing))
                self._association.outgoing.clear()
                await self._writer.drain()
        except TimeoutError:
            self._receiver.told(f"{self._caller} said nothing for {_IDLE_SECONDS:g} s")
        except OSError as error:
            self._receiver.told(f"{self._caller} went away: {error.strerror}")
        except RemoteProtocolError as error:
            self._receiver.told(f"{self._caller} broke the protocol: {error}")
            self._writer.write(self._association.abort())
        finally:
            if self._touchdown is not None:
                await self._touchdown.abandon()
            self._writer.close()

    async def _read(self) -> bytes:
        async with asyncio.timeout(_IDLE_SECONDS):
            data = await self._reader.read(_READ_BYTES)
        # A peer with Nagle's algorithm on waits for our acknowledgement, 40 ms without this.
        sock = self._writer.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    async def _handle(self, event: Event) -> None:
        match event:
            case AssociationRequested(request):
                self._answer(request)
            case Fragment():
                await self._receive(event)
            case ReleaseRequested():
                self._writer.write(self._association.answer_release())
            case Aborted(text=text) | ProtocolViolated(text=text):
                self._receiver.told(f"{self._caller}: {text}")
            case _:
                pass

    def _answer(self, request: AssociateRequest) -> None:
        self._caller = request.calling_ae_title
        called = self._receiver.called
        answer = negotiate(request, _POLICY)
        if called is not None and request.called_ae_title != called:
            self._receiver.told(f"{self._caller} calls us {request.called_ae_title!r}: rejected")
            reason = UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED
            answer = AssociateReject(RejectResult.PERMANENT, reason)
        elif self._is_crowded:
            reason_now = PresentationReason.LOCAL_LIMIT_EXCEEDED
            answer = AssociateReject(RejectResult.TRANSIENT, reason_now)
        if isinstance(answer, AssociateReject):
            self._writer.write(self._association.reject(answer))
            return
        self._receiver.told(f"{self._caller} opened an association")
        self._writer.write(self._association.accept(answer))
        self._messages = Messages(self._association.contexts)

    async def _receive(self, fragment: Fragment) -> None:
        match self._messages.receive(fragment):
            case CommandReceived() as received:
                await self._begin(received)
            case DataReceived(_, data, is_last) if self._touchdown is not None:
                await self._touchdown.take(bytes(data))
                if is_last:
                    await self._finish()
            case _:
                pass

    async def _begin(self, received: CommandReceived) -> None:
        context, command = received.context, received.command
        if command.command_field == CommandField.C_STORE_RQ:
            self._store = received
            self._touchdown = await Touchdown.begin(
                self._receiver.sink, context, command, sender=self._caller
            )
            if not command.has_data_set:
                await self._finish()
        elif command.command_field == CommandField.C_ECHO_RQ:
            self._say(context.id, echo_response(command, SUCCESS))
        elif not command.is_response and command.command_field != CommandField.C_CANCEL_RQ:
            self._say(context.id, encode_response(command, UNRECOGNIZED_OPERATION))

    async def _finish(self) -> None:
        store, touchdown = self._store, self._touchdown
        self._store = self._touchdown = None
        if store is not None and touchdown is not None:
            answer = await touchdown.finish()
            response = store_response(store.command, answer.status, answer.comment)
            self._say(store.context.id, response)

    def _say(self, context_id: int, response: bytes) -> None:
        self._writer.write(self._association.command(context_id, response))
