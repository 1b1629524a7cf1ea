"""Everything that can be set, as one immutable value. Reading it from a file is in config.py.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.destinations.webhook.settings import WebhookDestinationSettings
from hilum.kernel.names import AETitle
from hilum.kernel.setting_types import ByteCount, LocalPath, Title
from hilum.pipeline.archive.settings import ArchiveSettings
from hilum.pipeline.caching.settings import CacheSettings
from hilum.pipeline.fetches.settings import FetchSettings
from hilum.pipeline.prefetch.settings import PrefetchRule
from hilum.pipeline.retention.settings import RetentionSettings
from hilum.routing.settings import RouteSettings
from hilum.service.config_entities import EntitySettings
from hilum.service.time_zones import time_zone
from hilum.sources.dimse.settings import DimseSourceSettings, PeerSettings
from hilum.sources.folder.settings import FolderSourceSettings
from hilum.sources.web.settings import WebSourceSettings

DATA_FOLDER: Final = Path("hilum-data")

# Names are labels of metrics and parts of keys: short, and nothing that needs quoting.
PeerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
DestinationName = PeerName
FolderName = PeerName
EntityName = PeerName
Destination = Annotated[
    DimseDestinationSettings
    | DicomWebDestinationSettings
    | FolderDestinationSettings
    | WebhookDestinationSettings,
    Field(discriminator="type"),
]
TimeZone = Annotated[str, AfterValidator(time_zone)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class GatewaySettings(BaseModel, frozen=True, extra="forbid"):
    """The gateway itself: its name, where it keeps what it took in, and how safely."""

    ae_title: Title = Field(default=AETitle("HILUM"), description="The AE title peers call us by.")
    data: LocalPath = Field(
        default=DATA_FOLDER,
        description="Folder of everything that is kept: payloads and the ledger.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that share ports, ledger and vault; more than one helps when much "
        "comes in: one takes it in and another one delivers it.",
    )
    durability: Literal["power", "process"] = Field(
        default="power",
        description="What a stored instance survives before success is answered: a power cut, "
        "or only the end of our process (faster).",
    )
    unknown_callers: Literal["refuse", "loopback", "accept"] = Field(
        default="loopback",
        description="Who may echo and store without being a peer: nobody, this machine, anybody. "
        "Programs on this machine, unless nobody, may also find, move and get.",
    )
    duplicates: Literal["keep_both", "keep_first", "replace"] = Field(
        default="keep_both",
        description="Same SOP Instance UID, other bytes: keep both and serve the newest, keep "
        "the first, or replace it.",
    )
    reserve_bytes: ByteCount = Field(
        default=1_000_000_000,
        ge=0,
        description="Disk that stays free for the ledger and its audit records: stores are refused "
        "before it is used. 0: none.",
    )
    reserve_percent: Percent = Field(
        default=5.0,
        description="The reserve is never more than this share of the disk, so that a small "
        "disk can be used.",
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="Time zone of calendars and dates of routes. Absent: the one of this machine.",
        examples=["Europe/Berlin"],
    )

    def reserve_of(self, disk_bytes: int) -> int:
        """Tell how much of a disk of `disk_bytes` stays free for the ledger and its audit records.

        A plain maximum of the two settings would refuse everything on a small disk, and waste a
        terabyte of a large one; so the share is the ceiling of the amount.
        """
        return min(self.reserve_bytes, int(disk_bytes * self.reserve_percent / 100))


class SourcesSettings(BaseModel, frozen=True, extra="forbid"):
    """The doors things come in by."""

    dimse: DimseSourceSettings = DimseSourceSettings()
    web: WebSourceSettings = WebSourceSettings()
    folder: Mapping[FolderName, FolderSourceSettings] = {}


class LogSettings(BaseModel, frozen=True, extra="forbid"):
    """What is written about what happens, on standard output. Never patient data, at no level."""

    format: Literal["console", "json"] = Field(
        default="console", description="Lines for people, or one JSON object a line for machines."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important kind of event that is written."
    )


class Config(BaseModel, frozen=True, extra="forbid"):
    """The whole configuration of a gateway."""

    gateway: GatewaySettings = GatewaySettings()
    sources: SourcesSettings = SourcesSettings()
    peers: Mapping[PeerName, PeerSettings] = {}
    destinations: Mapping[DestinationName, Destination] = {}
    entities: Mapping[EntityName, EntitySettings] = {}
    routes: tuple[RouteSettings, ...] = ()
    cache: CacheSettings = CacheSettings()
    fetch: FetchSettings = FetchSettings()
    prefetch: tuple[PrefetchRule, ...] = ()
    retention: RetentionSettings = RetentionSettings()
    archive: ArchiveSettings = ArchiveSettings()
    log: LogSettings = LogSettings()


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of the configuration, for editors and for whoever generates one."""
    schema = _as_toml(Config.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Configuration of Hilum",
    }


def _as_toml(node: Any) -> Any:
    """Say it for TOML: there is no null, a key is its own title, a section needs no default."""
    if isinstance(node, list):
        return [_as_toml(item) for item in node if item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    kept = {key: _as_toml(value) for key, value in node.items() if not _is_noise(key, value)}
    alternatives = kept.get("anyOf", ())
    if len(alternatives) == 1:
        del kept["anyOf"]
        kept = {**alternatives[0], **kept}
    return kept


def _is_noise(key: str, value: object) -> bool:
    if key == "title":
        return isinstance(value, str)  # not the schema of a setting that has this name
    return key == "default" and (value is None or isinstance(value, dict))
