"""A peer that answers C-FIND, C-GET and C-MOVE as a script says, through our own engine.

Real peers (tests/peers) find what both sides of the engine get wrong.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dimse.message import Command, CommandField, CommandReceived, DataReceived, Messages
from hilum.dimse.service.identifier import encode_identifier, read_identifier
from hilum.dimse.service.query import find_match
from hilum.dimse.service.query_negotiation import FindOptions, RetrieveOptions, answerer
from hilum.dimse.service.storage import store_request
from hilum.dimse.service.verification import echo_response
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import AssociationRequested, Fragment, ReleaseRequested
from hilum.dimse.upper.negotiation import Context, Policy, negotiate
from hilum.query.level import Model

FIND, MOVE, GET = (
    {getattr(model, f"{name}_uid") for model in Model} for name in ("find", "move", "get")
)
_SERVED = frozenset(FIND | MOVE | GET)


@dataclass
class Asked:
    """One request, as the script sees it."""

    context: Context
    command: Command
    contexts: dict
    identifier: object = None
    is_cancelled: bool = False


@dataclass(frozen=True)
class Say:
    """A message to send."""

    command: bytes
    data: bytes | None = None
    context_id: int | None = None  # None: that of the request


def match(asked, data_set):
    """Give one match."""
    return Say(
        find_match(asked.command), encode_identifier(data_set, asked.context.transfer_syntax)
    )


def store(asked, instance, message_id=1, context=None):
    """Give a C-STORE of the sub-operation; the script is sent the status that answers it."""
    if context is None:
        context = next(
            one
            for one in asked.contexts.values()
            if one.abstract_syntax == instance.sop_class_uid
            and one.transfer_syntax == instance.transfer_syntax_uid
        )
    request = store_request(
        message_id,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
    )
    return Say(request, instance.data_set, context.id)


WAIT = object()  # yielded: go on when the peer has said something more (an answer, a C-CANCEL)
ABORT = object()  # yielded: abort the association
HANG_UP = object()  # yielded: close the connection without a word


@dataclass
class QueryPeer:
    """`script(asked)` is a generator that yields what to say, or `WAIT`."""

    script: Callable[[Asked], Iterator] = lambda _: iter(())
    find_options: FindOptions = field(default_factory=FindOptions)
    # Is asked for every association: an A-ASSOCIATE-RJ, ABORT, HANG_UP, or WAIT for silence.
    greets: Callable = lambda _: None
    refuses: frozenset = frozenset()  # abstract syntaxes
    open_now: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    requests: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    stored: list = field(default_factory=list)  # statuses
    releases: int = 0
    echoes: int = 0
    ended: int = 0

    @contextlib.contextmanager
    def in_a_thread(self):
        """Listen in a thread of its own, for code that runs its own event loop."""
        ready, over = threading.Event(), threading.Event()

        async def listen():
            async with self.listening():
                ready.set()
                await asyncio.to_thread(over.wait)

        thread = threading.Thread(target=lambda: asyncio.run(listen()), name="query-peer")
        thread.start()
        try:
            ready.wait()
            yield self
        finally:
            over.set()
            thread.join()

    @contextlib.asynccontextmanager
    async def listening(self):
        """Listen on `port`; 0 is a free one."""
        tasks = set()

        async def serve(reader, writer):
            task = asyncio.current_task()
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await _Talk(self, reader, writer).run()
            self.ended += 1

        server = await asyncio.start_server(serve, self.host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()  # from Python 3.12 on it waits for connections, too


class _Talk:
    def __init__(self, peer, reader, writer):
        self._peer = peer
        self._reader = reader
        self._writer = writer
        self._association = Association.acceptor()
        self._messages = Messages({})
        self._asked = None
        self._data = bytearray()
        self._script = None

    async def run(self):
        try:
            while data := await self._reader.read(1 << 16):
                for event in self._association.receive(data):
                    await self._handle(event)
                self._writer.write(bytes(self._association.outgoing))
                self._association.outgoing.clear()
                if self._association.is_closed or self._writer.is_closing():
                    return
        finally:
            self._writer.close()

    async def _handle(self, event):
        match event:
            case AssociationRequested(request):
                self._peer.requests.append(request)
                greeting = self._peer.greets(request)
                if greeting is not None:
                    self._turn_away(greeting)
                    return
                policy = Policy(
                    abstract_syntaxes=(_SERVED | set(STORAGE_SOP_CLASSES) | {VERIFICATION})
                    - self._peer.refuses,
                    peer_may_be_scp_of=frozenset(STORAGE_SOP_CLASSES),
                    extended_answer=answerer(
                        find_classes=FIND,
                        find=self._peer.find_options,
                        retrieve_classes=MOVE | GET,
                        retrieve=RetrieveOptions(),
                    ),
                )
                self._writer.write(self._association.accept(negotiate(request, policy)))
                self._messages = Messages(self._association.contexts)
            case Fragment():
                await self._receive(self._messages.receive(event))
            case ReleaseRequested():
                self._peer.releases += 1
                self._writer.write(self._association.answer_release())
            case _:
                pass

    def _turn_away(self, greeting):
        if greeting is WAIT:
            return
        if greeting is HANG_UP:
            self._writer.transport.abort()
        elif greeting is ABORT:
            self._writer.write(self._association.abort())
        else:
            self._writer.write(self._association.reject(greeting))

    async def _receive(self, message):
        match message:
            case CommandReceived(context, command) if (
                command.command_field == CommandField.C_ECHO_RQ
            ):
                self._peer.echoes += 1
                echo = echo_response(command, 0)
                self._writer.write(self._association.command(context.id, echo))
            case CommandReceived(context, command) if command.has_data_set:
                self._asked = Asked(context, command, dict(self._association.contexts))
                self._data.clear()
            case CommandReceived(_, command) if command.command_field == CommandField.C_CANCEL_RQ:
                self._asked.is_cancelled = True
                await self._go_on(None)
            case CommandReceived(_, command):
                self._peer.stored.append(command.status)
                await self._go_on(command.status)
            case DataReceived(_, data, is_last):
                self._data += data
                if is_last:
                    asked = self._asked
                    asked.identifier = read_identifier(
                        bytes(self._data), asked.context.transfer_syntax
                    )
                    self._peer.asked.append(asked)
                    self._script = self._peer.script(asked)
                    await self._go_on(None)
            case None:
                pass

    async def _go_on(self, value):
        """Run the script until it waits: for an answer to a store, or because it says so."""
        if self._script is None:
            return
        try:
            said = self._script.send(value)
            while said is not WAIT:
                if said is ABORT or said is HANG_UP:
                    self._turn_away(said)
                    self._script = None
                    return
                await self._send(said)
                await asyncio.sleep(0)  # it shares its event loop with who asks
                if said.context_id is not None:
                    return
                said = next(self._script)
        except StopIteration:
            self._script = None

    async def _send(self, said):
        context_id = said.context_id or self._asked.context.id
        self._writer.write(self._association.command(context_id, said.command))
        if said.data is not None:
            step = self._association.fragment_length_max
            for at in range(0, max(1, len(said.data)), step):
                piece = said.data[at : at + step]
                header = self._association.data_header(
                    context_id, len(piece), is_command=False, is_last=at + step >= len(said.data)
                )
                self._writer.write(header + piece)
                await self._writer.drain()
        await self._writer.drain()
