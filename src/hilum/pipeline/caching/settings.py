"""What can be set about the cache of fetched payloads: `[cache]`. Values only.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

from typing import Final

from pydantic import BaseModel, Field

from hilum.kernel.setting_types import ByteCount, Duration

_BYTES_MAX: Final = 10_000_000_000
_AGE_MAX: Final = 86_400.0


class CacheSettings(BaseModel, frozen=True, extra="forbid"):
    """What is kept of that which was fetched from archives elsewhere, in the vault's `cache`.

    It is never the only copy of anything: what was used longest ago goes first.
    """

    bytes_max: ByteCount = Field(
        default=_BYTES_MAX,
        ge=0,
        description="How much is kept, in all. What is being given out does not go, so that it may "
        "be more for a while. 0: nothing stays longer than it is needed.",
        examples=["50 GB"],
    )
    age_max: Duration = Field(
        default=_AGE_MAX,
        description="How long after it was fetched a payload is given out again without asking "
        "the archive for it.",
        examples=["8 h"],
    )
