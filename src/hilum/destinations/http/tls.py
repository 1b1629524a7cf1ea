"""TLS towards an HTTP server: 1.2 or newer, its certificate and its name always verified."""

import ssl
from pathlib import Path
from typing import Final

from hilum.destinations.http.settings import HttpSettings
from hilum.kernel.errors import Misconfigured

# RFC 9325 §4.2: only authenticated encryption with forward secrecy. (TLS 1.3 suites all are.)
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_trust(settings: HttpSettings) -> ssl.SSLContext:
    """Make the context for the destination itself: its authorities, and our certificate.

    Raises:
        Misconfigured: a file cannot be read or is not what it should be.
    """
    context = _context()
    if settings.ca is None:
        context.load_default_certs()
    else:
        _trust(context, settings.ca)
    if settings.certificate is not None:
        _present(context, settings.certificate, settings.key)
    return context


def token_trust(settings: HttpSettings) -> ssl.SSLContext:
    """Make the context for whoever gives out tokens: perhaps of this house, perhaps not.

    Raises:
        Misconfigured: the file of authorities cannot be used.
    """
    context = _context()
    context.load_default_certs()
    if settings.ca is not None:
        _trust(context, settings.ca)
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
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
    return error.strerror or getattr(error, "reason", None) or type(error).__name__
