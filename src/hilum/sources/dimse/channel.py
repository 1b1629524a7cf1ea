"""A socket as the DIMSE door wants it: never blocks, reads into our buffer, sends small things now.

Plain and TLS have the same face. TLS runs over memory, so that a failed handshake has a reason that
can be logged, and so that both read into the same reused buffer.
"""

import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol, cast

# Answers are small; a peer that does not read them is not worth more memory than this.
UNSENT_BYTES_MAX: Final = 1 << 20
_TLS_READ_BYTES: Final = 256 * 1024
# Linux: acknowledge at once instead of after up to 40 ms. It does not stay set: re-arm it.
_TCP_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)
# A peer that vanished without a word is noticed after 60 + 3 x 10 s, unanswered sends after 60 s.
_KEEPALIVE: Final = (
    ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
    ("TCP_KEEPIDLE", socket.IPPROTO_TCP, 60),
    ("TCP_KEEPINTVL", socket.IPPROTO_TCP, 10),
    ("TCP_KEEPCNT", socket.IPPROTO_TCP, 3),
    ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP, 60_000),
)


# How many pieces of memory the kernel takes in one call (Linux: UIO_MAXIOV).
_PARTS_MAX: Final = 1024

Bytes = bytes | bytearray | memoryview


class Channel(Protocol):
    """What a connection needs of its transport."""

    def read_into(self, view: memoryview) -> int:
        """Read what is there; 0 is the end. Raises BlockingIOError, ssl.SSLError or OSError."""
        ...

    @property
    def has_pending(self) -> bool:
        """Tell whether more can be read without waiting for the socket."""
        ...

    def send(self, data: bytes) -> None:
        """Send now what the socket takes and keep the rest. Raises OSError."""
        ...

    def send_parts(self, parts: Sequence[Bytes]) -> None:
        """Send now what the socket takes of `parts` and keep the rest, without copying it.

        The memory of `parts` must stay as it is until nothing is unsent. Raises OSError.
        """
        ...

    def flush(self) -> None:
        """Send what was kept. Raises OSError."""
        ...

    @property
    def has_unsent(self) -> bool:
        """Tell whether `flush` should be called when the socket takes more."""
        ...

    def close(self) -> None:
        """Close; what is unsent is dropped."""
        ...


