"""A peer in the same process that accepts associations and misbehaves on request: for tests only.

It speaks through the same engine as we do, so it cannot find mistakes that both sides share; real
peers (tests/peers) do that.
"""

import asyncio
import contextlib
import hashlib
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dimse.message import (
    Command,
    CommandField,
    CommandReceived,
    DataReceived,
    Messages,
    encode_response,
)
from hilum.dimse.service.commitment import report_request
from hilum.dimse.service.storage import store_response
from hilum.dimse.service.verification import echo_response
from hilum.dimse.status import SUCCESS
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import (
    AssociationRequested,
    Event,
    Fragment,
    ReleaseRequested,
    TransportMustClose,
)
from hilum.dimse.upper.negotiation import Policy, negotiate
from hilum.dimse.upper.pdu import AssociateReject, AssociateRequest
from hilum.kernel.names import UID
from hilum.testing.fragment_lengths import FragmentLengths

_READ_BYTES: Final = 1 << 16


class HangUp(Exception):
    """Raised by a script: close the connection at once, without an answer."""


class Abort(Exception):
    """Raised by a script: abort the association, without an answer."""


class Silence(Exception):
    """Raised by a script: say nothing more on this association."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A C-STORE that came in whole."""

    number: int  # counted over all associations, from 0
    sop_instance_uid: UID
    sop_class_uid: UID
    transfer_syntax_uid: UID
    size: int
    sha256: str
    odd_fragments: int  # on its association, until then


def accept_all(_: Stored) -> int:
    """Answer success."""
    return SUCCESS


