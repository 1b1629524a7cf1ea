"""The public keys of an identity provider (JWKS): kept, and had again when they change.

What cannot be had leaves the old ones in use: a provider that is down locks nobody out.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError, RemoteProtocolError
from hilum.kernel.telemetry import Telemetry
from hilum.sources.web.access.events import TokenKeysLoaded, TokenKeysNotRefreshed

# A provider that changes its keys publishes them for longer than this before it uses them.
REFRESH_SECONDS: Final = 600.0
# Tokens with made-up key ids make us ask the provider no more often.
RETRY_SECONDS: Final = 10.0
_KEYS_MAX: Final = 64
_RSA_BITS_MIN: Final = 2048  # RFC 7518 §3.3

# A key with a secret in it is none that a provider publishes: with an `oct` key anybody who reads
# it could make tokens.
PublicKey = RSAKey | ECKey | OKPKey


class TokenKeys:
    """Keys by their id. `fetch` gives the JWKS of the provider; it raises HilumError or OSError."""

    def __init__(
        self,
        issuer: str,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._telemetry = telemetry
        self._keys: Sequence[PublicKey] = ()
        self._asked_at = self._had_at = float("-inf")
        self._asking = asyncio.Lock()

    async def candidates(self, key_id: str | None) -> Sequence[PublicKey]:
        """Give the keys that a token may be signed with: the one it names, or any."""
        found = self._named(key_id)
        if not found:
            await self._ask(RETRY_SECONDS)
            found = self._named(key_id)
        return found

    async def look(self) -> None:
        """Ask the provider again when it is time. To be called once in a while."""
        if self._clock.monotonic() - self._had_at >= REFRESH_SECONDS:
            await self._ask(RETRY_SECONDS)

    def _named(self, key_id: str | None) -> Sequence[PublicKey]:
        return [key for key in self._keys if key_id is None or key.kid == key_id]

    async def _ask(self, after_seconds: float) -> None:
        async with self._asking:
            if self._clock.monotonic() - self._asked_at < after_seconds:
                return
            self._asked_at = self._clock.monotonic()
            try:
                keys = keys_of(await self._fetch())
            except (HilumError, OSError) as error:
                self._tell_failure(error)
                return
            self._had_at = self._asked_at
            self._change(keys)

    def _change(self, keys: Sequence[PublicKey]) -> None:
        before, after = ([str(key.kid) for key in some] for some in (self._keys, keys))
        self._keys = keys
        if before != after:
            self._telemetry.emit(TokenKeysLoaded(self._issuer, len(keys), ", ".join(after)))

    def _tell_failure(self, error: Exception) -> None:
        self._telemetry.emit(TokenKeysNotRefreshed(self._issuer, str(error), len(self._keys)))


def keys_of(document: bytes) -> Sequence[PublicKey]:
    """Read a JWKS, leaving out what verifies no signatures or is not known here.

    Raises:
        RemoteProtocolError: it is none, or has no such key.
    """
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RemoteProtocolError("what was got is no JWKS: no JSON with `keys`") from error
    if not isinstance(listed, list):
        raise RemoteProtocolError("what was got is no JWKS: `keys` is no list")
    found = [key for one in listed[:_KEYS_MAX] if (key := _key(one)) is not None]
    if not found:
        raise RemoteProtocolError("the JWKS has no key that a signature can be verified with")
    return found


def _key(described: Any) -> PublicKey | None:
    if not isinstance(described, dict) or described.get("use", "sig") != "sig":
        return None
    if described.get("kty") not in {"RSA", "EC", "OKP"} or "d" in described:
        return None
    try:
        key = import_key(described)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        return key if key.raw_value.key_size >= _RSA_BITS_MIN else None
    return key if isinstance(key, ECKey | OKPKey) else None
