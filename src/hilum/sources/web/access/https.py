"""HTTPS: connections that are accepted wait here, bounded in number and time, for their handshake.

The context is asked for at each connection, so that a renewed certificate counts from the next one.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from socket import socket
from typing import Final

from hilum.kernel.telemetry import Telemetry
from hilum.sources.dimse.tls import explain
from hilum.sources.web.access.certificate import identities_of
from hilum.sources.web.access.events import HandshakeFailed

# As much as a modality gets for its handshake and first request (artim_seconds).
HANDSHAKE_SECONDS_MAX: Final = 10.0
# Handshakes at once. A flood of them costs the oldest their place, as most of a flood are idle.
HANDSHAKES_MAX: Final = 256
_ACCEPT_PAUSE_SECONDS: Final = 0.5
SECTION: Final = "sources.web.tls"
_PROCESS: Final = "none, it is tried again at once; what this machine has too little of comes back"
_CALLER: Final = "ask the caller why it ended it; it may not trust our certificate, and not say so"


def web_context(context: ssl.SSLContext) -> ssl.SSLContext:
    """Say that HTTP/1.1 is spoken (RFC 7301)."""
    context.set_alpn_protocols(["http/1.1"])
    return context


def identities_on(transport: asyncio.BaseTransport) -> frozenset[str]:
    """Give what the verified certificate of a connection's client says; nothing without one."""
    layer = transport.get_extra_info("ssl_object")
    if layer is None or not (certificate := layer.getpeercert()):
        return frozenset()
    return identities_of(certificate, layer.getpeercert(binary_form=True) or b"")


class HttpsDoor:
    """Accepts on sockets that listen already. `make_http` makes what speaks HTTP afterwards."""

    seconds_max = HANDSHAKE_SECONDS_MAX
    handshakes_max = HANDSHAKES_MAX

    def __init__(
        self,
        sockets: Sequence[socket],
        context: Callable[[], ssl.SSLContext],
        make_http: Callable[[], asyncio.Protocol],
        telemetry: Telemetry,
    ) -> None:
        self.context = context
        self.make_http = make_http
        self._sockets = sockets
        self._telemetry = telemetry
        self._accepting: list[asyncio.Task[None]] = []
        self._waiting: dict[asyncio.Task[None], None] = {}

    def open(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._accepting = [loop.create_task(self._accept(one)) for one in self._sockets]

    def close(self) -> None:
        """Accept no more, and drop who has not finished its handshake."""
        for task in (*self._accepting, *self._waiting):
            task.cancel()

    async def _accept(self, listener: socket) -> None:
        loop = asyncio.get_running_loop()
        listener.settimeout(0)
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # who called has hung up again
            except OSError as error:
                # No descriptors, no memory: both come back.
                self._tell("accept", "", error.strerror or str(error), _PROCESS)
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            self._begin(connection)

    def _begin(self, connection: socket) -> None:
        """Let a connection shake hands, if need be in the place of the oldest that does."""
        if len(self._waiting) >= self.handshakes_max:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._shake_hands(connection))
        self._waiting[task] = None
        task.add_done_callback(lambda done: self._waiting.pop(done, None))

    async def _shake_hands(self, connection: socket) -> None:
        """Go on to HTTP when the handshake has succeeded, and tell why when it has not."""
        address = _address_of(connection)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self.make_http,
                connection,
                ssl=self.context(),
                ssl_handshake_timeout=self.seconds_max,
            )
        except ssl.SSLError as error:
            failure = explain(error, SECTION)
            self._tell(failure.cause, address, failure.reason, failure.remedy)
        except OSError as error:  # also what a handshake that takes too long is
            self._tell("unfinished", address, str(error) or "it did not end", _CALLER)
        except BaseException:
            connection.close()
            raise

    def _tell(self, cause: str, address: str, reason: str, remedy: str) -> None:
        self._telemetry.emit(HandshakeFailed(cause, address, reason, remedy))


def _address_of(connection: socket) -> str:
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return ""  # it has hung up again
