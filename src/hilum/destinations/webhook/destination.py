"""A webhook as a destination: what its sessions share."""

from hilum.destinations.http.authentication import credentials_of
from hilum.destinations.http.probe import probe
from hilum.destinations.http.tls import server_trust
from hilum.destinations.webhook.session import WebhookSession
from hilum.destinations.webhook.settings import WebhookDestinationSettings
from hilum.kernel.clock import Clock
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading


class WebhookDestination:
    """A service that is told about instances (`pipeline.ports.Destination`)."""

    def __init__(
        self, name: str, settings: WebhookDestinationSettings, payloads: Payloads, clock: Clock
    ) -> None:
        """Take what to talk to and how; certificates are read, nothing is opened.

        Raises:
            Misconfigured: a certificate or the key of a service account cannot be used.
        """
        self.name = name
        self.settings = settings
        self.payloads = payloads
        self.clock = clock
        self.reading = Reading()
        self.tls = server_trust(settings) if settings.url.startswith("https:") else None
        self.credentials = credentials_of(settings, clock)

    async def verify(self) -> None:
        """Ask with OPTIONS whether somebody is there; an event would be taken for a real one.

        Raises:
            Unreachable: nobody answers, or not now; RemoteProtocolError: it speaks no HTTP;
            Rejected: it turns us away. Messages say what to change.
        """
        url = self.settings.url
        # Many receivers know POST alone: that they say so is proof enough.
        await probe(
            "OPTIONS", url, self.settings, self.tls, self.credentials, also_good=frozenset({405})
        )

    def session(self) -> WebhookSession:
        """Give a new session; nothing is opened yet."""
        return WebhookSession(self)

    async def aclose(self) -> None:
        """Let go of the connection that tokens come over."""
        await self.credentials.aclose()
