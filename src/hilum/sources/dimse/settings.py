"""What can be set about the DIMSE door: `[sources.dimse]` and `[peers.<name>]`. Values only.

The descriptions and examples here are what `hilum init`, the JSON Schema and the reference show.
"""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, PlainSerializer, SecretStr

from hilum.kernel.setting_types import (
    Address,
    ByteCount,
    HostName,
    ListenPort,
    LocalPath,
    OneOrMore,
    Port,
    Seconds,
    Title,
)
from hilum.pipeline.vouching.settings import VouchingSettings

Permission = Literal["echo", "store", "find", "move", "get", "worklist", "mpps", "commit"]
Permissions = Annotated[
    frozenset[Permission],
    # A set has no order, a schema and a reference page need one: that of the declaration.
    PlainSerializer(lambda may: [one for one in get_args(Permission) if one in may], list[str]),
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class TlsSettings(BaseModel, frozen=True, extra="forbid"):
    """DICOM over TLS, on a port of its own besides the plain one (PS3.15 §B.12, BCP 195)."""

    port: ListenPort = Field(
        default=2762, description="Port of DICOM over TLS; 2762 is the registered one."
    )
    certificate: LocalPath = Field(
        description="Our certificate, PEM, followed by its intermediate ones.",
        examples=["gateway.crt"],
    )
    key: LocalPath = Field(
        description="The private key of the certificate, PEM, not encrypted.",
        examples=["gateway.key"],
    )
    client_ca: LocalPath | None = Field(
        default=None,
        description="Certificates that may sign a peer's own, PEM. Setting it asks peers for one.",
        examples=["hospital-ca.crt"],
    )
    require_client_certificate: bool = Field(
        default=True,
        description="With client_ca: also refuse a peer that shows no certificate at all.",
    )
    minimum_version: Literal["1.2", "1.3"] = Field(
        default="1.2",
        description="Oldest TLS version that is accepted; older devices may need 1.2.",
    )


class PeerSettings(BaseModel, frozen=True, extra="forbid"):
    """Somebody who may talk to us. One section for each peer, under a name of your choice."""

    ae_title: Title = Field(
        description="The AE title the peer calls itself (calling AE title).", examples=["CT1"]
    )
    host: Annotated[tuple[Address, ...], OneOrMore()] = Field(
        default=(),
        description="Where it may call from: IP, CIDR or host name, one or a list. "
        "Empty: any address.",
        examples=["10.1.2.3"],
    )
    port: Port | None = Field(
        default=None,
        description="Port the peer itself listens on, at the first address of host: where a C-MOVE "
        "to it goes.",
        examples=[104],
    )
    may: Permissions = Field(
        default=frozenset({"echo", "store"}), description="The services the peer may ask us for."
    )
    called_ae_titles: Annotated[tuple[Title, ...], OneOrMore()] = Field(
        default=(), description="Which of our AE titles it may call. Empty: all of them."
    )
    associations_max: int = Field(
        default=50,
        ge=1,
        le=10000,
        description="Associations the peer may have open at one time, in each worker process.",
    )
    user: str | None = Field(
        default=None,
        min_length=1,
        max_length=65535,
        description="User name the peer must give (PS3.7 §D.3.3.7). Needs a password.",
        examples=["ct1"],
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        max_length=65535,
        description="Password that goes with user. Better keep it in a file: password_file.",
        examples=["change-me"],
    )
    password_file: LocalPath | None = Field(
        default=None,
        description="File whose content is the password; the last line break is dropped.",
        examples=["/run/secrets/ct1"],
    )


def listening_host(peer: PeerSettings) -> str | None:
    """Give where a peer listens: the first of its hosts that is one; None: it does not say."""
    if peer.port is None:
        return None
    return next((host for host in peer.host if "/" not in host), None)


class DimseLimits(BaseModel, frozen=True, extra="forbid"):
    """What a peer can cost us at most, in memory and in time: nobody makes us wait for ever."""

    associations_max: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Associations open at one time, all peers together, in each worker process.",
    )
    receive_pdu_bytes: ByteCount = Field(
        default=256 * KIB,
        ge=4 * KIB,
        le=16 * MIB,
        description="Largest P-DATA-TF PDU we announce to take (PS3.8 §D.1). Larger is faster.",
    )
    artim_seconds: Seconds = Field(
        default=10.0,
        description="TLS handshake and A-ASSOCIATE-RQ together must be done by then.",
    )
    idle_seconds: Seconds = Field(
        default=60.0, description="An association on which nothing happens for so long is aborted."
    )
    bytes_per_second_min: ByteCount = Field(
        default=KIB,
        ge=0,
        le=GIB,
        description="Slowest peer we wait for, averaged over the message it is sending. "
        "0: no minimum.",
    )
    transfer_grace_seconds: Seconds = Field(
        default=30.0, description="A message may take so long before its speed is looked at."
    )
    stop_seconds: Seconds = Field(
        default=30.0,
        description="When stopping, associations get so long to finish what they began.",
    )
    find_matches_max: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="A C-FIND with more matches is answered with so many and status B001. Absent: "
        "all are sent.",
        examples=[500],
    )
    move_associations_max: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Associations that one C-MOVE may open to its destination. More are faster "
        "over long distances; instances then arrive in no order.",
    )
    instance_bytes_max: ByteCount = Field(
        default=64 * GIB, ge=MIB, description="Largest instance that is taken in."
    )
    associate_request_bytes_max: ByteCount = Field(
        default=MIB,
        ge=4 * KIB,
        le=64 * MIB,
        description="Largest A-ASSOCIATE-RQ; 128 presentation contexts with every transfer "
        "syntax fit well.",
    )
    user_information_bytes_max: ByteCount = Field(
        default=64 * KIB,
        ge=KIB,
        le=64 * KIB,
        description="Largest user information item; its own length field ends at 65535 "
        "(PS3.8 §9.3.2.3).",
    )


class DimseSourceSettings(BaseModel, frozen=True, extra="forbid"):
    """The DIMSE listener: where modalities and PACS store."""

    host: HostName = Field(
        default="0.0.0.0",  # noqa: S104 — modalities are on other hosts; peers say who may call
        description="Address to listen on; 0.0.0.0 is every IPv4 address of this machine, "
        ":: every one, IPv6 and IPv4.",
    )
    port: ListenPort = Field(
        default=11112, description="Port of plain DICOM. 0: any free one, which the log names."
    )
    plain: bool = Field(
        default=True, description="Listen on the plain port; false leaves only the TLS one."
    )
    called_ae_titles: Annotated[tuple[Title, ...], OneOrMore()] = Field(
        default=(), description="AE titles we answer to besides gateway.ae_title."
    )
    check_called_ae_title: bool = Field(
        default=True, description="Reject associations that call an AE title that is not ours."
    )
    accept_private_sop_classes: bool = Field(
        default=False,
        description="Also store SOP classes that are not in the standard's table.",
    )
    tls: TlsSettings | None = None
    commitment: VouchingSettings = VouchingSettings()
    limits: DimseLimits = DimseLimits()
