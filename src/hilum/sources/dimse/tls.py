"""TLS for listeners (PS3.15 §B.12, BCP 195): contexts, and what a failed handshake means."""

import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol

_SECTION: Final = "sources.dimse.tls"
# ECDHE with AEAD only (BCP 195, RFC 9325 §4.2); TLS 1.3 suites are all of that kind.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class ServerTls(Protocol):
    """What is set about TLS of a listener, whatever it speaks."""

    @property
    def certificate(self) -> Path:
        """Our certificate."""
        ...

    @property
    def key(self) -> Path:
        """Its key."""
        ...

    @property
    def client_ca(self) -> Path | None:
        """Who may vouch for callers."""
        ...

    @property
    def require_client_certificate(self) -> bool:
        """Whether callers must show a certificate, when somebody may vouch for them."""
        ...

    @property
    def minimum_version(self) -> Literal["1.2", "1.3"]:
        """The oldest version of TLS."""
        ...


@dataclass(frozen=True, slots=True)
class HandshakeFailure:
    """A failed handshake in words: a bounded cause, what happened, what to change."""

    cause: str
    reason: str
    remedy: str


def server_context(settings: ServerTls) -> ssl.SSLContext:
    """Make the context of the TLS port. Raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = (
        ssl.TLSVersion.TLSv1_3 if settings.minimum_version == "1.3" else ssl.TLSVersion.TLSv1_2
    )
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # An empty passphrase: a key that needs one must fail, not ask on the terminal.
    context.load_cert_chain(settings.certificate, settings.key, password="")
    if settings.client_ca is not None:
        context.load_verify_locations(cafile=settings.client_ca)
        is_needed = settings.require_client_certificate
        context.verify_mode = ssl.CERT_REQUIRED if is_needed else ssl.CERT_OPTIONAL
    return context


_FAILURES: Final = (
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"),
        HandshakeFailure(
            "not_tls",
            "the caller does not speak TLS",
            "let it use the plain port, or switch TLS on in the device",
        ),
    ),
    (
        ("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "INAPPROPRIATE_FALLBACK"),
        HandshakeFailure(
            "old_version",
            "the caller offers only TLS versions that are not safe any more (before 1.2)",
            "update the device; TLS 1.0 and 1.1 are forbidden by RFC 8996",
        ),
    ),
    (
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE",),
        HandshakeFailure(
            "no_certificate",
            "the caller showed no certificate",
            "install a client certificate in the device that sources.dimse.tls.client_ca signed",
        ),
    ),
    (
        ("certificate has expired",),
        HandshakeFailure(
            "expired_certificate",
            "the caller's certificate has expired",
            "renew the certificate of the device",
        ),
    ),
    (
        ("not yet valid",),
        HandshakeFailure(
            "early_certificate",
            "the caller's certificate is not valid yet",
            "check the clocks of the device and of this host",
        ),
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        HandshakeFailure(
            "wrong_ca",
            "the caller's certificate is not signed by sources.dimse.tls.client_ca",
            "install a certificate of that authority in the device, or add its own to the file",
        ),
    ),
    (
        ("NO_SHARED_CIPHER", "NO_SUITABLE_SIGNATURE_ALGORITHM", "NO_SUITABLE_KEY_SHARE"),
        HandshakeFailure(
            "no_cipher",
            "the caller offers no cipher suite of BCP 195",
            "enable ECDHE with AES-GCM in the device",
        ),
    ),
    (
        ("ALERT_CERTIFICATE_EXPIRED",),
        HandshakeFailure(
            "our_certificate_expired",
            "the caller says that our certificate has expired, or is not valid yet",
            "install a new sources.dimse.tls.certificate; if its dates are right, look at the "
            "clock of the device",
        ),
    ),
    (
        ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN"),
        HandshakeFailure(
            "our_certificate_refused",
            "the caller does not trust our certificate",
            "install the authority of sources.dimse.tls.certificate in the device",
        ),
    ),
)


def explain(error: ssl.SSLError, section: str = _SECTION) -> HandshakeFailure:
    """Say in words why a handshake failed; `section` is where the listener is set."""
    text = f"{error.reason or ''} {error.strerror or ''} {getattr(error, 'verify_message', '')}"
    for marks, failure in _FAILURES:
        if any(mark.lower() in text.lower() for mark in marks):
            return _told_of(failure, section)
    return HandshakeFailure(
        "other",
        f"the handshake failed ({error.reason or 'no reason given'})",
        "compare TLS versions, cipher suites and certificates of both sides",
    )


def _told_of(failure: HandshakeFailure, section: str) -> HandshakeFailure:
    return replace(
        failure,
        reason=failure.reason.replace(_SECTION, section),
        remedy=failure.remedy.replace(_SECTION, section),
    )
