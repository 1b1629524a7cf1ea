"""Access tokens that are asked for: kept while they last, renewed before they end, once for all."""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.destinations.http.credentials import Headers, bearer
from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError

# A token is renewed this long before its end, or after nine tenths of a short life.
_EARLY_SECONDS: Final = 60.0
_EARLY_SHARE: Final = 0.1
# When renewal failed and the old token still holds, it is not tried again for every request.
_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how long it holds from when it was given."""

    value: str
    seconds: float


class TokenSource(Protocol):
    """Whoever gives out tokens."""

    async def fetch(self) -> Token:
        """Ask for a new one. Raises Unreachable, Rejected, RemoteProtocolError."""
        ...

    async def aclose(self) -> None:
        """Close the connection to it."""
        ...


class TokenCredentials:
    """The token of one destination (`credentials.Credentials`)."""

    def __init__(self, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._turn = asyncio.Lock()
        self._headers: Headers | None = None
        self._renew_at = 0.0
        self._ends_at = 0.0

    async def headers(self) -> Headers:
        """Give the token at hand, or a new one when it ends soon.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: there is none, and none can be had.
        """
        if self._headers is not None and self._clock.monotonic() < self._renew_at:
            return self._headers
        async with self._turn:
            now = self._clock.monotonic()
            if self._headers is not None and now < self._renew_at:
                return self._headers  # somebody else renewed it while we waited
            try:
                return await self._renew()
            except HilumError:
                if self._headers is None or now >= self._ends_at:
                    raise
                self._renew_at = min(now + _PAUSE_SECONDS, self._ends_at)
                return self._headers

    async def renewed(self, refused: Headers) -> Headers | None:
        """Give a fresh token instead of one that was answered 401.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: none can be had.
        """
        async with self._turn:
            if self._headers is not None and self._headers != refused:
                return self._headers
            self._headers = None
            return await self._renew()

    async def aclose(self) -> None:
        """Close the connection to the source."""
        await self._source.aclose()

    async def _renew(self) -> Headers:
        asked_at = self._clock.monotonic()
        token = await self._source.fetch()
        self._headers = bearer(token.value)
        self._ends_at = asked_at + token.seconds
        self._renew_at = self._ends_at - min(_EARLY_SECONDS, token.seconds * _EARLY_SHARE)
        return self._headers
