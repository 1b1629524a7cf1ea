"""The HTTP listener: uvicorn, run inside our own event loop and stopped in our own order."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from hilum.kernel.errors import Misconfigured
from hilum.kernel.telemetry import Telemetry
from hilum.service.web_connection import BoundedHttp
from hilum.service.web_tls import WebTls
from hilum.sources.web.access.https import HttpsDoor
from hilum.sources.web.settings import WebLimits
from hilum.sources.web.socket_reading import spare_memory

# Between two requests on one connection: longer than a probe's or scraper's usual interval.
KEEP_ALIVE_SECONDS: Final = 15

# For answers that are under way when we stop: they take milliseconds.
STOP_SECONDS_MAX: Final = 3

BACKLOG: Final = 128


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
        own = {"limits": limits or WebLimits(), "memory": spare_memory()}
        bounded = type("BoundedHttp", (BoundedHttp,), own)
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


def listen(host: str, port: int, section: str = "sources.web") -> list[socket.socket]:
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
        raise Misconfigured(cannot_listen(section, host, port, error)) from error
    return listeners


def _addresses(host: str, port: int) -> list[tuple[Any, ...]]:  # as getaddrinfo gives them
    return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)


def _bind(listener: socket.socket, address: tuple[Any, ...]) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(BACKLOG)


def cannot_listen(section: str, host: str, port: int, error: OSError) -> str:
    """Say it of the setting `section`: who has the port, or whose address it is."""
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
    return f"{section}: cannot listen on {host!r} port {port}: {remedy}"
