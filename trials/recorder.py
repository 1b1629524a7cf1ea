"""A proxy on loopback that writes down what a client sends: the bytes are known, not guessed."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from trials.wire import P_DATA_TF, parse_command_set

BUFFER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that a client sent: its command set and its data set."""

    command: dict[int, bytes]
    data_set: bytes

    @property
    def instance_uid(self) -> str:
        """Give the Affected SOP Instance UID."""
        return self.command.get(0x1000, b"").rstrip(b"\0 ").decode("latin-1")


@dataclass(slots=True)
class Recorder:
    """Passes connections on to `port` and keeps what went there, one stream a connection."""

    port: int
    own_port: int = 0
    streams: list[bytearray] = field(default_factory=list)
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

    def messages(self) -> list[Sent]:
        """Give all messages of all connections."""
        return [message for stream in self.streams for message in messages_of(bytes(stream))]

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
            server = socket.create_connection(("127.0.0.1", self.port))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = bytearray()
            self.streams.append(stream)
            self._begin(_pass_on, client, server, stream)
            self._begin(_pass_on, server, client, bytearray())


def _pass_on(source: socket.socket, target: socket.socket, stream: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(BUFFER_BYTES):
            stream += piece
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def pdus_of(stream: bytes) -> list[bytes]:
    """Cut what a client sent into PDUs; an incomplete last one is left out."""
    pdus, at = [], 0
    while at + 6 <= len(stream):
        end = at + 6 + struct.unpack_from(">I", stream, at + 2)[0]
        if end > len(stream):
            break
        pdus.append(stream[at:end])
        at = end
    return pdus


def messages_of(stream: bytes) -> list[Sent]:
    """Put the fragments of one association together again (PS3.8 §E.2)."""
    messages: list[Sent] = []
    command, data = bytearray(), bytearray()
    for is_command, is_last, fragment in _fragments(stream):
        part = command if is_command else data
        part += fragment
        if not is_last:
            continue
        elements = parse_command_set(bytes(command))
        if is_command and elements.get(0x0800) != struct.pack("<H", 0x0101):
            continue  # a data set follows
        messages.append(Sent(elements, bytes(data)))
        command, data = bytearray(), bytearray()
    return messages


def _fragments(stream: bytes) -> Iterator[tuple[bool, bool, bytes]]:
    for pdu in pdus_of(stream):
        at = 6
        while pdu[0] == P_DATA_TF and at + 6 <= len(pdu):
            length, _, flags = struct.unpack_from(">IBB", pdu, at)
            yield bool(flags & 1), bool(flags & 2), pdu[at + 6 : at + 4 + length]
            at += 4 + length
