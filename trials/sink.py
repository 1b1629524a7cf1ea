"""Receivers of ours that deliveries go to, in a process of their own; most of them misbehave.

    python trials/sink.py BEHAVIOUR:PORT:LOG …

Each writes a line into its log for what happens, with the machine's monotonic time: O and C when an
association opens and closes (and how many are open then), S when an instance has come in whole (its
UID, size and digest). Nothing of Hilum and no DICOM library is used.
"""

import contextlib
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Final

# So that `python trials/sink.py` finds trials.
sys.path.insert(0, str(Path(__file__).parents[1]))

from trials import wire
from xxhash import xxh3_128

PDU_BYTES_MAX: Final = 1 << 20
BACKLOG: Final = 128
FLAP_SECONDS: Final = 5.0
LATE_SECONDS: Final = 0.02
SLOW_BYTES: Final = 1024  # a second
C_ECHO_RQ: Final = 0x0030
NO_DATA_SET: Final = 0x0101
ACCEPTED, NO_ABSTRACT_SYNTAX = 0, 3  # PS3.8 Table 9-18


class Misbehaviour(Exception):
    """The script wants this connection to end here."""


class Sink:
    """Accepts everything and writes down what came. Others change one of its habits."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._open = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    def run(self) -> None:
        """Listen for ever."""
        self._listen(self._listener())

    def note(self, *words: object) -> None:
        """Write a line into the log."""
        line = " ".join(str(word) for word in (words[0], time.monotonic_ns(), *words[1:]))
        os.write(self._log, f"{line}\n".encode())

    # Habits.

    def talk(self, connection: socket.socket) -> None:
        """Hold one conversation, until the other side ends it."""
        conversation = Conversation(self, connection)
        while conversation.take_pdu():
            pass

    def accepts(self, abstract_syntax: str) -> bool:
        """Tell whether a presentation context is accepted."""
        del abstract_syntax
        return True

    def status(self, connection: socket.socket) -> int:
        """Give the status an instance is answered with."""
        del connection
        return 0

    def begins(self, connection: socket.socket) -> None:
        """Take note that the first bytes of a data set came."""

    def answers(self, connection: socket.socket, answer: bytes) -> None:
        """Send the answer to an instance."""
        connection.sendall(answer)

    # What is the same for all.

    def opened(self, change: int) -> None:
        """Count the associations that are open."""
        with self._lock:
            self._open += change
            self.note("O" if change > 0 else "C", self._open)

    def _listener(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(BACKLOG)
        return listener

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, wire.Closed, Misbehaviour):
            self.talk(connection)
        self._connections.discard(connection)


class Late(Sink):
    """Takes its time for each answer, so that more associations are worth it."""

    def status(self, connection: socket.socket) -> int:
        """Think about it."""
        del connection
        time.sleep(LATE_SECONDS)
        return 0


class Blackhole(Sink):
    """Accepts connections and never says a word."""

    def talk(self, connection: socket.socket) -> None:
        """Say nothing; read nothing."""
        del connection
        threading.Event().wait()


class Slow(Sink):
    """Is well, but reads 1 KB in a second."""

    def talk(self, connection: socket.socket) -> None:
        """Read through a straw."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        conversation = Conversation(self, connection, bytes_per_second=SLOW_BYTES)
        while conversation.take_pdu():
            pass


