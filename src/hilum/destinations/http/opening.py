"""Opens what HTTP requests of ours go through: bounded, and with nothing taken from elsewhere."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from hilum.destinations.http.credentials import basic
from hilum.destinations.http.settings import HttpSettings

USER_AGENT: Final = "Hilum"
# What waits in memory for whoever reads more slowly than a body comes; twice that, and the socket
# is not read any more.
_READ_BUFFER_BYTES: Final = 256 << 10


def open_session(
    settings: HttpSettings,
    tls: ssl.SSLContext | None,
    *,
    connections_max: int,
    headers: Mapping[str, str],
    traces: Sequence[aiohttp.TraceConfig] = (),
    unfolds: bool = True,
) -> aiohttp.ClientSession:
    """Make a pool of connections; nothing is connected yet.

    `unfolds`: compressed bodies come unfolded, without a bound: for answers that have one.
    """
    connect = settings.connect_timeout_seconds
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections_max,
            ssl=tls if tls is not None else True,
            keepalive_timeout=settings.keep_alive_seconds,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect),
        headers={"User-Agent": USER_AGENT, **headers},
        proxy=settings.proxy,
        trust_env=False,
        auto_decompress=unfolds,
        read_bufsize=_READ_BUFFER_BYTES,
        trace_configs=list(traces),
    )


def proxy_login(settings: HttpSettings) -> Mapping[str, str]:
    """Give what the proxy wants to see."""
    user, password = settings.proxy_user, settings.proxy_password
    if not user:
        return {}
    login = basic(user, password.get_secret_value() if password else "")
    return {"Proxy-Authorization": login["Authorization"]}
