"""TLS towards a peer as PS3.15 §B.12 asks for it (BCP 195): 1.2 or newer, always verified."""

import ssl
from pathlib import Path
from typing import Final

from hilum.kernel.errors import Misconfigured

# RFC 9325 §4.2: only authenticated encryption with forward secrecy. (TLS 1.3 suites all are.)
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


def client_context(
    *, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Make the context for associations over TLS.

    With `ca` the peer is whoever this authority vouches for: a hospital's own authority issues
    certificates for AE titles, rarely for host names, so names are not compared. Without `ca` the
    system's authorities decide, who vouch for half the world: then the host name must match.

    Raises:
        Misconfigured: a file cannot be read, is not what it should be, or a key stands alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    if ca is None:
        context.load_default_certs()
    else:
        context.check_hostname = False
        _trust(context, ca)
    if certificate is not None:
        _present(context, certificate, key)
    elif key is not None:
        raise Misconfigured(f"the TLS key {key} needs the certificate it belongs to")
    return context


def _trust(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise Misconfigured(
            f"the TLS authority {ca} cannot be used ({_reason(error)}); "
            "expected a PEM file with one certificate or more"
        ) from error


def _present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # An encrypted key would make OpenSSL ask on the terminal; the empty password makes it fail.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise Misconfigured(
            f"the TLS certificate {certificate} with key {key or certificate} cannot be used "
            f"({_reason(error)}); expected PEM files that belong together, the key not encrypted"
        ) from error


def _reason(error: OSError) -> str:
    """Say what OpenSSL or the system objects to, without the source line OpenSSL adds."""
    return getattr(error, "reason", None) or error.strerror or str(error)
