"""API keys as the ledger keeps them: never the key itself, only a digest of it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key that callers over HTTP may show.

    `key_id` is the readable beginning of the key, `digest` is of all of it. No `entities`, or no
    `networks`: all of them.
    """

    key_id: str
    name: str
    digest: bytes
    roles: tuple[str, ...]
    entities: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        """Tell whether it opens anything at `now`."""
        is_in_time = self.expires_at is None or now < self.expires_at
        return self.revoked_at is None and is_in_time
