"""What can be set about who may call over HTTP. Values only; what they mean is in `rules`.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from hilum.kernel.setting_types import ListenPort, LocalPath, OneOrMore, Seconds, Title, address
from hilum.sources.web.caller import Role

# Only ones whose key to verify with is no key to sign with: whoever reads it cannot make tokens.
# fmt: off
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
]
# fmt: on


def network(text: str) -> str:
    """Check an IP address or network. A name will not do: it can be another's tomorrow."""
    try:
        ip_address(text.partition("/")[0])
    except ValueError:
        raise ValueError(
            f"{text!r} is no IP address or network; write it like 10.1.2.3 or 10.1.2.0/24"
        ) from None
    return address(text)


def _identity(text: str) -> str:
    kind, sign, value = text.partition("=")
    if not sign or kind.upper() not in _IDENTITIES or not value.strip():
        raise ValueError(
            f"{text!r} names no certificate; write CN=…, DNS=…, EMAIL=…, URI=… or SHA256=… "
            "(its fingerprint)"
        )
    value = value.strip()
    if kind.upper() == "SHA256":
        value = value.replace(":", "").lower()
        if re.fullmatch(r"[0-9a-f]{64}", value) is None:
            raise ValueError(f"{text!r}: a SHA-256 fingerprint has 64 hexadecimal digits")
    return f"{kind.upper()}={value}"


_IDENTITIES: Final = ("CN", "DNS", "EMAIL", "URI", "SHA256")


def _web_address(text: str) -> str:
    """Check where keys of tokens come from: whoever can change them on the way is everybody."""
    found = re.fullmatch(
        r"(https?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/\S*)?", text
    )
    if found is None:
        raise ValueError(f"{text!r} is no web address; write it like https://login.example.com")
    if found[1] == "http" and not _is_loopback(found[2].strip("[]")):
        raise ValueError(f"{text!r} must begin with https: others could change it on the way")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Network = Annotated[
    str, AfterValidator(network), WithJsonSchema({"type": "string", "format": "address"})
]
Networks = Annotated[tuple[Network, ...], OneOrMore()]
Identity = Annotated[str, AfterValidator(_identity), WithJsonSchema({"type": "string"})]
WebAddress = Annotated[str, AfterValidator(_web_address), WithJsonSchema({"type": "string"})]
Roles = Annotated[
    frozenset[Role],
    # A set has no order, a schema and a reference page need one: that of the declaration.
    PlainSerializer(lambda roles: [one for one in get_args(Role) if one in roles], list[str]),
]
Words = Annotated[tuple[str, ...], OneOrMore()]
ClaimPath = Annotated[str, Field(pattern=r"^[^\s]{1,200}$")]


class WebTlsSettings(BaseModel, frozen=True, extra="forbid"):
    """HTTPS, on a port of its own. The plain port is closed then, unless `plain` says otherwise."""

    port: ListenPort = Field(
        default=8443, description="Port of HTTPS. 0: any free one, which the log names."
    )
    certificate: LocalPath = Field(
        description="Our certificate, PEM, followed by its intermediate ones. It is loaded again "
        "when the file changes.",
        examples=["gateway.crt"],
    )
    key: LocalPath = Field(
        description="The private key of the certificate, PEM, not encrypted.",
        examples=["gateway.key"],
    )
    client_ca: LocalPath | None = Field(
        default=None,
        description="Certificates that may sign a caller's own, PEM. Setting it asks callers for "
        "one; what each may do is in [sources.web.clients.<name>].",
        examples=["hospital-ca.crt"],
    )
    require_client_certificate: bool = Field(
        default=True,
        description="With client_ca: refuse a caller that shows no certificate at all, probes "
        "included. false: those may use keys and tokens.",
    )
    minimum_version: Literal["1.2", "1.3"] = Field(
        default="1.2", description="Oldest TLS version that is accepted."
    )


