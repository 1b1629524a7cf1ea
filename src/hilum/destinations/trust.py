"""TLS towards whoever we call, the same for every door: 1.2 or newer, the other side verified."""

import ssl
from pathlib import Path
from typing import Final

from hilum.kernel.errors import Misconfigured

# RFC 9325 §4.2: only authenticated encryption with forward secrecy. (TLS 1.3 suites all are.)
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


def bare_context() -> ssl.SSLContext:
    """Make a context that trusts nobody yet, and compares names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    return context


def trust(context: ssl.SSLContext, ca: Path) -> None:
    """Trust whoever the authority in `ca` vouches for.

    Raises:
        Misconfigured: the file cannot be used.
    """
    try:
        context.load_verify_locations(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise Misconfigured(
            f"the TLS authority {ca} cannot be used ({_reason(error)}); "
            "expected a PEM file with one certificate or more"
        ) from error


def present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Show our certificate to whoever asks for one.

    Raises:
        Misconfigured: a file cannot be used, or the two do not belong together.
    """
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
