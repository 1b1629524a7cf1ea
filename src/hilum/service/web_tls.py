"""The TLS of the HTTP listener at work: one context, and a newer one when its files change."""

import ssl

from hilum.kernel.errors import Misconfigured
from hilum.kernel.telemetry import Telemetry
from hilum.service.certificates import Certificates
from hilum.sources.web.access.https import web_context
from hilum.sources.web.access.settings import WebTlsSettings


class WebTls:
    """Gives the context for the next connection; a broken change leaves the old one in use."""

    def __init__(self, settings: WebTlsSettings, telemetry: Telemetry) -> None:
        self._certificates = Certificates(settings, telemetry)
        self._context: ssl.SSLContext | None = None

    def open(self) -> None:
        """Load the certificate. Raises Misconfigured."""
        self._load()
        if self._context is None:
            raise Misconfigured(
                "sources.web.tls: the certificate or key cannot be loaded; `hilum check` says why"
            )

    def context(self) -> ssl.SSLContext:
        """Give what the next connection shakes hands with."""
        assert self._context is not None  # noqa: S101 - open() has seen to it
        return self._context

    def change(self, settings: WebTlsSettings) -> None:
        """Use other files from now on."""
        self._certificates.change(settings)
        self._load()

    def refresh(self) -> None:
        """Load the files again if they changed."""
        if self._certificates.have_changed():
            self._load()

    def _load(self) -> None:
        context = self._certificates.load()
        self._context = self._context if context is None else web_context(context)
