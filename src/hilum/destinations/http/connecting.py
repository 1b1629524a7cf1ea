"""Opens connections of our own, so that what goes wrong has the words of any other request."""

import asyncio
import socket
import ssl
from typing import Final
from urllib.parse import SplitResult

import aiohttp
from aiohttp.client_reqrep import ConnectionKey

from hilum.destinations.http.settings import HttpSettings

_PORTS: Final = {"http": 80, "https": 443}


def is_direct(url: str, settings: HttpSettings) -> bool:
    """Tell whether `connected` is for this URL: no proxy, and nothing in it to be rewritten."""
    return settings.proxy is None and url.isascii() and "@" not in url


async def connected(
    address: SplitResult,
    settings: HttpSettings,
    tls: ssl.SSLContext | None,
    wire: asyncio.BaseProtocol,
) -> None:
    """Connect `wire`.

    Raises:
        aiohttp.ClientError, ssl.SSLError: as aiohttp's own client does.
    """
    host = address.hostname or ""
    port = address.port or _PORTS[address.scheme]
    is_tls = address.scheme == "https"
    key = ConnectionKey(host, port, is_tls, tls or True, None, None, None)
    trust = (tls or ssl.create_default_context()) if is_tls else None
    try:
        async with asyncio.timeout(settings.connect_timeout_seconds):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: wire, host, port, ssl=trust)
    except TimeoutError as error:
        raise aiohttp.ConnectionTimeoutError from error
    except ssl.SSLCertVerificationError as error:
        raise aiohttp.ClientConnectorCertificateError(key, error) from error
    except ssl.SSLError:
        raise
    except OSError as error:
        is_name = isinstance(error, socket.gaierror)
        kind = aiohttp.ClientConnectorDNSError if is_name else aiohttp.ClientConnectorError
        raise kind(key, error) from error
