"""Opens the TCP (and TLS) connection to a peer, and says in words why it cannot."""

import asyncio
import errno
import os
import socket
import ssl
from typing import Final, TypeVar

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.tls_words import alert_words, distrust_words
from hilum.kernel.errors import HilumError, Rejected, Unreachable

_P = TypeVar("_P", bound=asyncio.BaseProtocol)

_HINTS: Final = {
    errno.ECONNREFUSED: "nothing listens there; is the port right, is the peer running?",
    errno.EHOSTUNREACH: "no way to this host; is the address right, does a firewall stand between?",
    errno.ENETUNREACH: "no way to this network; is the address right?",
    errno.ETIMEDOUT: "no answer; is the address right, does a firewall drop our packets?",
}
_TLS_HINT: Final = "Is this its TLS port (often 2762), and does it know TLS 1.2 or newer?"


async def connect(address: Address, options: RequestorOptions, protocol: _P) -> _P:
    """Connect `protocol` to the peer. When this raises nothing is left open.

    Raises:
        Unreachable: no connection within the deadline.
        Rejected: TLS was tried and one side does not want the other.
    """
    seconds = options.connect_timeout_seconds
    try:
        async with asyncio.timeout(seconds):
            connected = await _open_socket(address)
            await _start(address, connected, options, protocol)
    except TimeoutError as error:
        hint = _HINTS[errno.ETIMEDOUT] + (f" {_TLS_HINT}" if options.tls else "")
        raise Unreachable(f"{address}: no connection within {seconds:g} s: {hint}") from error
    return protocol


async def _start(
    address: Address, connected: socket.socket, options: RequestorOptions, protocol: _P
) -> None:
    """Put `protocol` on the socket, with TLS between them if there shall be."""
    loop = asyncio.get_running_loop()
    try:
        await loop.create_connection(
            lambda: protocol,
            sock=connected,
            ssl=options.tls,
            server_hostname=address.host if options.tls else None,
        )
    except BaseException as error:
        connected.close()
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            raise _tls_failure(address, error) from error
        raise


async def _open_socket(address: Address) -> socket.socket:
    """Try every address of the host in the resolver's order; the last failure counts."""
    loop = asyncio.get_running_loop()
    try:
        places = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unreachable(
            f"{address}: the name {address.host!r} cannot be resolved: {error.strerror}"
        ) from error
    failure: OSError | None = None
    for family, kind, number, _, place in places:
        candidate = socket.socket(family, kind, number)
        try:
            candidate.setblocking(False)  # noqa: FBT003 - the socket's own signature
            # Without it the end of each instance waits for the peer's delayed ACK.
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(candidate, place)
        except OSError as error:
            candidate.close()
            failure = error
        except BaseException:
            candidate.close()
            raise
        else:
            return candidate
    raise _tcp_failure(address, failure)


def _tcp_failure(address: Address, error: OSError | None) -> Unreachable:
    # Event loops put an address into the text; the number says it in the system's own words.
    number = (error.errno if error else None) or errno.EADDRNOTAVAIL
    hint = _HINTS.get(number)
    return Unreachable(
        f"{address}: cannot connect: {os.strerror(number)}" + (f": {hint}" if hint else "")
    )


def _tls_failure(address: Address, error: OSError) -> HilumError:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "Is it issued by the authority that we were given?"
        return Rejected(f"{address}: {distrust_words(error.verify_message, hint)}")
    if isinstance(error, ssl.SSLError) and (words := alert_words(error)):
        return Rejected(f"{address}: no TLS session: {words}")
    if isinstance(error, ssl.SSLError):
        return Rejected(f"{address}: no TLS session: {error.reason or error}. {_TLS_HINT}")
    return Unreachable(f"{address} closed the connection instead of beginning TLS. {_TLS_HINT}")
