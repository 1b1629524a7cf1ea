"""The HTTP listener: uvicorn, run inside our own event loop and stopped in our own order.

uvicorn leaves two things open that a listener on a hospital's network cannot: the head of a request
may be endless, and may take for ever. Both are bounded here.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hilum.kernel.errors import Misconfigured
from hilum.kernel.telemetry import Telemetry
from hilum.service.web_sending import FileSender, can_take_files
from hilum.service.web_tls import WebTls
from hilum.sources.web.access.certificate import CERTIFICATE_STATE
from hilum.sources.web.access.https import HttpsDoor, identities_on
from hilum.sources.web.door import CUT_OFF_STATE
from hilum.sources.web.exchange import SEND_FILE_STATE
from hilum.sources.web.settings import WebLimits

# What a request may take until its head is complete. Heads of browsers behind proxies with big
# cookies reach some 16 KB.
HEAD_BYTES_MAX: Final = 65_536
HEAD_SECONDS_MAX: Final = 10.0

# Between two requests on one connection: longer than a probe's or scraper's usual interval.
KEEP_ALIVE_SECONDS: Final = 15

# For answers that are under way when we stop: they take milliseconds.
STOP_SECONDS_MAX: Final = 3

BACKLOG: Final = 128

TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 over one connection, with an end to what its client may cost."""

    limits: ClassVar = WebLimits()
    head_seconds_max: ClassVar = HEAD_SECONDS_MAX

    def __init__(self, *arguments: Any, **named: Any) -> None:  # uvicorn's business
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None  # None: no head is awaited
        self._stall_timer: asyncio.TimerHandle | None = None  # None: the client takes what we send

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's narrower type
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self._certificate = identities_on(transport)
        self._files: FileSender | None = None
        if can_take_files(transport):
            self._files = FileSender(
                transport, stall_seconds_max=self.limits.transfer_grace_seconds
            )
        self._await_head()
        if len(self.connections) > self.limits.connections_max:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._files is not None:
            self._files.close()
        self._head_is_complete()
        self._takes_again()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which keeps an unfinished head however long it gets: so we count."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.transport.write(TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self.scope["state"][CERTIFICATE_STATE] = self._certificate
        self._await_head()

    def on_headers_complete(self) -> None:
        """Note that the head of a request is complete."""
        self._head_is_complete()
        super().on_headers_complete()
        state = self.scope["state"]
        state[CUT_OFF_STATE] = partial(self._cut_off, self.cycle)
        if self._files is not None:
            state[SEND_FILE_STATE] = partial(self._files.send, self.cycle)

    def pause_writing(self) -> None:
        """Wait for a client that takes more slowly than we send; not for one that takes nothing."""
        super().pause_writing()
        if self.limits.bytes_per_second_min and self._stall_timer is None:
            self._look_again()

    def resume_writing(self) -> None:
        """Go on."""
        self._takes_again()
        super().resume_writing()

    def _look_again(self) -> None:
        self._stall_timer = self.loop.call_later(
            self.limits.transfer_grace_seconds, self._look, self.transport.get_write_buffer_size()
        )

    def _look(self, waiting_before: int) -> None:
        """Give up on a client that took less than it must since we looked last."""
        taken = waiting_before - self.transport.get_write_buffer_size()
        if taken < self.limits.bytes_per_second_min * self.limits.transfer_grace_seconds:
            self.transport.abort()
        else:
            self._look_again()

    def _takes_again(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _cut_off(self, cycle: RequestResponseCycle) -> None:
        """Close without the end of an answer, which uvicorn would call the application's fault."""
        cycle.disconnected = True
        self.transport.close()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds_max, self.transport.abort)

    def _head_is_complete(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


@dataclass(frozen=True, slots=True)
class Secure:
    """What HTTPS needs besides: sockets of its own, and the certificate that is valid now."""

    sockets: Sequence[socket.socket]
    tls: WebTls
    telemetry: Telemetry


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with our own way to HTTPS.

    When to stop is decided by the service.
    """

    def __init__(self, config: uvicorn.Config, secure: Secure | None) -> None:
        super().__init__(config)
        self._https: HttpsDoor | None = None
        if secure is not None:
            self._https = HttpsDoor(
                secure.sockets, secure.tls.context, self._new_http, secure.telemetry
            )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        if self._https is not None:
            self._https.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and finish what was begun."""
        self.close_https()
        await super().shutdown(sockets)

    def close_https(self) -> None:
        """Accept no more over HTTPS."""
        if self._https is not None:
            self._https.close()

    def _new_http(self) -> asyncio.Protocol:
        protocol: type[Any] = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """Serves one application on sockets that listen already, until it is told to stop."""

    def __init__(
        self,
        application: ASGIApp,
        sockets: Sequence[socket.socket],
        limits: WebLimits | None = None,
        secure: Secure | None = None,
    ) -> None:
        bounded = type("BoundedHttp", (BoundedHttp,), {"limits": limits or WebLimits()})
        self._sockets = list(sockets)
        self._secure_sockets = list(secure.sockets) if secure else []
        self.port = _port_of(self._sockets)
        self.secure_port = _port_of(self._secure_sockets)
        self._server = _Server(
            uvicorn.Config(
                application,
                http=bounded,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,  # its lines would hold query strings
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS_MAX,
            ),
            secure,
        )

    async def run(self) -> None:
        """Serve until `stop`, then finish what was begun; when cancelled, drop it."""
        try:
            await self._server.serve(self._sockets)
        finally:
            self._drop_what_is_left()

    def stop(self) -> None:
        """Begin to stop: to be called last, so that /readyz can say all the while that we are."""
        self._server.should_exit = True

    def _drop_what_is_left(self) -> None:
        self._server.close_https()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        for server in self._server.servers if self._server.started else ():
            server.close()
        for listener in (*self._sockets, *self._secure_sockets):
            listener.close()


def _port_of(sockets: Sequence[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1]) if sockets else 0


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of `host`; from here on callers are kept waiting, not turned away.

    Workers that are forked after this share the sockets. Port 0 takes any free one.

    Raises:
        Misconfigured: that is not possible; says why and what to change.
    """
    listeners: list[socket.socket] = []
    try:
        for family, _, _, _, address in _addresses(host, port):
            # With port 0, the other addresses get the port that the first one was given.
            chosen = port or (listeners[0].getsockname()[1] if listeners else 0)
            listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            listeners.append(listener)
            _bind(listener, (address[0], chosen, *address[2:]))
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise Misconfigured(_explained(host, port, error)) from error
    return listeners


def _addresses(host: str, port: int) -> list[tuple[Any, ...]]:  # as getaddrinfo gives them
    return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)


def _bind(listener: socket.socket, address: tuple[Any, ...]) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(BACKLOG)


def _explained(host: str, port: int, error: OSError) -> str:
    remedies = {
        errno.EADDRINUSE: f"another program has it (`ss -ltnp 'sport = :{port}'` shows which); "
        "end that one or choose another port",
        errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
        errno.EADDRNOTAVAIL: "that is no address of this machine; `ip addr` shows which are",
    }
    if isinstance(error, socket.gaierror):
        remedy = "that name is not known; write an IP address of this machine"
    else:
        remedy = remedies.get(error.errno or 0, os.strerror(error.errno or 0))
    return f"sources.web: cannot listen on {host!r} port {port}: {remedy}"
