"""What can be set about a DICOMweb destination that answers for us. Values only."""

from typing import Literal

from pydantic import Field

from hilum.destinations.settings import AskedSettings
from hilum.kernel.setting_types import Seconds


class WebArchiveSettings(AskedSettings, frozen=True, extra="forbid"):
    """The server as an archive: `answers` of an entity name its destination."""

    connections_max: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Connections for searches and retrievals, of each worker; they are kept open "
        "for keep_alive_seconds.",
    )
    wait_seconds: Seconds = Field(
        default=10.0,
        description="A request waits so long for a free connection; then the archive counts as "
        "busy.",
    )
    requests_at_once: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Requests of one retrieval at one time, where it takes several.",
    )
    keys: Literal["tag", "keyword"] = Field(
        default="tag",
        description="How attributes are written in searches: 00100010 or PatientName.",
    )
    include: Literal["wanted", "all", "none"] = Field(
        default="wanted",
        description="What searches ask for by includefield: each attribute that is wanted, all, or "
        "nothing. A server that refuses the first is asked for all.",
    )
    page_matches_max: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="Matches in one answer of a search. Where the server refuses so many, 200.",
    )
    redirects_max: int = Field(
        default=3,
        ge=0,
        le=10,
        description="Redirects that are followed, one after the other, and only within the server.",
    )
    patience_seconds: float = Field(
        default=5.0,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="A server that says 429 or 503 and to come again within this time is asked "
        "again, twice at most. 0: never.",
    )
