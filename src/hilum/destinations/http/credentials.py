"""What we show a server with each request: nothing, a fixed header, or a token that is renewed."""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.kernel.errors import Rejected

# A token in a file is renewed by somebody else, every hour or so: looking often costs nothing.
_FILE_SECONDS: Final = 60.0
_TOKEN_BYTES_MAX: Final = 65536

Headers = Mapping[str, str]


class Credentials(Protocol):
    """How one destination's requests are made welcome. Shared by its sessions."""

    async def headers(self) -> Headers:
        """Give the headers for a request.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: there are none to be had.
        """
        ...

    async def renewed(self, refused: Headers) -> Headers | None:
        """Give others than those that were answered 401; None: there are no others.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: as above.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


class FixedCredentials:
    """The same headers for ever; none at all is the simplest case."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    async def headers(self) -> Headers:
        """Give them."""
        return self._headers

    async def renewed(self, refused: Headers) -> None:
        """There are no others."""
        del refused

    async def aclose(self) -> None:
        """Nothing is open."""


class TokenFile:
    """A bearer token in a file that something else renews."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._headers: Headers = {}
        self._read_at = float("-inf")

    async def headers(self) -> Headers:
        """Give the token; the file is read again now and then. Raises Rejected."""
        if self._clock.monotonic() - self._read_at >= _FILE_SECONDS:
            self._headers = bearer(await asyncio.to_thread(self._read))
            self._read_at = self._clock.monotonic()
        return self._headers

    async def renewed(self, refused: Headers) -> Headers | None:
        """Give what is in the file by now, if that is another token. Raises Rejected."""
        self._read_at = float("-inf")
        headers = await self.headers()
        return headers if headers != refused else None

    async def aclose(self) -> None:
        """Nothing is open."""

    def _read(self) -> str:
        try:
            with self._path.open("rb") as stream:
                token = stream.read(_TOKEN_BYTES_MAX + 1).strip().decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            words = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise Rejected(f"the token in {self._path} cannot be read: {words}") from error
        if not token or len(token) > _TOKEN_BYTES_MAX or not token.isprintable():
            raise Rejected(f"there is no token in {self._path}")
        return token


def bearer(token: str) -> Headers:
    """Write a bearer token as a header (RFC 6750 §2.1)."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> Headers:
    """Write user and password as a header (RFC 7617, in UTF-8)."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {encoded}"}