@dataclass(slots=True)
class ScriptedPeer:
    """What the peer does, and what happened to it.

    `on_store` gives the status to answer with, or raises `HangUp`, `Abort` or `Silence`. `reject`
    is asked for every association.
    """

    on_store: Callable[[Stored], int] = accept_all
    reject: Callable[[AssociateRequest], AssociateReject | None] = lambda _: None
    policy: Policy = field(
        default_factory=lambda: Policy(
            abstract_syntaxes=frozenset({VERIFICATION, *STORAGE_SOP_CLASSES})
        )
    )
    is_mute: bool = False  # accepts connections and never says a word
    reads_bytes_max: int | None = None  # of each connection; then it reads no more
    aborts_after: int | None = None  # bytes of a data set
    seconds_per_read: float = 0.0  # how slow it is: it reads 64 KiB at a time
    on_echo: Callable[[], None] = lambda: None  # may raise like `on_store`
    # Is shown the data set of each request for storage commitment and its transfer syntax; gives
    # the event type and the data set to report at once on the same association, or nothing.
    on_commitment: Callable[[bytes, UID], tuple[int, bytes] | None] = lambda *_: None
    event_answers: list[int] = field(default_factory=list)  # statuses of answers to our reports
    sees: Callable[[memoryview], None] | None = None  # is shown each piece of a data set
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[AssociateRequest] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    releases: int = 0
    open_now: int = 0  # connections

    @contextlib.contextmanager
    def in_a_thread(self, tls: ssl.SSLContext | None = None) -> Iterator["ScriptedPeer"]:
        """Listen in a thread of its own, for code that runs its own event loop."""
        ready, over = threading.Event(), threading.Event()

        async def listen() -> None:
            async with self.listening(tls):
                ready.set()
                await asyncio.to_thread(over.wait)

        thread = threading.Thread(target=lambda: asyncio.run(listen()), name="scripted-peer")
        thread.start()
        try:
            ready.wait()
            yield self
        finally:
            over.set()
            thread.join()

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["ScriptedPeer"]:
        """Listen on `port`, the same as the last time; 0 is a free one."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            with contextlib.suppress(asyncio.CancelledError):  # the end of the test
                self.open_now += 1
                try:
                    await _Conversation(self, reader, writer).run()
                finally:
                    self.open_now -= 1

        server = await asyncio.start_server(serve, self.host, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()  # from Python 3.12 on it waits for connections, too


class _Conversation:
    """One association from its first byte to its last."""

    def __init__(
        self, peer: ScriptedPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._peer = peer
        self._reader = reader
        self._writer = writer
        self._association = Association.acceptor()
        self._messages = Messages({})
        self._command: Command | None = None
        self._digest = hashlib.sha256()
        self._data = bytearray()
        self._size = 0
        self._lengths = FragmentLengths()
        self._read_bytes = 0

    async def run(self) -> None:
        """Converse until one side ends."""
        try:
            while data := await self._read():
                if self._peer.is_mute:
                    continue
                for event in self._association.receive(data):
                    self._handle(event)
                self._writer.write(bytes(self._association.outgoing))
                self._association.outgoing.clear()
                await self._writer.drain()
                if self._writer.is_closing():
                    return
        except HangUp:
            self._writer.transport.abort()
        except Abort:
            self._writer.write(self._association.abort())
        except Silence:
            while await self._reader.read(_READ_BYTES):
                pass
        except OSError:
            pass
        finally:
            self._writer.close()

    async def _read(self) -> bytes:
        """Read on, as far as this peer reads at all."""
        most = self._peer.reads_bytes_max
        if most is not None and self._read_bytes >= most:
            await asyncio.Event().wait()
        if self._peer.seconds_per_read:
            await asyncio.sleep(self._peer.seconds_per_read)
        data = await self._reader.read(_READ_BYTES)
        self._read_bytes += len(data)
        self._lengths.feed(data)
        return data

    def _handle(self, event: Event) -> None:
        match event:
            case AssociationRequested(request):
                self._answer(request)
            case Fragment():
                self._receive(event)
            case ReleaseRequested():
                self._peer.releases += 1
                self._writer.write(self._association.answer_release())
            case TransportMustClose():
                self._writer.close()
            case _:
                pass

    def _answer(self, request: AssociateRequest) -> None:
        self._peer.requests.append(request)
        answer = self._peer.reject(request) or negotiate(request, self._peer.policy)
        if isinstance(answer, AssociateReject):
            self._writer.write(self._association.reject(answer))
        else:
            self._writer.write(self._association.accept(answer))
            self._messages = Messages(self._association.contexts)

    def _receive(self, fragment: Fragment) -> None:
        match self._messages.receive(fragment):
            case CommandReceived(context, command) if (
                command.command_field == CommandField.C_ECHO_RQ
            ):
                self._peer.on_echo()
                response = echo_response(command, SUCCESS)
                self._writer.write(self._association.command(context.id, response))
            case CommandReceived(_, command) if (
                command.command_field == CommandField.N_EVENT_REPORT_RSP
            ):
                self._peer.event_answers.append(command.status or 0)
            case CommandReceived(_, command):
                self._command = command
                self._data.clear()
                self._digest = hashlib.sha256()
                self._size = 0
            case DataReceived(context_id, data, is_last) if self._is_commitment:
                self._data += data
                if is_last:
                    self._commit(context_id)
            case DataReceived(context_id, data, is_last):
                self._take(data)
                if is_last:
                    self._store(context_id)
            case None:
                pass

    def _take(self, data: memoryview) -> None:
        """Look at a piece of an instance."""
        self._digest.update(data)
        if self._peer.sees is not None:
            self._peer.sees(data)
        self._size += len(data)
        if self._peer.aborts_after is not None and self._size >= self._peer.aborts_after:
            raise Abort

    @property
    def _is_commitment(self) -> bool:
        command = self._command
        return command is not None and command.command_field == CommandField.N_ACTION_RQ

    def _commit(self, context_id: int) -> None:
        """Answer a request for storage commitment, and report if the script wants it."""
        if self._command is None:
            return
        self._writer.write(
            self._association.command(context_id, encode_response(self._command, SUCCESS))
        )
        syntax = self._association.contexts[context_id].transfer_syntax
        report = self._peer.on_commitment(bytes(self._data), syntax)
        if report is None:
            return
        event_type, data = report
        self._writer.write(self._association.command(context_id, report_request(1, event_type)))
        header = self._association.data_header(
            context_id, len(data), is_command=False, is_last=True
        )
        self._writer.write(header + data)

    def _store(self, context_id: int) -> None:
        command = self._command
        if command is None:
            return
        stored = Stored(
            number=len(self._peer.stored),
            sop_instance_uid=command.affected_sop_instance_uid,
            sop_class_uid=command.affected_sop_class_uid,
            transfer_syntax_uid=self._association.contexts[context_id].transfer_syntax,
            size=self._size,
            sha256=self._digest.hexdigest(),
            odd_fragments=self._lengths.odd,
        )
        self._peer.stored.append(stored)
        response = store_response(command, self._peer.on_store(stored))
        self._writer.write(self._association.command(context_id, response))
