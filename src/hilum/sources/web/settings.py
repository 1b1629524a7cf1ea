"""What can be set about the HTTP listener: `[sources.web]`. Values only.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr, WithJsonSchema

from hilum.kernel.setting_types import (
    ByteCount,
    HostName,
    ListenPort,
    LocalPath,
    OneOrMore,
    Seconds,
    address,
)
from hilum.sources.web.access.settings import (
    ClientSettings,
    JwtSettings,
    Networks,
    WebTlsSettings,
)
from hilum.sources.web.origins import origin_of

KIB = 1024
GIB = 1024**3


def _proxy(text: str) -> str:
    """Check an address or network: a name could be anybody's tomorrow."""
    found = address(text)
    try:
        ip_network(found)
    except ValueError:
        raise ValueError(f"{text!r} is a name; write the proxy's IP address or network") from None
    return found


Proxy = Annotated[
    str, AfterValidator(_proxy), WithJsonSchema({"type": "string", "format": "address"})
]


def _empty_status(status: int) -> int:
    if status not in {200, 204}:
        raise ValueError(f"{status} is no answer to a search; write 200 or 204")
    return status


EmptySearch = Annotated[int, Field(ge=200, le=204), AfterValidator(_empty_status)]
WebOrigin = Annotated[str, AfterValidator(origin_of)]


class WebLimits(BaseModel, frozen=True, extra="forbid"):
    """What callers over HTTP can cost us at most, in memory and in time."""

    connections_max: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Connections open at one time, in each worker process; a browser opens six.",
    )
    bytes_per_second_min: ByteCount = Field(
        default=KIB,
        ge=0,
        le=GIB,
        description="Slowest caller we wait for, sending or taking, averaged over a request. "
        "0: no minimum.",
    )
    transfer_grace_seconds: Seconds = Field(
        default=30.0, description="A transfer may take so long before its speed is looked at."
    )


class WebSourceSettings(BaseModel, frozen=True, extra="forbid"):
    """The HTTP listener: DICOMweb, the API, health and metrics."""

    enabled: bool = Field(default=True, description="Whether to listen for HTTP at all.")
    host: HostName = Field(
        default="127.0.0.1",
        description="Address to listen on; 0.0.0.0 is every address of this machine.",
    )
    port: ListenPort = Field(
        default=8080, description="Port of HTTP. 0: any free one, which the log names."
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=16,
        max_length=512,
        description="A key that opens everything, also to who is elsewhere. Better make keys with "
        "`hilum key create`, each for one caller; or keep it in a file: token_file.",
        examples=["a-long-random-text"],
    )
    token_file: LocalPath | None = Field(
        default=None,
        description="File whose content is the token; the last line break is dropped.",
        examples=["/run/secrets/hilum-api"],
    )
    local_access: bool | None = Field(
        default=None,
        description="Whether programs on this machine may do everything without a key. Absent: "
        "only while there is no token, jwt, client or key at all.",
        examples=[False],
    )
    callers_from: Networks = Field(
        default=(),
        description="Where requests may come from: IP or CIDR, one or a list. This machine always "
        "may. Empty: from anywhere.",
        examples=["10.0.0.0/8"],
    )
    metrics_from: Networks = Field(
        default=(),
        description="Who sees /metrics, /readyz and /healthz without a key, besides this machine.",
        examples=["10.1.2.7"],
    )
    requests_per_second: float = Field(
        default=0.0,
        ge=0,
        le=100_000,
        allow_inf_nan=False,
        description="Requests that one caller may send, in each worker process; five seconds' "
        "worth of them at once. 0: no limit.",
    )
    plain: bool | None = Field(
        default=None,
        description="Listen on the plain port. Absent: only without sources.web.tls.",
        examples=[True],
    )
    tls: WebTlsSettings | None = None
    jwt: JwtSettings | None = None
    clients: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ClientSettings] = {}
    dicomweb: bool = Field(
        default=True,
        description="Answer DICOMweb under /dicom-web and /aets/<AE title>/rs.",
    )
    local_delete: bool = Field(
        default=False,
        description="Programs on this machine may delete without a key or token, as they may read "
        "and store.",
    )
    fhir: bool = Field(
        default=True,
        description="Answer FHIR under /fhir: ImagingStudy and Endpoint, where dicomweb is on.",
    )
    search_limit: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Results of one search at most, also when its limit parameter says more; a "
        "warning tells when there are more, and offset gives them.",
    )
    empty_search: EmptySearch = Field(
        default=200,
        description="Status of a search without results: 200 with an empty list, or 204 as the "
        "standard has it (PS3.18 §8.3.4.4), which some clients take for an error.",
    )
    thumbnail_pixels: int = Field(
        default=200,
        ge=16,
        le=1024,
        description="Longer side of a thumbnail whose size nobody asked for.",
    )
    cors_origins: Annotated[tuple[WebOrigin, ...], OneOrMore()] = Field(
        default=(),
        description="Web pages that may read answers in a browser: their origins, or * for any "
        "page. Empty: only pages that come from this gateway.",
        examples=["https://viewer.example.org"],
    )
    trusted_proxies: Annotated[tuple[Proxy, ...], OneOrMore()] = Field(
        default=(),
        description="Reverse proxies whose Forwarded and X-Forwarded-* headers count, by IP or "
        "CIDR: in addresses of answers, and for who the caller is.",
        examples=["10.1.2.5"],
    )
    limits: WebLimits = WebLimits()

    @property
    def is_plain(self) -> bool:
        """Tell whether the plain port is open."""
        return self.tls is None if self.plain is None else self.plain
