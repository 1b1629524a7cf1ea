"""One requested association on its transport: bytes to events and back, and every wait bounded.

It carries out what the engine (`dimse.upper.association`) says, and decides nothing of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.blocks import Blocks
from hilum.destinations.dimse.endings import Ended, TooSlow, loss_of
from hilum.destinations.dimse.file_way import FileWay, has_file_way
from hilum.destinations.dimse.inbox import Heard, Inbox
from hilum.destinations.dimse.questions import Questions
from hilum.destinations.dimse.refusals import rejection
from hilum.destinations.dimse.tcp import acknowledge_at_once, unsent_bytes
from hilum.dimse.message import Command, CommandReceived, DataReceived, Messages
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import (
    Aborted,
    AssociationAccepted,
    AssociationRejected,
    Event,
    Fragment,
    ProtocolViolated,
    Released,
    ReleaseRequested,
)
from hilum.dimse.upper.pdu import AssociateAccept
from hilum.dimse.upper.state import State
from hilum.kernel.errors import HilumError, LocalProtocolError, RemoteProtocolError, Unreachable
from hilum.pipeline.archive.segments import Lying

if TYPE_CHECKING:
    import socket

# A sender waits until the kernel has taken everything: what it read into can then be read into
# again, and nothing of a payload is copied on the way. The kernel's own buffer keeps the line busy.
# Plain transports make us wait when they hold more than the mark, those of TLS when as much.
_PLAIN_MARK: Final = 0
_TLS_MARK: Final = 1
# We ask one thing at a time; a peer with this many answers unread is talking to itself.
_ANSWERS_MAX: Final = 16
_LINGER_SECONDS: Final = 2.0

Bytes = bytes | bytearray | memoryview
Answer = AssociateAccept | Command | Released
_A = TypeVar("_A", AssociateAccept, Command, Released)


class Wire(asyncio.BufferedProtocol):
    """Callbacks of the transport below, `send` and `answer` for the requestor above.

    One task at a time may wait here; it is woken by whatever happens and looks again.
    """

    def __init__(
        self, association: Association, address: Address, questions: Questions | None = None
    ) -> None:
        self.is_in_message = False  # of ours: nothing else may go in between
        self._questions = questions or Questions(None)
        self._association = association
        self._address = address
        self._messages = Messages(association.contexts)
        self._blocks = Blocks()
        self._answers: deque[Answer] = deque()
        self._failure: HilumError | None = None
        self._has_room = True
        self._inbox: Inbox | None = None
        self._is_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()
        self.takes_files = False  # whether `send_file` can be used
        self._file_way: FileWay | None = None
        self.when_closed: Callable[[], None] = lambda: None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport over."""
        self._transport = cast("asyncio.Transport", transport)
        mark = _TLS_MARK if self._is_secure else _PLAIN_MARK
        self._transport.set_write_buffer_limits(high=mark, low=0)
        self._socket = cast("socket.socket", transport.get_extra_info("socket"))
        acknowledge_at_once(self._socket)
        self.takes_files = has_file_way(transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        """Give where the next bytes go."""
        return self._blocks.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Feed the engine and act on what it says."""
        acknowledge_at_once(self._socket)
        self._handle(self._association.receive(self._blocks.taken(nbytes)))
        if self._inbox is None:
            self._blocks.reuse()

    def pause_writing(self) -> None:
        """Remember that the transport still holds bytes of ours."""
        self._has_room = False

    def resume_writing(self) -> None:
        """Let the sender go on."""
        self._has_room = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the engine, and whoever waits."""
        self._fail(self._loss(exc))
        self._association.receive_end()
        if self._linger is not None:
            self._linger.cancel()
        if self._file_way is not None:
            self._file_way.close()
        self._closed.set()
        self.when_closed()

    # What the requestor calls.

    @property
    def failure(self) -> HilumError | None:
        """Why nothing more can be sent; None: all is well."""
        return self._failure

    def check(self) -> None:
        """Raise why nothing more can be sent, if so."""
        if self._failure is not None:
            raise self._failure

    async def send(self, parts: Iterable[Bytes], *, seconds: float) -> None:
        """Hand `parts` to the transport in one go; return when it has no use for them any more.

        Raises:
            Unreachable: the association is gone, or (TooSlow) nothing is taken for `seconds`.
            RemoteProtocolError: the peer broke the protocol meanwhile.
        """
        self.check()
        self._transport.writelines(parts)
        while not self._has_room:
            await self._progress(seconds)

    async def send_file(
        self,
        parts: Sequence[Bytes],
        headers: Iterable[tuple[bytes, int]],
        lying: Lying,
        *,
        seconds: float,
        is_beside: bool,
    ) -> None:
        """Send `parts` and a data set in a file, cut by `headers`, that the kernel takes there.

        `is_beside`: a long one by a thread.

        Raises:
            Unreachable, RemoteProtocolError: as `send`.
            Spoiled, Full: the file cannot be read, or ends too early.
        """
        self.check()
        if not self.takes_files:
            raise LocalProtocolError("files cannot go over this connection as they lie")
        # Not before: a wire whose connecting is cancelled is not told that its connection is lost,
        # and a descriptor of our own would keep that open.
        self._file_way = self._file_way or FileWay(self._transport, self._wake)
        while not self._has_room:
            await self._progress(seconds)
        room = partial(self._progress, seconds)
        try:
            await self._file_way.send(parts, headers, lying, room=room, is_beside=is_beside)
        except OSError as error:
            self._fail(self._loss(error))
            self.check()

    async def _progress(self, seconds: float) -> None:
        self.check()
        await self._happening(seconds, f"took no byte for {seconds:g} s")

    async def answer(self, kind: type[_A], *, to: str, seconds: float) -> _A:
        """Give the peer's next answer; it has `seconds` from when it took our last byte.

        Raises:
            Unreachable: the association is gone, or (TooSlow) nothing was said in time.
            Rejected: the peer does not want the association.
            RemoteProtocolError: it broke the protocol, or this is no answer of that kind.
        """
        while not self._answers:
            self.check()
            await self._happening(seconds, f"did not answer {to} within {seconds:g} s")
        answer = self._answers.popleft()
        if not isinstance(answer, kind):
            raise RemoteProtocolError(
                f"{self._address} answered {to} with {type(answer).__name__}, "
                f"not with {kind.__name__}"
            )
        return answer

    def listen(self) -> None:
        """Keep every message of the peer for `hear` from now on."""
        self._inbox = Inbox()

    async def hear(self, *, to: str, seconds: float) -> Heard:
        """Give the peer's next command or piece of a data set, after `listen`.

        Reading stops while more is kept than an inbox should have: the peer waits for us then.

        Raises:
            Unreachable: the association is gone, or (TooSlow) nothing was said in time.
            RemoteProtocolError: the peer broke the protocol.
        """
        inbox = self._inbox
        if inbox is None:
            raise LocalProtocolError("nobody listens on this association")
        while inbox.is_empty:
            self.check()
            await self._anything(to, seconds)
        heard = inbox.take()
        if self._is_paused and inbox.has_room:
            self._is_paused = False
            self._transport.resume_reading()
        return heard

    def stop_listening(self) -> None:
        """Keep no more; what was kept is dropped."""
        self._inbox = None
        self._blocks.leave()
        if self._is_paused and not self._transport.is_closing():
            self._transport.resume_reading()
        self._is_paused = False

    def say(self, context_id: int, command: bytes) -> None:
        """Send a command without a data set, at once: an answer to the peer, or a C-CANCEL.

        Raises:
            Unreachable: the association is gone.
            LocalProtocolError: a message of ours is on its way.
        """
        self.check()
        if self.is_in_message:
            raise LocalProtocolError("a command inside another message (PS3.8 §E.1)")
        self._transport.write(self._association.command(context_id, command))

    def answer_questions(self) -> None:
        """Send the answers that the peer is owed, unless that would part a message of ours."""
        if self.is_in_message or self._failure is not None:
            return
        for context_id, response in self._questions.owed():
            self._transport.write(self._association.command(context_id, response))

    def abort(self) -> None:
        """Send an A-ABORT if that is still possible, and close. A second call does nothing."""
        if not self._transport.is_closing():
            self._write(self._association.abort())
            self._close(f"{self._address}: we aborted the association")

    def close(self) -> None:
        """Close the transport after what was written. A second call does nothing."""
        if not self._transport.is_closing():
            self._close(f"{self._address}: the association is over")

    async def wait_closed(self) -> None:
        """Return when the transport is closed: soon after `abort` and `close`, in any case."""
        await self._closed.wait()

    def _write(self, pdu: Bytes) -> None:
        """Send what ends the association, unless it would stand in the middle of a fragment."""
        if self._file_way is None or not self._file_way.is_amid:
            self._transport.write(pdu)

    def _handle(self, events: Iterable[Event]) -> None:
        for event in events:
            try:
                self._handle_one(event)
            except RemoteProtocolError as error:
                self._fail(error)
        if self._association.outgoing and not self._transport.is_closing():
            self._write(bytes(self._association.outgoing))
        self._association.outgoing.clear()
        if self._association.is_closed:
            self.close()

    def _handle_one(self, event: Event) -> None:
        match event:
            case Fragment():
                self._receive(event)
            case AssociationAccepted(accept):
                self._messages = Messages(self._association.contexts)
                self._take(accept)
            case Released():
                self._take(event)
            case AssociationRejected(reject):
                self._fail(rejection(self._address, reject))
            case Aborted(text=text):
                self._fail(Ended(f"{self._address} gave the association up: {text}"))
            case ProtocolViolated(text=text):
                self._fail(RemoteProtocolError(f"{self._address} broke the protocol: {text}"))
            case ReleaseRequested():
                self._write(self._association.answer_release())
                if self._association.state is State.AWAITING_CLOSE:  # else ours collided with it
                    self._fail(Ended(f"{self._address} released the association"))
            case _:
                pass

    def _receive(self, fragment: Fragment) -> None:
        received = self._messages.receive(fragment)
        if self._inbox is not None:
            self._keep(self._inbox, received)
        elif isinstance(received, DataReceived):
            self._questions.take(received)
            self.answer_questions()
        elif isinstance(received, CommandReceived):
            if received.command.is_response:
                self._take(received.command)
            else:
                self._questions.ask(received)

    def _keep(self, inbox: Inbox, received: CommandReceived | DataReceived | None) -> None:
        if received is None:
            return
        inbox.put(received)
        if inbox.is_full and not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def _loss(self, error: Exception | None) -> HilumError:
        is_opening = self._association.state is State.AWAITING_ANSWER
        return loss_of(self._address, error, is_opening=is_opening, is_secure=self._is_secure)

    @property
    def _is_secure(self) -> bool:
        return self._transport.get_extra_info("sslcontext") is not None

    def _take(self, answer: Answer) -> None:
        if len(self._answers) >= _ANSWERS_MAX:
            raise RemoteProtocolError(f"{self._address} sends answers that nobody asked for")
        self._answers.append(answer)
        self._wake()

    def _fail(self, failure: HilumError) -> None:
        """Keep the first failure: what follows it are only its consequences."""
        if self._failure is None:
            self._failure = failure
        self._wake()

    def _close(self, why: str) -> None:
        self._fail(Unreachable(why))
        self._transport.close()
        # A peer that takes no more bytes, or never ends its half of TLS, must not hold us.
        loop = asyncio.get_running_loop()
        self._linger = loop.call_later(_LINGER_SECONDS, self._transport.abort)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _happening(self, seconds: float, complaint: str) -> None:
        """Wait until anything happens, or fail after `seconds` in which nothing did."""
        self._waiter = asyncio.get_running_loop().create_future()
        self._watch(seconds, complaint, unsent_bytes(self._transport, self._socket))
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._deadline is not None:
                self._deadline.cancel()

    async def _anything(self, to: str, seconds: float) -> None:
        """Wait until anything happens, while all that we say ourselves is short."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        deadline = loop.call_later(seconds, self._fall_silent, to, seconds)
        try:
            await self._waiter
        finally:
            self._waiter = None
            deadline.cancel()

    def _fall_silent(self, to: str, seconds: float) -> None:
        self._fail(TooSlow(f"{self._address} did not answer {to} within {seconds:g} s"))

    def _watch(self, seconds: float, complaint: str, unsent: int) -> None:
        """Come back after `seconds`; then fail, or begin again if fewer bytes are unsent.

        Fewer mean a slow link, not a dead peer: our bytes are still being taken.
        """

        def judge() -> None:
            still_unsent = unsent_bytes(self._transport, self._socket)
            if still_unsent < unsent:
                self._watch(seconds, complaint, still_unsent)
            else:
                self._fail(TooSlow(f"{self._address} {complaint}"))

        self._deadline = asyncio.get_running_loop().call_later(seconds, judge)
