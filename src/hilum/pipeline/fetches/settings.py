"""What can be set about fetches: `[fetch]`. Values only."""

from pydantic import BaseModel, Field


class FetchSettings(BaseModel, frozen=True, extra="forbid"):
    """Bringing studies here or elsewhere on request: `POST /api/v1/fetch`, and prefetching."""

    at_once: int = Field(
        default=2,
        ge=1,
        le=32,
        description="Requests that are worked on at one time, in each worker process.",
    )
    prefetch_at_once: int = Field(
        default=1,
        ge=0,
        le=32,
        description="How many of these may be for prefetching. It rests while instances come in. "
        "0: this gateway prefetches nothing.",
    )
