"""The API keys that are in force, as the ledger says: read again so often that a revoked one ends.

All keys are read at once, so that nobody can make us ask the ledger by trying many.
"""

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final, get_args

from hilum.kernel.clock import Clock
from hilum.ledger.key import AccessKey
from hilum.sources.web.access.grant import Grant, networks_of
from hilum.sources.web.access.key_text import digest_of, id_of
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.caller import Role

# What was revoked opens nothing after this and one reading of the ledger.
FRESH_SECONDS: Final = 2.0
_NOBODYS: Final = bytes(32)
_REMEDY: Final = "`hilum key list` shows what there is, `hilum key create` makes another"


class KeyRing:
    """Knows API keys. `read` gives all that the ledger has; it blocks."""

    def __init__(self, read: Callable[[], Sequence[AccessKey]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._keys: Mapping[str, AccessKey] = {}
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def is_empty(self) -> bool:
        """Tell whether there never was a key. Raises LedgerUnavailable."""
        return not await self._known()

    async def grant(self, text: str) -> Grant:
        """Give what a key allows.

        Raises:
            AccessRefused: it allows nothing.
            LedgerUnavailable: nobody can tell.
        """
        key = (await self._known()).get(id_of(text) or "")
        # Compared in any case: how long it takes does not tell which ids there are.
        is_right = hmac.compare_digest(digest_of(text), key.digest if key else _NOBODYS)
        if key is None or not is_right:
            raise AccessRefused(401, "key", "it shows a key that there is none of", remedy=_REMEDY)
        if not key.is_usable(self._clock.now()):
            ended = "was revoked" if key.revoked_at else "has expired"
            raise AccessRefused(401, "key", f"its key {ended}", remedy=_REMEDY, caller=key.name)
        return _grant(key)

    async def _known(self) -> Mapping[str, AccessKey]:
        if self._is_stale():
            async with self._reading:
                if self._is_stale():
                    asked_at = self._clock.monotonic()
                    keys = await asyncio.to_thread(self._read)
                    self._keys = {key.key_id: key for key in keys}
                    self._read_at = asked_at
        return self._keys

    def _is_stale(self) -> bool:
        age = None if self._read_at is None else self._clock.monotonic() - self._read_at
        return age is None or age > FRESH_SECONDS


def _grant(key: AccessKey) -> Grant:
    roles: frozenset[Role] = frozenset(role for role in get_args(Role) if role in key.roles)
    return Grant(key.name, roles, frozenset(key.entities), networks_of(key.networks))
