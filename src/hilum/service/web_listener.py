"""The HTTP listener of one process: its ports, its certificate, and who may call."""

from collections.abc import Sequence
from socket import socket

from starlette.types import ASGIApp

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.service.config_settings import Config
from hilum.service.events import WebOpened
from hilum.service.web import Secure, WebServer
from hilum.service.web_access import WebAccess
from hilum.service.web_tls import WebTls


class WebListener:
    """Serves from `open` on. Rules and certificates change while it does."""

    def __init__(
        self, config: Config, *, ledger: Ledger, clock: Clock, telemetry: Telemetry
    ) -> None:
        self.access = WebAccess(config, ledger=ledger, clock=clock, telemetry=telemetry)
        self._telemetry = telemetry
        self._server: WebServer | None = None
        self._tls: WebTls | None = None

    def open(
        self,
        config: Config,
        application: ASGIApp,
        *,
        plain: Sequence[socket],
        secured: Sequence[socket],
    ) -> None:
        """Begin, on sockets that listen already; on none, nothing is served.

        Raises:
            Misconfigured: the certificate cannot be used.
        """
        web, secure = config.sources.web, None
        if web.tls is not None and secured:
            self._tls = WebTls(web.tls, self._telemetry)
            self._tls.open()
            secure = Secure(secured, self._tls, self._telemetry)
        if not plain and secure is None:
            return
        self._server = WebServer(application, plain, web.limits, secure)
        for scheme, port in (("HTTP", self._server.port), ("HTTPS", self._server.secure_port)):
            if port:
                self._telemetry.emit(WebOpened(scheme, web.host, port))

    async def run(self) -> None:
        """Answer until `stop`, or until cancelled."""
        if self._server is not None:
            await self._server.run()

    def stop(self) -> None:
        """Begin to stop."""
        if self._server is not None:
            self._server.stop()

    def change(self, config: Config) -> None:
        """Judge callers by another configuration from now on."""
        self.access.change(config)
        if self._tls is not None and config.sources.web.tls is not None:
            self._tls.change(config.sources.web.tls)

    def refresh_certificate(self) -> None:
        """Load the certificate again if it changed."""
        if self._tls is not None:
            self._tls.refresh()
