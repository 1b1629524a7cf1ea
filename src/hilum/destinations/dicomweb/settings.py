"""What can be set about a DICOMweb destination. Values only."""

from typing import Literal

from pydantic import Field

from hilum.destinations.dicomweb.archive.settings import WebArchiveSettings
from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.settings import GIB, KIB, MIB
from hilum.kernel.setting_types import ByteCount


class DicomWebDestinationSettings(HttpSettings, frozen=True, extra="forbid"):
    """A DICOMweb server that instances are stored at (STOW-RS, PS3.18 §10.5)."""

    type: Literal["dicomweb"] = Field(description="What it speaks.")
    request_instances_max: int = Field(
        default=32, ge=1, le=256, description="Instances in one request, at most."
    )
    request_bytes_max: ByteCount = Field(
        default=64 * MIB,
        ge=KIB,
        le=64 * GIB,
        description="Bytes in one request, at most; a larger instance goes alone.",
    )
    study_in_url: bool = Field(
        default=False,
        description="Store at studies/{study} instead of studies: each request has one study.",
    )
    trust_status: bool = Field(
        default=False,
        description="Believe a server that answers 200 and names no instance. Only for one that "
        "never does otherwise: we cannot know what it kept.",
    )
    already_there: Literal["refuse", "retried", "accept"] = Field(
        default="retried",
        description='What "already exists" means for a delivery: refused, as the bytes may differ; '
        "delivered when it is not our first try; delivered always.",
    )
    chunked: bool = Field(
        default=False,
        description="Send requests in chunks instead of with a Content-Length, which most servers "
        "like better.",
    )
    verify_with: Literal["search", "options"] = Field(
        default="search",
        description="How we find out whether it is there: a search for one study, or OPTIONS.",
    )
    archive: WebArchiveSettings = WebArchiveSettings()
