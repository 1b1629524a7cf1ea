"""A DICOMweb server as an archive of ours (`pipeline.answerers.ports.Answerer`)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from hilum.destinations.dicomweb.archive.asking import Asking
from hilum.destinations.dicomweb.archive.counting import Counting
from hilum.destinations.dicomweb.archive.expecting import Expecting
from hilum.destinations.dicomweb.archive.fetching import Fetching
from hilum.destinations.dicomweb.archive.finding import Finding
from hilum.destinations.dicomweb.archive.manner import Manner
from hilum.destinations.dicomweb.archive.planning import Seen, errands_of
from hilum.destinations.dicomweb.archive.pool import Line
from hilum.destinations.dicomweb.archive.receiving import Receiving
from hilum.destinations.dicomweb.archive.whole_fetching import WholeFetching
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.http.authentication import credentials_of
from hilum.destinations.http.tls import server_trust
from hilum.dicomweb.media_types import DICOM_JSON
from hilum.kernel.clock import Clock
from hilum.pipeline.answerers.ports import Expected, Fetch
from hilum.pipeline.archive.ports import Batch, Missing, Origin
from hilum.pipeline.landing import Sink
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

_STUDIES: Final = "/studies"
_SEARCH: Final = f"{_STUDIES}?limit=1"


class WebAnswerer:
    """One server; its connections and credentials are its own. Closed by whoever made it."""

    def __init__(self, name: str, settings: DicomWebDestinationSettings, clock: Clock) -> None:
        """Take what to talk to and how; certificates are read, nothing is opened.

        Raises:
            Misconfigured: a certificate or the key of a service account cannot be used.
        """
        self.name = name
        archive = settings.archive
        tls = server_trust(settings) if settings.url.startswith("https:") else None
        self._credentials = credentials_of(settings, clock)
        self._asking = Asking(name, settings, archive, tls, self._credentials, clock)
        manner = Manner.of(archive)
        self._root = settings.url
        self._requests_max = archive.requests_at_once
        self._finding = Finding(self._asking, self._root, manner, archive.keys)
        self._expecting = Expecting(self._asking, self._root, self._finding)
        self._counting = Counting(self._finding)
        self._receiving = Receiving(self._asking, self._root, manner)
        self._seen = Seen()

    @property
    def in_use(self) -> Sequence[Line]:
        """Give the requests that are under way, the oldest first."""
        return self._asking.pool.in_use

    @property
    def waiting(self) -> int:
        """Give how many requests wait for a connection."""
        return self._asking.pool.waiting

    @property
    def connections_max(self) -> int:
        """Give how many requests may be under way at one time."""
        return self._asking.pool.lines_max

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether it is who asks (`Answerer.has_asked`)."""
        return self._asking.face in asker.via

    async def meet(self) -> None:
        """Find out what it calls itself (`Answerer.meet`)."""
        await self._asking.meet(f"{self._root}{_STUDIES}")

    def find(self, query: Query) -> AsyncGenerator[Batch, None]:
        """Give all matches (`Answerer.find`)."""
        return self._finding.batches(query)

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval (`Answerer.expect`)."""
        expected = await self._expecting.instances(retrieval)
        self._seen.note(expected, retrieval.level)
        return expected

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances there are (`Answerer.count`)."""
        return await self._counting.instances(retrieval)

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink (`Answerer.fetch`)."""
        if fetch.wanted is None:
            whole = WholeFetching(self._receiving, fetch.syntaxes, sink, self._requests_max)
            return await whole.run(fetch.retrieval)
        fetching = Fetching(self._receiving, fetch, sink, self._requests_max)
        counts = self._seen.counts(fetch.wanted)
        return await fetching.run(errands_of(fetch.wanted, fetch.retrieval.level, counts))

    async def verify(self) -> None:
        """Search for one study (`Answerer.verify`)."""
        async with self._asking.get(f"{self._root}{_SEARCH}", DICOM_JSON, what="verify"):
            pass

    async def aclose(self) -> None:
        """Close the connections, and the one that tokens come over."""
        await self._asking.aclose()
        await self._credentials.aclose()
