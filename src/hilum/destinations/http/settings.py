"""What can be set about every destination that is asked over HTTP. Values only."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from hilum.destinations.http.auth_settings import AuthSettings
from hilum.destinations.http.web_address import web_address
from hilum.destinations.settings import DestinationSettings
from hilum.kernel.setting_types import LocalPath, Seconds

WebAddress = Annotated[str, AfterValidator(web_address)]


class HttpSettings(DestinationSettings, frozen=True, extra="forbid"):
    """A destination behind a URL."""

    url: WebAddress = Field(
        description="Address of the service.", examples=["https://pacs.example.org/dicom-web"]
    )
    auth: AuthSettings = AuthSettings()
    ca: LocalPath | None = Field(
        default=None,
        description="Authorities that may vouch for the server, PEM. Absent: those this system "
        "trusts.",
        examples=["hospital-ca.crt"],
    )
    certificate: LocalPath | None = Field(
        default=None,
        description="Our certificate, PEM, for servers that ask for one.",
        examples=["gateway.crt"],
    )
    key: LocalPath | None = Field(
        default=None,
        description="The private key of the certificate, PEM, not encrypted. Absent: it is in the "
        "same file.",
        examples=["gateway.key"],
    )
    proxy: WebAddress | None = Field(
        default=None,
        description="Address of an HTTP proxy. The environment's are not used.",
        examples=["http://proxy.example.org:3128"],
    )
    proxy_user: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="User name at the proxy.",
        examples=["hilum"],
    )
    proxy_password: SecretStr | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Password at the proxy.",
        examples=["change-me"],
    )
    proxy_password_file: LocalPath | None = Field(
        default=None,
        description="File whose content is the password at the proxy; the last line break is "
        "dropped.",
        examples=["/run/secrets/proxy"],
    )
    connections_max: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Requests that may be under way at one time, over all workers.",
    )
    connect_timeout_seconds: Seconds = Field(
        default=10.0, description="A connection, with TLS, must be open by then."
    )
    stall_timeout_seconds: Seconds = Field(
        default=60.0,
        description="A server that takes nothing of what we send for so long is given up.",
    )
    response_timeout_seconds: Seconds = Field(
        default=120.0,
        description="The whole answer must be there so long after the last byte of the request.",
    )

    @property
    def window_max(self) -> int:
        """How many requests may be under way at one time."""
        return self.connections_max

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("key needs the certificate it belongs to")
        if (self.proxy_password or self.proxy_user) and self.proxy is None:
            raise ValueError("proxy_user and proxy_password need a proxy")
        if self.url.startswith("http:") and (self.certificate or self.ca):
            raise ValueError("certificate and ca need a url that begins with https")
        return self
