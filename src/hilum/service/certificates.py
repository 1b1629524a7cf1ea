"""The TLS certificate of a listener: loaded at start, and again when its files change."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hilum.kernel.telemetry import Telemetry
from hilum.sources.dimse.events import CertificateLoaded, CertificateRefused
from hilum.sources.dimse.tls import ServerTls, server_context

_UNKNOWN: Final = "an unknown date"


class Certificates:
    """Watches certificate, key and authorities; a broken change leaves the old ones in use."""

    def __init__(self, settings: ServerTls | None, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._seen: tuple[int, ...] = ()

    def change(self, settings: ServerTls | None) -> None:
        """Watch other files from now on."""
        self._settings = settings

    def have_changed(self) -> bool:
        """Tell whether a file was written since it was loaded."""
        return self._settings is not None and self._stamps(self._settings) != self._seen

    def load(self) -> ssl.SSLContext | None:
        """Load the files; None when there is no TLS or they cannot be used."""
        settings = self._settings
        if settings is None:
            return None
        self._seen = self._stamps(settings)
        path = str(settings.certificate)
        try:
            context = server_context(settings)
        except (OSError, ssl.SSLError) as error:
            self._telemetry.emit(CertificateRefused(path, error.strerror or str(error)))
            return None
        self._telemetry.emit(CertificateLoaded(path, _valid_until(settings.certificate)))
        return context

    @staticmethod
    def _stamps(settings: ServerTls) -> tuple[int, ...]:
        files = (settings.certificate, settings.key, settings.client_ca)
        return tuple(_modified(file) for file in files if file is not None)


def _modified(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _valid_until(certificate: Path) -> str:
    """Give the last day of a certificate, for the log."""
    try:
        # Not documented, but there since Python 2.6: the only reader of a PEM file in the library.
        decoded = ssl._ssl._test_decode_cert(str(certificate))  # type: ignore[attr-defined]  # noqa: SLF001
        seconds = ssl.cert_time_to_seconds(decoded["notAfter"])
    except (OSError, ssl.SSLError, KeyError, AttributeError):
        return _UNKNOWN
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
