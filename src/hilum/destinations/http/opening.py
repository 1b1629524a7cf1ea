"""Opens what HTTP requests of ours go through: bounded, and with nothing taken from elsewhere."""

import ssl
from collections.abc import Mapping, Sequence

import aiohttp

from hilum.destinations.http.credentials import basic
from hilum.destinations.http.settings import HttpSettings

USER_AGENT = "Hilum"


def open_session(
    settings: HttpSettings,
    tls: ssl.SSLContext | None,
    *,
    connections_max: int,
    read_buffer_bytes: int = 1 << 16,
    headers: Mapping[str, str],
    traces: Sequence[aiohttp.TraceConfig] = (),
) -> aiohttp.ClientSession:
    """Make a pool of connections; nothing is connected yet. Bodies come as they are sent."""
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
        auto_decompress=False,
        read_bufsize=read_buffer_bytes,
        trace_configs=list(traces),
    )


def proxy_login(settings: HttpSettings) -> Mapping[str, str]:
    """Give what the proxy wants to see."""
    user, password = settings.proxy_user, settings.proxy_password
    if not user:
        return {}
    login = basic(user, password.get_secret_value() if password else "")
    return {"Proxy-Authorization": login["Authorization"]}
