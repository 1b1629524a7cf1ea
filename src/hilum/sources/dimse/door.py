"""The DIMSE door: listening sockets, and the clock that watches the connections behind them."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from hilum.sources.dimse.channel import (
    Channel,
    PlainChannel,
    TlsChannel,
    plain_address,
)
from hilum.sources.dimse.connection import Connection
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.events import AcceptPaused, ListenerOpened

# Deadlines are whole seconds; looking twice a second is exact enough and costs nothing.
_WATCH_SECONDS: Final = 0.5
# When the process has no descriptors left, accepting again at once would only spin.
_PAUSE_SECONDS: Final = 0.1
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# Connections taken in one turn of the loop. Workers share their listening sockets: one that takes
# few at a time leaves some for the others.
_ACCEPTS_PER_TURN: Final = 4


class DimseDoor:
    """Accepts connections on plain and TLS sockets. One object a process."""

    def __init__(self, desk: Desk, tls: ssl.SSLContext | None) -> None:
        self._desk = desk
        self.tls = tls
        self._sockets: list[socket.socket] = []
        self._watcher: asyncio.TimerHandle | None = None
        self._is_stopping = False

    def open(self, plain: Sequence[socket.socket], secure: Sequence[socket.socket]) -> None:
        """Begin to accept; secure sockets need a TLS context."""
        for sock in plain:
            self._listen(sock, is_secure=False)
        for sock in secure:
            self._listen(sock, is_secure=True)
        self._watch()

    async def stop(self) -> None:
        """Accept no more; let what was begun come to its end; abort the rest at the deadline."""
        self._is_stopping = True
        while self._sockets:
            sock = self._sockets.pop()
            self._desk.loop.remove_reader(sock.fileno())
            sock.close()
        for connection in self._desk.connections():
            connection.end_when_idle()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._desk.emptied.wait(), self._desk.limits.stop_seconds)
        for connection in self._desk.connections():
            connection.abort("stopping", "The gateway is stopping.")
        await self._desk.operations.ended()
        if self._watcher is not None:
            self._watcher.cancel()

    def _listen(self, sock: socket.socket, *, is_secure: bool) -> None:
        self._sockets.append(sock)
        host, port = sock.getsockname()[:2]
        self._desk.telemetry.emit(ListenerOpened(host, port, " with TLS" if is_secure else ""))
        self._accept_on(sock, is_secure=is_secure)

    def _accept_on(self, sock: socket.socket, *, is_secure: bool) -> None:
        if not self._is_stopping:
            self._desk.loop.add_reader(
                sock.fileno(), lambda: self._accept(sock, is_secure=is_secure)
            )

    def _accept(self, listener: socket.socket, *, is_secure: bool) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(listener, error, is_secure=is_secure)
                return
            self._begin(sock, plain_address(str(address[0])), is_secure=is_secure)

    def _begin(self, sock: socket.socket, host: str, *, is_secure: bool) -> None:
        try:
            sock.setblocking(False)  # noqa: FBT003 - the signature of the standard library
        except OSError:
            # The peer was gone again before we looked.
            sock.close()
            return
        channel: Channel = PlainChannel(sock)
        if is_secure:
            assert self.tls is not None  # noqa: S101 - the house gives one with secure sockets
            channel = TlsChannel(sock, self.tls)
        connection = Connection(self._desk, channel, host, sock.fileno())
        self._desk.welcome(connection)
        connection.start()

    def _pause(self, listener: socket.socket, error: OSError, *, is_secure: bool) -> None:
        self._desk.telemetry.emit(AcceptPaused(error.strerror or "out of resources"))
        self._desk.loop.remove_reader(listener.fileno())
        self._desk.loop.call_later(
            _PAUSE_SECONDS, lambda: self._accept_on(listener, is_secure=is_secure)
        )

    def _watch(self) -> None:
        now = self._desk.clock.monotonic()
        for connection in self._desk.connections():
            connection.watch(now)
        self._watcher = self._desk.loop.call_later(_WATCH_SECONDS, self._watch)
