"""One connection: moves bytes between a socket and the protocol engine, and watches the clock.

It decides nothing about the protocol (the engine does), nothing about who may come in (admission
does) and nothing about instances (intake does).
"""

import ssl
from typing import TYPE_CHECKING, Final

from hilum.dimse.message import CommandReceived, DataReceived, InvalidMessage, Messages
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import (
    Aborted,
    AssociationRequested,
    Event,
    Fragment,
    ProtocolViolated,
    Released,
    ReleaseRequested,
    TransportMustClose,
)
from hilum.dimse.upper.reasons import AbortReason, AbortSource
from hilum.dimse.upper.state import State
from hilum.pipeline.buffers import LARGE_BYTES, ROOM_MIN, SMALL_BYTES, Buffer
from hilum.sources.dimse.channel import Channel
from hilum.sources.dimse.events import ConnectionDropped, ConnectionFailed, TlsRefused
from hilum.sources.dimse.outbox import Outbox
from hilum.sources.dimse.tls import explain

if TYPE_CHECKING:
    from hilum.sources.dimse.conversation import Conversation
    from hilum.sources.dimse.desk import Desk

# A TLS record may leave decrypted bytes in memory; reading goes on at most so often in one turn, so
# that one busy peer does not keep the loop from the others.
_READS_PER_TURN: Final = 8


