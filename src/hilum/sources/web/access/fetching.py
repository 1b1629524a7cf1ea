"""Gets the keys of an identity provider: over HTTPS, or from a file. Bounded in bytes and time."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import aiohttp

from hilum.kernel.errors import Misconfigured, RemoteProtocolError, Unreachable
from hilum.sources.web.access.settings import JwtSettings
from hilum.sources.web.access.token_keys import keys_of

SECONDS_MAX: Final = 5.0  # a caller with a token waits for it, if only the first one
BYTES_MAX: Final = 256 * 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"

Fetch = Callable[[], Awaitable[bytes]]


def fetcher_of(settings: JwtSettings) -> Fetch:
    """Make what gets the JWKS, as the settings say."""
    if settings.jwks_file is not None:
        path = settings.jwks_file
        return lambda: asyncio.to_thread(_read, path)
    return _Provider(settings).keys


class _Provider:
    """An identity provider on the network."""

    def __init__(self, settings: JwtSettings) -> None:
        self._issuer = settings.issuer
        self._url = settings.jwks_url
        self._ca = settings.ca

    async def keys(self) -> bytes:
        """Get the JWKS; where that is, the provider says unless the settings do."""
        try:
            async with asyncio.timeout(SECONDS_MAX), self._session() as session:
                url = self._url or await self._discovered(session)
                return await _get(session, url)
        except TimeoutError as error:
            raise Unreachable(f"no answer within {SECONDS_MAX:g} s") from error
        except (aiohttp.ClientError, ssl.SSLError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "User-Agent": "Hilum"},
            trust_env=False,
        )

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca)
        except OSError as error:
            raise Misconfigured(f"sources.web.jwt.ca: '{self._ca}' cannot be used") from error

    async def _discovered(self, session: aiohttp.ClientSession) -> str:
        """Ask the provider where its keys are (OpenID Connect Discovery 1.0 §4)."""
        answer = await _get(session, self._issuer.rstrip("/") + _DISCOVERY)
        try:
            document = json.loads(answer)
            issuer, url = document["issuer"], document["jwks_uri"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RemoteProtocolError(
                "its openid-configuration has no issuer and jwks_uri"
            ) from error
        if issuer != self._issuer:
            # §4.3: it must be the same, or its tokens could be another's.
            raise RemoteProtocolError("its openid-configuration is of another issuer")
        is_own = isinstance(url, str) and url.startswith(f"{self._origin()}/")
        if not isinstance(url, str) or not (is_own or url.startswith("https:")):
            raise RemoteProtocolError("its jwks_uri is not https")
        return url

    def _origin(self) -> str:
        return "/".join(self._issuer.split("/")[:3])


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise RemoteProtocolError(f"{url} was answered with status {response.status}")
        content = bytearray()
        async for piece in response.content.iter_any():
            content += piece
            if len(content) > BYTES_MAX:
                raise RemoteProtocolError(f"{url} has more than {BYTES_MAX} bytes")
        return bytes(content)


def check_keys(document: bytes) -> str:
    """Say what is wrong with a JWKS; "" when signatures can be verified with it."""
    try:
        keys_of(document)
    except RemoteProtocolError as error:
        return str(error)
    return ""


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(BYTES_MAX)
    except OSError as error:
        raise Misconfigured(f"cannot read '{path}': {error.strerror}") from error