class Flapping(Sink):
    """Is there for five seconds, and away for five."""

    def run(self) -> None:
        """Come and go for ever."""
        while True:
            listener = self._listener()
            threading.Thread(target=self._listen, args=(listener,), daemon=True).start()
            time.sleep(FLAP_SECONDS)
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            for connection in list(self._connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            time.sleep(FLAP_SECONDS)


class CannotUnderstand(Sink):
    """Answers every instance with 0xC000 (PS3.4 Table B.2-1)."""

    def status(self, connection: socket.socket) -> int:
        """Refuse for good."""
        del connection
        return 0xC000


class OutOfResources(Sink):
    """Answers every instance with 0xA700."""

    def status(self, connection: socket.socket) -> int:
        """Refuse for now."""
        del connection
        return 0xA700


class RefusingClass(Sink):
    """Accepts no CT images."""

    def accepts(self, abstract_syntax: str) -> bool:
        """Accept the rest."""
        return abstract_syntax != wire.CT_IMAGE_STORAGE


class Hanging(Sink):
    """Stops in the middle of an answer."""

    def answers(self, connection: socket.socket, answer: bytes) -> None:
        """Send half a PDU, then nothing for ever."""
        connection.sendall(answer[: len(answer) // 2])
        threading.Event().wait()


class Resetting(Sink):
    """Resets the connection when data begin to come."""

    def begins(self, connection: socket.socket) -> None:
        """Have the kernel send RST and not FIN."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Misbehaviour


BEHAVIOURS: Final[dict[str, type[Sink]]] = {
    "well": Sink,
    "late": Late,
    "blackhole": Blackhole,
    "slow": Slow,
    "flapping": Flapping,
    "c000": CannotUnderstand,
    "a700": OutOfResources,
    "no-class": RefusingClass,
    "hanging": Hanging,
    "resetting": Resetting,
}


class Conversation:
    """One association, as an acceptor."""

    def __init__(
        self, sink: Sink, connection: socket.socket, *, bytes_per_second: int | None = None
    ) -> None:
        self._sink = sink
        self._connection = connection
        self._bytes_per_second = bytes_per_second
        self._buffer = memoryview(bytearray(PDU_BYTES_MAX + 64))
        self._command: dict[int, bytes] = {}
        self._raw = bytearray()
        self._digest, self._size = xxh3_128(), 0
        self._handlers = {
            wire.ASSOCIATE_RQ: self._associate,
            wire.P_DATA_TF: self._data,
            wire.RELEASE_RQ: self._release,
        }
        self._is_open = False

    def take_pdu(self) -> bool:
        """Take one PDU; False ends the connection."""
        goes_on = False
        try:
            kind, _, length = struct.unpack(">BBI", self._receive(6))
            body = self._receive(length)
            handler = self._handlers.get(kind)
            goes_on = handler is not None and handler(body)
        finally:
            if not goes_on and self._is_open:
                self._is_open = False
                self._sink.opened(-1)
        return goes_on

    def _associate(self, body: memoryview) -> bool:
        accepted = b"".join(self._contexts(bytes(body[68:])))
        user = wire.user_information(PDU_BYTES_MAX)
        application = wire.item(0x10, wire.APPLICATION_CONTEXT.encode())
        # Both titles are given back as they came (PS3.8 §9.3.3).
        answer = bytes(body[:68]) + application + accepted + user
        self._is_open = True
        self._sink.opened(1)  # before the answer, for the other side may count at once
        self._connection.sendall(wire.pdu(wire.ASSOCIATE_AC, answer))
        return True

    def _contexts(self, items: bytes) -> list[bytes]:
        answers = []
        for kind, value in wire.items(items):
            if kind != 0x20:
                continue
            inner = list(wire.items(value[4:]))
            abstract = next(sub for code, sub in inner if code == 0x30).rstrip(b"\0").decode()
            syntax = next(sub for code, sub in inner if code == 0x40)
            result = ACCEPTED if self._sink.accepts(abstract) else NO_ABSTRACT_SYNTAX
            answers.append(
                wire.item(0x21, bytes([value[0], 0, result, 0]) + wire.item(0x40, syntax))
            )
        return answers

    def _release(self, _: memoryview) -> bool:
        self._connection.sendall(wire.pdu(wire.RELEASE_RP, bytes(4)))
        return False

    def _data(self, body: memoryview) -> bool:
        while body:
            length, context, flags = struct.unpack_from(">IBB", body)
            fragment, body = body[6 : 4 + length], body[4 + length :]
            if flags & 1:
                self._raw += fragment
            else:
                if not self._size:
                    self._sink.begins(self._connection)
                self._digest.update(fragment)
                self._size += len(fragment)
            if flags & 2:
                self._end_of_fragments(context, is_command=bool(flags & 1))
        return True

    def _end_of_fragments(self, context: int, *, is_command: bool) -> None:
        if is_command:
            self._command = wire.parse_command_set(bytes(self._raw))
            self._raw.clear()
            if struct.unpack("<H", self._command[0x0800])[0] != NO_DATA_SET:
                return
            self._answer(context, 0)
            return
        uid = self._command[0x1000].rstrip(b"\0").decode()
        status = self._sink.status(self._connection)
        if status == 0:
            self._sink.note("S", uid, self._size, self._digest.hexdigest())
        self._digest, self._size = xxh3_128(), 0
        self._answer(context, status)

    def _answer(self, context: int, status: int) -> None:
        request = self._command
        field = struct.unpack("<H", request[0x0100])[0]
        response = wire.command_set(
            wire.element(0x0002, request[0x0002]),
            wire.short(0x0100, field | 0x8000),
            wire.element(0x0120, request[0x0110]),
            wire.short(0x0800, NO_DATA_SET),
            wire.short(0x0900, status),
            *([wire.element(0x1000, request[0x1000])] if 0x1000 in request else []),
        )
        answer = wire.p_data(context, response, is_command=True, is_last=True)
        if field == C_ECHO_RQ:
            self._connection.sendall(answer)
        else:
            self._sink.answers(self._connection, answer)

    def _receive(self, size: int) -> memoryview:
        if size > len(self._buffer):
            raise wire.Closed(f"a PDU of {size} bytes")
        view = self._buffer[:size]
        got = 0
        while got < size:
            if self._bytes_per_second is not None:
                time.sleep(1.0)
                part = view[got : got + self._bytes_per_second]
            else:
                part = view[got:]
            piece = self._connection.recv_into(part)
            if not piece:
                raise wire.Closed("the other side ended")
            got += piece
        return view


def main() -> None:
    """Run the receivers that are named, until we are killed."""
    threads = []
    for argument in sys.argv[1:]:
        behaviour, port, log = argument.split(":", 2)
        sink = BEHAVIOURS[behaviour](int(port), Path(log))
        threads.append(threading.Thread(target=sink.run, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