def _prepare(listener: socket.socket) -> None:
    """Set what every association socket needs: no Nagle, and a way to notice a vanished peer.

    Sockets have it from the one that they were accepted on; to set it on each of them were six
    calls for every association.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, level, value in _KEEPALIVE:
        if (option := getattr(socket, name, None)) is not None:
            listener.setsockopt(level, option, value)


class PlainChannel:
    """TCP."""

    __slots__ = ("_recv_into", "_setsockopt", "_sock", "_unsent", "_unsent_bytes")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._recv_into = sock.recv_into
        self._setsockopt = sock.setsockopt
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0

    def read_into(self, view: memoryview) -> int:
        """Read what is there, and make the kernel acknowledge it at once."""
        count = self._recv_into(view)
        if _TCP_QUICKACK is not None:
            # DCMTK's default sender leaves Nagle on: without this it stands still 40 ms a message.
            self._setsockopt(socket.IPPROTO_TCP, _TCP_QUICKACK, 1)
        return count

    @property
    def has_pending(self) -> bool:
        """The kernel tells us when there is more."""
        return False

    def send(self, data: bytes) -> None:
        """Send now what the socket takes and keep the rest."""
        sent = 0
        if not self._unsent:
            with contextlib.suppress(BlockingIOError):
                sent = self._sock.send(data)
            if sent == len(data):
                return
        if self._unsent_bytes + len(data) - sent > UNSENT_BYTES_MAX:
            raise ConnectionAbortedError("the peer does not read our answers")
        self._keep(memoryview(data)[sent:])

    def send_parts(self, parts: Sequence[Bytes]) -> None:
        """Send now what the socket takes of `parts` and keep the rest, without copying it."""
        has_waited = bool(self._unsent)
        for part in parts:
            if len(part):
                self._keep(memoryview(part))
        if not has_waited:
            self.flush()

    def flush(self) -> None:
        """Send what was kept."""
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                count = self._sock.sendmsg(list(islice(self._unsent, _PARTS_MAX)))
                self._drop(count)

    @property
    def has_unsent(self) -> bool:
        """Tell whether something was kept."""
        return bool(self._unsent)

    def close(self) -> None:
        """Close the socket."""
        self._unsent.clear()
        self._sock.close()

    def _keep(self, part: memoryview) -> None:
        self._unsent.append(part)
        self._unsent_bytes += len(part)

    def _drop(self, count: int) -> None:
        """Forget what the socket has taken."""
        self._unsent_bytes -= count
        unsent = self._unsent
        while count:
            first = unsent.popleft()
            if count < len(first):
                unsent.appendleft(first[count:])
                return
            count -= len(first)


class TlsChannel:
    """TLS over TCP. The handshake happens inside the first reads."""

    __slots__ = ("_incoming", "_is_shaken", "_outgoing", "_plain", "_received", "_tls")

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._plain = PlainChannel(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._received = memoryview(bytearray(0))
        self._is_shaken = False

    def read_into(self, view: memoryview) -> int:
        """Read decrypted bytes; raises BlockingIOError while the handshake is not complete."""
        if self._is_shaken and (count := self._decrypt(view)):
            return count
        if not self._received:
            self._received = memoryview(bytearray(_TLS_READ_BYTES))
        count = self._plain.read_into(self._received)
        if count == 0:
            self._incoming.write_eof()
            return 0
        self._incoming.write(self._received[:count])
        if not self._is_shaken:
            self._shake()
        count = self._decrypt(view)
        if count == 0:
            raise BlockingIOError
        return count

    @property
    def has_pending(self) -> bool:
        """Tell whether decrypted or undecrypted bytes are waiting in memory."""
        return self._is_shaken and (self._tls.pending() > 0 or self._incoming.pending > 0)

    def send(self, data: bytes) -> None:
        """Encrypt and send."""
        self._tls.write(data)
        self._drain()

    def send_parts(self, parts: Sequence[Bytes]) -> None:
        """Encrypt all of `parts` and send; they are not needed any more."""
        for part in parts:
            if len(part):
                self._tls.write(part)
        if self._outgoing.pending:
            self._plain.send_parts([self._outgoing.read()])

    def flush(self) -> None:
        """Send what was kept."""
        self._plain.flush()

    @property
    def has_unsent(self) -> bool:
        """Tell whether something was kept."""
        return self._plain.has_unsent

    def close(self) -> None:
        """Say goodbye as far as the socket takes it, and close."""
        with contextlib.suppress(OSError):
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._drain()
        self._plain.close()

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._drain()
            raise BlockingIOError from None
        except ssl.SSLError:
            # The alert tells the peer why.
            with contextlib.suppress(OSError):
                self._drain()
            raise
        self._is_shaken = True
        self._drain()

    def _decrypt(self, view: memoryview) -> int:
        try:
            # With a buffer the answer is a count, whatever typeshed says.
            return cast("int", self._tls.read(len(view), view))
        except ssl.SSLWantReadError:
            return 0
        except ssl.SSLZeroReturnError:
            raise ConnectionResetError("the peer closed TLS") from None

    def _drain(self) -> None:
        if self._outgoing.pending:
            self._plain.send(self._outgoing.read())


def plain_address(host: str) -> str:
    """Give a caller over IPv4 its IPv4 address, also when it came in on an IPv6 socket."""
    return host.removeprefix("::ffff:") if "." in host else host


def listen(host: str, port: int, *, backlog: int = 1024) -> Sequence[socket.socket]:
    """Open listening sockets on every address of `host`; `::` takes IPv4 too. Raises OSError."""
    sockets = []
    family = socket.AF_INET6 if ":" in host else socket.AF_UNSPEC
    addresses = socket.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for kind, _, _, _, address in dict.fromkeys(addresses):
        sock = socket.socket(kind, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        _prepare(sock)
        sock.bind(address)
        sock.listen(backlog)
        sock.setblocking(False)  # noqa: FBT003 - the signature of the standard library
        sockets.append(sock)
    return sockets
