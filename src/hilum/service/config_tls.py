"""Whether the certificate files will do, found out before the first modality does.

Nothing here touches a network: the certificate is judged by a handshake with ourselves in memory.
"""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hilum.sources.dimse.settings import TlsSettings
from hilum.sources.web.access.settings import WebTlsSettings

EXPIRY_WARNING_DAYS: Final = 30  # long enough to get a new one out of a hospital's PKI
HANDSHAKE_STEPS_MAX: Final = 8  # TLS 1.3 needs three on each side

AnyTlsSettings = TlsSettings | WebTlsSettings
TlsFinding = tuple[str, str, str]  # the key, what is wrong, what to do


def tls_errors(tls: AnyTlsSettings) -> Iterator[TlsFinding]:
    """Find what will keep the TLS port from opening, or from being as strict as it looks."""
    if tls.client_ca is None and "require_client_certificate" in tls.model_fields_set:
        yield (
            "require_client_certificate",
            "it does nothing without client_ca: no peer would be asked for a certificate",
            "Add client_ca, the certificates that may sign a peer's",
        )
    unreadable = [
        (key, why)
        for key, path in (
            ("certificate", tls.certificate),
            ("key", tls.key),
            ("client_ca", tls.client_ca),
        )
        if path is not None and (why := why_unreadable(path))
    ]
    for key, why in unreadable:
        yield key, why, "The path starts at the folder of the configuration file"
    if not unreadable:
        yield from _contents(tls)


def tls_warnings(tls: AnyTlsSettings) -> Iterator[TlsFinding]:
    """Find what peers will not like about a certificate that can be used."""
    try:
        days = _days_left(tls)
    except ssl.SSLCertVerificationError as error:
        yield "certificate", f"peers will refuse it: {error.verify_message}", "Get a new one"
        return
    except OSError:
        return  # said as an error already, or too unusual to be judged here
    if days < EXPIRY_WARNING_DAYS:
        yield "certificate", _soon(days), "Get a new one in time"


def client_warnings(certificate: Path, key: Path | None) -> Iterator[tuple[str, str]]:
    """Find what servers will not like about a certificate that we show them: what, and a remedy.

    Files that cannot be used are an error when their destination is opened.
    """
    try:
        days = _days_left_as_client(certificate, key)
    except ssl.SSLCertVerificationError as error:
        yield f"servers will refuse it: {error.verify_message}", "Get a new one"
        return
    except OSError:
        return
    if days < EXPIRY_WARNING_DAYS:
        yield _soon(days), "Get a new one in time"


def _soon(days: int) -> str:
    return f"it expires in {days} day{'' if days == 1 else 's'}" if days else "it expires today"


def why_unreadable(path: Path) -> str:
    """Say why a file cannot be read, "" if it can."""
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        return f"cannot read '{path}': {error.strerror}"
    return ""


def _contents(tls: AnyTlsSettings) -> Iterator[TlsFinding]:
    if b"CERTIFICATE-----" not in tls.certificate.read_bytes():
        yield "certificate", f"'{tls.certificate}' has no PEM certificate", _SWAPPED
        return
    key = tls.key.read_bytes()
    if b"PRIVATE KEY-----" not in key:
        yield "key", f"'{tls.key}' has no PEM private key", _SWAPPED
        return
    if b"ENCRYPTED" in key:
        yield "key", f"'{tls.key}' is encrypted, and nobody is there to type its password", _DECRYPT
        return
    yield from _unusable("certificate", tls.certificate)
    if tls.client_ca:
        yield from _unusable("client_ca", tls.client_ca)
    try:
        _context(tls)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield "key", f"'{tls.key}' is not the key of '{tls.certificate}'", _PAIR
        else:
            yield "key", f"'{tls.key}' cannot be used: {_reason(error)}", ""


_SWAPPED: Final = (
    "Are certificate and key swapped? A DER file becomes PEM with openssl x509 or pkey"
)
_DECRYPT: Final = "Write it unencrypted, readable for the gateway only: openssl pkey -in … -out …"


_PAIR: Final = "Compare the output of openssl x509 -noout -pubkey and openssl pkey -pubout"


def _unusable(key: str, path: Path) -> Iterator[TlsFinding]:
    """Look whether OpenSSL can read the certificates at `path`, ours or an authority's."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError as error:
        yield key, f"'{path}' has no certificate that can be read: {_reason(error)}", ""


def _reason(error: ssl.SSLError) -> str:
    return error.reason.replace("_", " ").lower() if error.reason else "it is damaged"


def _context(tls: AnyTlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A password callback, so that OpenSSL never asks on the terminal.
    context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
    return context


def _days_left(tls: AnyTlsSettings) -> int:
    """Show the certificate to a client that trusts just this one, and read what the client saw.

    The standard library reads a certificate's dates only from a verified peer.

    Raises:
        ssl.SSLCertVerificationError: a client refuses the certificate.
        OSError: the files cannot be used.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False  # peers are found by AE title; hardly any checks the name
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(tls.certificate)
    client, _ = _shake_hands(trusting, _context(tls))
    return _days_of(client)


def _days_left_as_client(certificate: Path, key: Path | None) -> int:
    """Show the certificate to a server that trusts just this one, and read what the server saw.

    Raises: as _days_left.
    """
    showing, trusting = (
        ssl.SSLContext(side) for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)
    )
    showing.check_hostname = False
    showing.verify_mode = ssl.CERT_NONE  # the server is ourselves
    trusting.verify_mode = ssl.CERT_REQUIRED
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(certificate)
    for context in (showing, trusting):
        context.load_cert_chain(certificate, key, password=lambda: "")
    _, server = _shake_hands(showing, trusting)
    return _days_of(server)


def _shake_hands(
    client_side: ssl.SSLContext, server_side: ssl.SSLContext
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Let two sides of ours shake hands in memory; give client and server. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server)
    for side in (client, server) * HANDSHAKE_STEPS_MAX:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client, server


def _days_of(side: ssl.SSLObject) -> int:
    """Say for how many days the other side's certificate is good. Raises ssl.SSLError."""
    certificate = side.getpeercert()
    if not certificate:
        raise ssl.SSLError("the handshake with ourselves did not end")
    expires = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return int((expires - datetime.now(UTC).timestamp()) // 86400)
