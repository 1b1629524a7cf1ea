"""A proxy on loopback that writes down what a client sends: the bytes are known, not guessed."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from trials.wire import P_DATA_TF, TCP_QUICKACK, parse_command_set

BUFFER_BYTES: Final = 1 << 16
C_STORE_RQ: Final = 0x0001
C_STORE_RSP: Final = 0x8001


@dataclass(frozen=True, slots=True)
class Message:
    """A command set and its data set, as one side sent them."""

    command: dict[int, bytes]
    data_set: bytes

    def text(self, number: int) -> str:
        """Give an element of the command set as text."""
        return self.command.get(number, b"").rstrip(b"\0 ").decode("latin-1")

    def number(self, number: int) -> int:
        """Give an element of the command set as a number; -1 when it is not there."""
        return int.from_bytes(self.command.get(number, b"\xff\xff\xff"), "little")


@dataclass(frozen=True, slots=True)
class Stored:
    """A C-STORE as it went over the wire, and its answer."""

    instance_uid: str
    data_set: bytes
    status: int


@dataclass(slots=True)
class Conversation:
    """One connection: what the client sent and what it was answered."""

    sent: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)

    def stores(self) -> list[Stored]:
        """Give its C-STOREs with their answers, in order: none of our senders has two under way.

        The number of a message would not do to pair them: some senders call each of theirs 1.
        """
        requests = [m for m in messages_of(bytes(self.sent)) if m.number(0x0100) == C_STORE_RQ]
        answers = [m for m in messages_of(bytes(self.answered)) if m.number(0x0100) == C_STORE_RSP]
        return [
            Stored(request.text(0x1000), request.data_set, answer.number(0x0900))
            for request, answer in zip(requests, answers, strict=False)
        ]


@dataclass(slots=True)
class Recorder:
    """Passes connections on to `port` and keeps what was said on each."""

    port: int
    own_port: int = 0
    conversations: list[Conversation] = field(default_factory=list)
    _listener: socket.socket = field(default_factory=socket.socket)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.own_port = self._listener.getsockname()[1]
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def stores(self) -> list[Stored]:
        """Give the C-STOREs of all connections."""
        return [stored for one in self.conversations for stored in one.stores()]

    def _begin(self, run: object, *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type] # our own methods
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            conversation = Conversation()
            self.conversations.append(conversation)
            self._begin(self._pass_on_both, client, conversation)

    def _pass_on_both(self, client: socket.socket, conversation: Conversation) -> None:
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = (server, client, conversation.answered)
            answers = threading.Thread(target=_pass_on, args=back, daemon=True)
            answers.start()
            _pass_on(client, server, conversation.sent)
            answers.join()


def _pass_on(source: socket.socket, target: socket.socket, stream: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(BUFFER_BYTES):
            # A sender with Nagle's algorithm on waits for our acknowledgement.
            source.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
            stream += piece
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def pdus_of(stream: bytes) -> list[bytes]:
    """Cut what one side sent into PDUs; an incomplete last one is left out."""
    pdus, at = [], 0
    while at + 6 <= len(stream):
        end = at + 6 + struct.unpack_from(">I", stream, at + 2)[0]
        if end > len(stream):
            break
        pdus.append(stream[at:end])
        at = end
    return pdus


def messages_of(stream: bytes) -> list[Message]:
    """Put the fragments of one association together again (PS3.8 §E.2)."""
    messages: list[Message] = []
    command, data = bytearray(), bytearray()
    for is_command, is_last, fragment in _fragments(stream):
        part = command if is_command else data
        part += fragment
        if not is_last:
            continue
        elements = parse_command_set(bytes(command))
        if is_command and elements.get(0x0800) != struct.pack("<H", 0x0101):
            continue  # a data set follows
        messages.append(Message(elements, bytes(data)))
        command, data = bytearray(), bytearray()
    return messages


def _fragments(stream: bytes) -> Iterator[tuple[bool, bool, bytes]]:
    for pdu in pdus_of(stream):
        at = 6
        while pdu[0] == P_DATA_TF and at + 6 <= len(pdu):
            length, _, flags = struct.unpack_from(">IBB", pdu, at)
            yield bool(flags & 1), bool(flags & 2), pdu[at + 6 : at + 4 + length]
            at += 4 + length