class ClientSettings(BaseModel, frozen=True, extra="forbid"):
    """A caller that is known by its certificate, which `sources.web.tls.client_ca` has signed."""

    certificate: Annotated[tuple[Identity, ...], OneOrMore()] = Field(
        description="What its certificate says, one of these: CN=, DNS=, EMAIL= or URI= "
        "(alternative names), SHA256= (fingerprint).",
        examples=["DNS=viewer.example.org"],
    )
    roles: Roles = Field(
        default=frozenset({"read"}),
        description="What it may do: read, write (store), delete, admin (the API).",
    )
    entities: Annotated[tuple[Title, ...], OneOrMore()] = Field(
        default=(), description="AE titles whose DICOMweb root it may use. Empty: everything."
    )
    callers_from: Networks = Field(
        default=(),
        description="Where it may call from: IP or CIDR. Empty: anywhere.",
        examples=["10.1.2.0/24"],
    )


class RoleMapSettings(BaseModel, frozen=True, extra="forbid"):
    """What the provider calls our roles. Without this section it calls them as we do."""

    read: Words = Field(
        default=(), description="Who may search and fetch.", examples=[["radiologist", "mta"]]
    )
    write: Words = Field(default=(), description="Who may store.", examples=[["mta"]])
    delete: Words = Field(default=(), description="Who may delete.", examples=[["pacs-admin"]])
    admin: Words = Field(
        default=(), description="Who may use the API of the gateway.", examples=[["pacs-admin"]]
    )


class JwtSettings(BaseModel, frozen=True, extra="forbid"):
    """Access tokens of an identity provider (OpenID Connect): signed JWTs, sent as Bearer."""

    issuer: str = Field(
        min_length=1,
        max_length=1024,
        description="What tokens must say in iss, exactly. Without jwks_url and jwks_file the keys "
        "are found by its /.well-known/openid-configuration.",
        examples=["https://login.example.com/realms/hospital"],
    )
    audience: Annotated[tuple[str, ...], OneOrMore()] = Field(
        min_length=1,
        description="Who we are for the provider: tokens must have one of these in aud.",
        examples=["hilum"],
    )
    jwks_url: WebAddress | None = Field(
        default=None,
        description="Where the provider publishes its keys (JWKS).",
        examples=["https://login.example.com/keys"],
    )
    jwks_file: LocalPath | None = Field(
        default=None,
        description="File with the provider's keys (JWKS), where it cannot be reached.",
        examples=["keys.json"],
    )
    ca: LocalPath | None = Field(
        default=None,
        description="Certificates that vouch for the provider's, PEM. Absent: those of the system.",
        examples=["hospital-ca.crt"],
    )
    algorithms: Annotated[tuple[Algorithm, ...], OneOrMore()] = Field(
        default=("RS256", "ES256", "PS256", "EdDSA"),
        description="Signatures that are accepted. None with a shared secret (HS256) is.",
    )
    roles_claim: ClaimPath = Field(
        default="roles",
        description="Which claim has the roles, a list or words; dots lead into objects.",
        examples=["realm_access.roles"],
    )
    entities_claim: ClaimPath | None = Field(
        default=None,
        description="Which claim has the AE titles whose DICOMweb root the caller may use. Absent: "
        "all of them.",
        examples=["hilum.entities"],
    )
    name_claim: ClaimPath = Field(
        default="sub", description="Which claim has the name for log and audit records."
    )
    leeway_seconds: Seconds = Field(
        default=30.0, description="How far the provider's clock and ours may be apart."
    )

    role_map: RoleMapSettings | None = None

    @model_validator(mode="after")
    def _has_one_place_of_keys(self) -> Self:
        if self.jwks_url is not None and self.jwks_file is not None:
            raise ValueError("jwks_url and jwks_file are both set; keys come from one place")
        if self.jwks_url is None and self.jwks_file is None:
            _web_address(self.issuer)
        return self
