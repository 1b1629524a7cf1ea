"""What can be set about a DIMSE destination, `[destinations.<name>]`. Values only."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, model_validator

from hilum.destinations.dimse.answering.settings import DimseArchiveSettings
from hilum.destinations.dimse.syntax_names import TransferSyntaxName, UncompressedSyntaxName
from hilum.destinations.settings import KIB, MIB, DestinationSettings
from hilum.kernel.setting_types import (
    ByteCount,
    HostName,
    LocalPath,
    OneOrMore,
    Port,
    Seconds,
    Title,
)

AlreadyThere = Literal["refuse", "retried", "accept"]


class DimseTlsSettings(BaseModel, frozen=True, extra="forbid"):
    """How the peer is talked to over TLS (PS3.15 §B.12, BCP 195): 1.2 or newer, always verified."""

    ca: LocalPath | None = Field(
        default=None,
        description="Certificates that vouch for the peer, PEM. Absent: those of the system, and "
        "the peer's certificate must name its host.",
        examples=["hospital-ca.crt"],
    )
    certificate: LocalPath | None = Field(
        default=None,
        description="Our certificate, PEM, for a peer that asks for one.",
        examples=["gateway.crt"],
    )
    key: LocalPath | None = Field(
        default=None,
        description="The private key of the certificate, PEM, not encrypted. Absent: it is in the "
        "certificate's file.",
        examples=["gateway.key"],
    )

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("`key` needs `certificate`, the certificate it belongs to")
        return self


class CommitmentSettings(BaseModel, frozen=True, extra="forbid"):
    """Storage commitment (PS3.4 Annex J): who takes an instance must also vouch for it.

    The report may come on our association or on one that the peer opens to us: that needs the
    peer among `[peers]` with "commit" in its `may`, and one worker.
    """

    wait_seconds: Seconds = Field(
        default=60.0,
        description="The report must have come by then; otherwise the instances are sent again "
        "later.",
    )


def _switched(value: object) -> object:
    """Take true and false for the table with its defaults and for none."""
    if isinstance(value, bool):
        return {} if value else None
    return value


class DimseDestinationSettings(DestinationSettings, frozen=True, extra="forbid"):
    """A DICOM peer that instances are stored at (C-STORE)."""

    type: Literal["dimse"] = Field(description="What it speaks.")
    host: HostName = Field(
        description="Where the peer is: an IP address or a host name.", examples=["10.1.2.9"]
    )
    port: Port = Field(default=104, description="The port it listens on.")
    ae_title: Title = Field(
        description="The AE title of the peer (called AE title).", examples=["PACS"]
    )
    calling_ae_title: Title | None = Field(
        default=None,
        description="The AE title we call ourselves. Absent: gateway.ae_title.",
        examples=["HILUM_AI"],
    )
    associations_max: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Associations that may be open at one time: of deliveries in all workers "
        "together, of everything in each worker. One with nothing to do goes when another needs "
        "its place.",
    )
    tls: DimseTlsSettings | None = Field(
        default=None, description="Talk TLS; an empty table trusts the system's authorities."
    )
    user: str | None = Field(
        default=None,
        min_length=1,
        max_length=65535,
        description="User name we give to the peer (PS3.7 §D.3.3.7).",
        examples=["hilum"],
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
        examples=["/run/secrets/pacs"],
    )
    transfer_syntaxes: Annotated[tuple[TransferSyntaxName, ...], OneOrMore()] = Field(
        default=(),
        description="The only transfer syntaxes that are proposed. Empty: the one an instance is "
        "stored in and, if the peer does not take that, uncompressed ones.",
        examples=[["explicit_little_endian", "jpeg_lossless"]],
    )
    prefer: UncompressedSyntaxName | None = Field(
        default=None,
        description="Send uncompressed instances in this syntax if the peer takes it. Absent: as "
        "they are stored.",
        examples=["implicit_little_endian"],
    )
    already_there: AlreadyThere = Field(
        default="retried",
        description='What "duplicate SOP instance" (0111) means for a delivery: refused, as the '
        "bytes may differ; delivered when it is not our first try; delivered always.",
    )
    commitment: Annotated[CommitmentSettings | None, BeforeValidator(_switched)] = Field(
        default=None,
        description="Count an instance as delivered only when the peer has committed to store it: "
        "a table, which may be empty. Absent: its answer to the C-STORE is enough.",
        examples=[{"wait_seconds": 120}],
    )
    connect_timeout_seconds: Seconds = Field(
        default=10.0, description="For the name, the TCP connection and the TLS handshake."
    )
    association_timeout_seconds: Seconds = Field(
        default=30.0, description="For the answer to our association request."
    )
    response_timeout_seconds: Seconds = Field(
        default=60.0,
        description="For the answer to an instance after its last byte was taken, and for any "
        "progress while its bytes are taken.",
    )
    send_pdu_bytes_max: ByteCount = Field(
        default=MIB,
        ge=4 * KIB,
        le=16 * MIB,
        description="Longest PDU that is sent; what the peer announces holds in any case.",
    )
    archive: DimseArchiveSettings = DimseArchiveSettings()

    @property
    def window_max(self) -> int:
        """How many associations may be open at one time, over all workers."""
        return self.associations_max

    @property
    def commitment_seconds(self) -> float | None:
        """How long to wait for a commitment; None: it is not asked for."""
        return None if self.commitment is None else self.commitment.wait_seconds

    @model_validator(mode="after")
    def _what_is_preferred_is_allowed(self) -> Self:
        if self.prefer and self.transfer_syntaxes and self.prefer not in self.transfer_syntaxes:
            raise ValueError("`prefer` is not among `transfer_syntaxes`, so it is never proposed")
        return self

    @model_validator(mode="after")
    def _a_password_has_a_user(self) -> Self:
        if self.user is None and (self.password or self.password_file):
            raise ValueError("a password without `user`; DICOM sends the two together")
        return self
