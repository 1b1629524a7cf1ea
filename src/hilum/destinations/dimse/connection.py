"""Opens the TCP (and TLS) connection to a peer, and says in words why it cannot."""

import asyncio
import errno
import os
import socket
import ssl
from typing import Final, TypeVar

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.kernel.errors import HilumError, Rejected, Unreachable

_P = TypeVar("_P", bound=asyncio.BaseProtocol)

_HINTS: Final = {
    errno.ECONNREFUSED: "nothing listens there; is the port right, is the peer running?",
    errno.EHOSTUNREACH: "no way to this host; is the address right, does a firewall stand between?",
    errno.ENETUNREACH: "no way to this network; is the address right?",
    errno.ETIMEDOUT: "no answer; is the address right, does a firewall drop our packets?",
}


async def connect(address: Address, options: RequestorOptions, protocol: _P) -> _P:
    """Connect `protocol` to the peer. When this raises nothing is left open.

    Raises:
        Unreachable: no connection within the deadline.
        Rejected: TLS was tried and one side does not want the other.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(options.connect_timeout_seconds):
            connected = await _open_socket(address)
            try:
                await loop.create_connection(
                    lambda: protocol,
                    sock=connected,
                    ssl=options.tls,
                    server_hostname=address.host if options.tls else None,
                )
            except BaseException:
                connected.close()
                raise
    except TimeoutError as error:
        raise Unreachable(
            f"{address}: no connection within {options.connect_timeout_seconds:g} s: "
            f"{_HINTS[errno.ETIMEDOUT]}"
        ) from error
    except OSError as error:
        raise _explain(address, error) from error
    return protocol


async def _open_socket(address: Address) -> socket.socket:
    """Try every address of the host in the resolver's order; the last failure counts."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, number, _, place in await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
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
    raise failure or OSError(errno.EADDRNOTAVAIL, "the name has no address")


def _explain(address: Address, error: OSError) -> HilumError:
    if isinstance(error, socket.gaierror):
        return Unreachable(
            f"{address}: the name {address.host!r} cannot be resolved: {error.strerror}"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return Rejected(
            f"{address}: we do not trust its certificate: {error.verify_message}. "
            "Is it issued by the authority (--ca) that we were given?"
        )
    if isinstance(error, ssl.SSLError):
        return Rejected(
            f"{address}: no TLS session: {error.reason or error}. "
            "Is this its TLS port (often 2762), and does it want a certificate from us?"
        )
    # Event loops put an address into the text; the number says it in the system's own words.
    words = os.strerror(error.errno) if error.errno else type(error).__name__
    hint = _HINTS.get(error.errno or 0)
    return Unreachable(f"{address}: cannot connect: {words}" + (f": {hint}" if hint else ""))
