"""A DICOMweb server as a destination: what its sessions share, and the question if it is there."""

from typing import Final

from hilum.destinations.dicomweb.batching import Batch
from hilum.destinations.dicomweb.session import DicomWebSession
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.http.authentication import credentials_of
from hilum.destinations.http.probe import probe
from hilum.destinations.http.tls import server_trust
from hilum.dicomweb.media_types import DICOM_JSON, DICOM_XML
from hilum.kernel.clock import Clock
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading

# In the order in which we ask; every server has at least one of them (PS3.18 §10.5.3.2).
ACCEPTED: Final = (DICOM_JSON, DICOM_XML, "*/*")


class DicomWebDestination:
    """A server that instances are stored at by STOW-RS (`pipeline.ports.Destination`)."""

    def __init__(
        self,
        name: str,
        settings: DicomWebDestinationSettings,
        payloads: Payloads,
        clock: Clock,
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
        self._accepted = 0
        self._store_url = f"{settings.url}/studies"

    async def verify(self) -> None:
        """Search for one study, or ask for its capabilities.

        Raises:
            Unreachable: nobody answers, or not now; RemoteProtocolError: it speaks no HTTP;
            Rejected: it turns us away, or this is not the place. Messages say what to change.
        """
        url = self.settings.url
        if self.settings.verify_with == "options":
            await probe("OPTIONS", f"{url}/", self.settings, self.tls, self.credentials)
        else:
            search = f"{url}/studies?limit=1"
            await probe("GET", search, self.settings, self.tls, self.credentials)

    def session(self) -> DicomWebSession:
        """Give a new session; nothing is opened yet."""
        return DicomWebSession(self)

    async def aclose(self) -> None:
        """Let go of the connection that tokens come over."""
        await self.credentials.aclose()

    def store_url(self, batch: Batch) -> str:
        """Give the URL to store `batch` at."""
        if self.settings.study_in_url:
            return f"{self._store_url}/{batch[0].study_instance_uid}"
        return self._store_url

    def has_moved(self, url: str, target: str) -> None:
        """Store at `target` from now on, unless each study has its own URL."""
        if url == self._store_url and not self.settings.study_in_url:
            self._store_url = target

    @property
    def accept(self) -> str:
        """What we ask answers to be in."""
        return ACCEPTED[self._accepted]

    def accept_other_than(self, refused: str) -> bool:
        """Ask for something else than `refused` from now on; False: we have nothing else."""
        if self.accept == refused and self._accepted + 1 < len(ACCEPTED):
            self._accepted += 1
        return self.accept != refused