class Connection:
    """A transport, the association on it, and what is being received."""

    def __init__(self, desk: "Desk", channel: Channel, host: str, descriptor: int) -> None:
        self._desk = desk
        self._channel = channel
        self._descriptor = descriptor
        self._buffer = Buffer(SMALL_BYTES, None)
        self._buffer.hold()
        self._is_reading = False
        self._opened = self._moved = desk.clock.monotonic()
        self._message_began: float | None = None
        self._closing_since: float | None = None
        self._wants_end = False
        self._ending = "released"
        self.host = host
        self.is_closed = False
        self.engine = Association.acceptor(desk.upper_limits)
        self.outbox = Outbox(channel, self.engine, desk.loop, descriptor, self._lose)
        self._turns = 0
        self._messages = Messages(self.engine.contexts)
        self.conversation: Conversation | None = None

    def start(self) -> None:
        """Begin to read."""
        self.resume()

    def resume(self) -> None:
        """Read on: the disk has caught up."""
        if not self._is_reading and not self.is_closed and not self._must_wait():
            self._is_reading = True
            self._desk.loop.add_reader(self._descriptor, self._readable)
            if self._channel.has_pending:
                self._read_on()

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send a command set, in as many PDUs as the peer's maximum asks for."""
        self.outbox.send_command(context_id, command)

    def send(self, data: bytes) -> None:
        """Send bytes of the protocol; a transport that fails here is closed."""
        self.outbox.send(data)

    def _lose(self, error: OSError) -> None:
        self.close("lost", f"Sending failed: {error.strerror or error}.")

    def watch(self, now: float) -> None:
        """Judge the deadlines; the door calls this about twice a second."""
        limits = self._desk.limits
        if self._closing_since is not None:
            if now - self._closing_since > limits.artim_seconds:
                self.close(self._ending, "The peer did not close its side.")
        elif self.conversation is None:
            if now - self._opened > limits.artim_seconds:
                self.close("artim", f"no A-ASSOCIATE-RQ within {limits.artim_seconds:g} s")
        elif not self._is_reading or self.conversation.is_at_work:
            # We are the slow side: that is not held against the peer.
            self._moved = now
            self._message_began = now if self._message_began is not None else None
        else:
            self._watch_peer(now)

    def _watch_peer(self, now: float) -> None:
        assert self.conversation is not None  # noqa: S101 - the only caller has looked
        limits = self._desk.limits
        if self.outbox.turns != self._turns:
            # It takes what we send, however slowly.
            self._turns, self._moved = self.outbox.turns, now
        if now - self._moved > limits.idle_seconds:
            self.abort("idle", f"Nothing came for {limits.idle_seconds:g} s.")
            return
        if self._message_began is None:
            if self._wants_end and not self.conversation.is_operating:
                self.abort("stopping", "The gateway is stopping.")
            elif self._buffer.size == LARGE_BYTES and self._buffer.holds == 1:
                self._use(Buffer(SMALL_BYTES, None), is_held=False)
            return
        seconds = now - self._message_began
        slowest = limits.bytes_per_second_min
        if seconds > limits.transfer_grace_seconds and self._incoming_size() < slowest * seconds:
            self.abort("too_slow", f"Less than {slowest} bytes a second for {seconds:.0f} s.")

    @property
    def _is_mid_payload(self) -> bool:
        """Tell whether more of a data set must come: likely it came while a run was written."""
        conversation = self.conversation
        return conversation is not None and conversation.incoming is not None

    def _incoming_size(self) -> int:
        """Give the bytes of the data set that is arriving."""
        incoming = self.conversation.incoming if self.conversation else None
        return incoming.size if incoming else 0

    def end_when_idle(self) -> None:
        """The gateway stops: go on with what was begun, then end."""
        self._wants_end = True
        if self.conversation is None:
            self.close("stopping", "the gateway is stopping")

    def abort(self, ending: str, detail: str) -> None:
        """Tell the peer that it is over, and close."""
        if not self.is_closed:
            self.send(self.engine.abort(AbortSource.PROVIDER, AbortReason.NOT_SPECIFIED))
            self.close(ending, detail)

    def close(self, ending: str, detail: str = "") -> None:
        """Close the transport and drop what was not complete. Safe to call twice."""
        if self.is_closed:
            return
        self.is_closed = True
        self._pause()
        self.outbox.close()
        self._channel.close()
        if self.conversation is not None:
            self.conversation.end(ending, detail)
            # It knows us: two that know each other wait for the garbage collector, with buffers.
            self.conversation = None
        elif detail:
            self._desk.telemetry.emit(ConnectionDropped(self.host, ending, detail))
        self._buffer.release()
        self._desk.forget(self)

    def _must_wait(self) -> bool:
        return self.conversation is not None and self.conversation.is_behind

    def _pause(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._desk.loop.remove_reader(self._descriptor)

    def _read_on(self) -> None:
        """Read what is in memory already, in a later turn: no socket will tell of it."""
        self._desk.loop.call_soon(self._read_if_open)

    def _read_if_open(self) -> None:
        if self._is_reading and not self.is_closed:
            self._readable()

    def _readable(self) -> None:
        try:
            for _ in range(_READS_PER_TURN):
                self._read()
                if self.is_closed or not self._is_reading:
                    return
                if not self._channel.has_pending and not self._is_mid_payload:
                    return
            self._read_on()
        except BlockingIOError:
            return
        except ssl.SSLError as error:
            self._refuse_tls(error)
        except OSError as error:
            self.close("lost", f"Reading failed: {error.strerror or error}.")
        except Exception as error:  # noqa: BLE001 - the top of this connection: others must go on
            self._desk.telemetry.emit(ConnectionFailed.of(self.host, error))
            self.abort("fault", f"A fault of ours: {type(error).__name__}.")

    def _read(self) -> None:
        buffer = self._buffer
        filled = buffer.filled
        view = buffer.view[filled:]
        count = self._channel.read_into(view)
        if count == 0:
            self._handle(self.engine.receive_end(), buffer)
            self.close("lost", "The peer closed the connection.")
            return
        self._handle(self.engine.receive(view[:count]), buffer)
        if self.is_closed:
            return
        if buffer.holds == 1:
            buffer.filled = 0
        else:
            buffer.filled = filled + count
        self._choose_buffer(buffer)
        if self._must_wait():
            self._pause()

    def _choose_buffer(self, buffer: Buffer) -> None:
        """Keep reading into the buffer while there is room; take a large one for large payloads."""
        is_small = buffer.size == SMALL_BYTES
        if is_small and self._incoming_size() and not self._desk.intake.buffers.is_exhausted:
            self._use(self._desk.intake.buffers.lend(), is_held=True)
        elif buffer.size - buffer.filled < ROOM_MIN:
            if is_small or self._desk.intake.buffers.is_exhausted:
                self._use(Buffer(SMALL_BYTES, None), is_held=False)
            else:
                self._use(self._desk.intake.buffers.lend(), is_held=True)

    def _use(self, buffer: Buffer, *, is_held: bool) -> None:
        if not is_held:
            buffer.hold()
        self._buffer.release()
        self._buffer = buffer

    def _handle(self, events: list[Event], buffer: Buffer) -> None:
        for event in events:
            if type(event) is Fragment:
                self._take(event, buffer)
            else:
                self._handle_control(event)
            if self.is_closed:
                return
        if events:
            self._moved = self._desk.clock.monotonic()
        if self.engine.outgoing:
            data = bytes(self.engine.outgoing)
            self.engine.outgoing.clear()
            self.send(data)

    def _take(self, fragment: Fragment, buffer: Buffer) -> None:
        conversation = self.conversation
        assert conversation is not None  # noqa: S101 - the engine gives fragments only when open
        try:
            message = self._messages.receive(fragment)
        except InvalidMessage as error:
            self._end_violated(f"{error}.")
            return
        if type(message) is DataReceived:
            if conversation.incoming is not None:
                conversation.incoming.take(message.data, buffer)
            if message.is_last:
                self._message_began = None
                conversation.finish_incoming()
        elif type(message) is CommandReceived:
            if message.command.is_response:
                self._message_began = None
                if not conversation.take_response(message.command):
                    self._end_violated("A response to a request that was never made.")
                return
            conversation.answer(message)
            self._message_began = self._moved if conversation.incoming else None
        elif self._message_began is None:
            self._message_began = self._desk.clock.monotonic()

    def _end_violated(self, detail: str) -> None:
        """End what PS3.7 does not allow: that is the service user's abort (PS3.8 §9.3.8)."""
        self.send(self.engine.abort(AbortSource.USER, AbortReason.NOT_SPECIFIED))
        self.close("violation", detail)

    def _handle_control(self, event: Event) -> None:
        match event:
            case AssociationRequested() if self.engine.state is not State.AWAITING_LOCAL_ANSWER:
                # The peer did not wait for our answer; its violation is the next event.
                pass
            case AssociationRequested(request):
                self.conversation = self._desk.open(self, request)
                self._messages = Messages(self.engine.contexts)
                if self.conversation is None:
                    self._begin_closing("rejected")
            case ReleaseRequested():
                assert self.conversation is not None  # noqa: S101 - only an open one is released
                self.conversation.release()
            case Aborted(text=text):
                self.close("aborted", text)
            case ProtocolViolated(text=text):
                self.send(bytes(self.engine.outgoing))
                self.engine.outgoing.clear()
                self.close("violation", text)
            case Released() | TransportMustClose():
                self.close(self._ending)
            case _:
                self.abort("violation", f"Unexpected {type(event).__name__}.")

    def answer_release(self) -> None:
        """Agree to the release and wait for the peer to close its side."""
        if self.engine.state is not State.AWAITING_LOCAL_RELEASE:
            # Something else ended the association while answers were still owed.
            return
        self.send(self.engine.answer_release())
        self._begin_closing("released")

    def _begin_closing(self, ending: str) -> None:
        self._ending = ending
        self._closing_since = self._desk.clock.monotonic()

    def _refuse_tls(self, error: ssl.SSLError) -> None:
        failure = explain(error)
        self._desk.telemetry.emit(
            TlsRefused(self.host, failure.cause, failure.reason, failure.remedy)
        )
        self.close("tls")
