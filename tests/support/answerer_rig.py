"""A DIMSE answerer, a scripted archive that it asks, and a sink that keeps what comes in memory."""

import contextlib

from query_peer import QueryPeer

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.answering.answerer import DimseAnswerer
from hilum.destinations.dimse.answering.settings import DimseArchiveSettings
from hilum.destinations.dimse.options import RequestorOptions
from hilum.dicom.vrs import vr_of
from hilum.kernel.names import AETitle
from hilum.query.query import Query, Wanted

OPTIONS = RequestorOptions(
    connect_timeout_seconds=5,
    association_timeout_seconds=5,
    response_timeout_seconds=5,
    release_timeout_seconds=5,
)


@contextlib.asynccontextmanager
async def answering(archive, *, options=OPTIONS, homecomings=None, peer=None, **settings):
    """Give an answerer and the peer it asks; `archive` is what the peer plays."""
    peer = peer or QueryPeer(archive.script, find_options=archive.find_options)
    async with peer.listening() as listening:
        address = Address(listening.host, listening.port, AETitle("PACS"), AETitle("US"))
        answerer = DimseAnswerer(
            "pacs", address, options, DimseArchiveSettings(**settings), homecomings
        )
        try:
            yield answerer, listening
        finally:
            await answerer.aclose()


async def all_of(answerer, query):
    """Give all matches, the ignored keys and the warnings of an answer."""
    matches, ignored, warnings = [], (), []
    async with contextlib.aclosing(answerer.find(query)) as batches:
        async for batch in batches:
            matches += batch.matches
            ignored = batch.ignored
            warnings += batch.warnings
    return matches, ignored, warnings


def question(level, *keys, wanted=(), **more):
    return Query(level, keys, tuple(Wanted(tag, vr_of(tag)) for tag in wanted), **more)


class MemorySink:
    """Keeps data sets by their SOP Instance UID; `fails` gives an error to raise for one."""

    def __init__(self, fails=lambda _: None, pace=None):
        self.kept = {}
        self.begun = []
        self.dropped = []
        self._fails = fails
        self._pace = pace

    async def land(self, incoming):
        self.begun.append(incoming.sop_instance_uid)
        error = self._fails(incoming)
        if error:
            raise error
        if self._pace is not None:
            await self._pace(incoming)
        return _Landing(self, incoming)


class _Landing:
    def __init__(self, sink, incoming):
        self._sink = sink
        self._incoming = incoming
        self._data = bytearray()

    async def take(self, piece):
        self._data += piece

    async def keep(self):
        self._sink.kept[self._incoming.sop_instance_uid] = bytes(self._data)

    async def drop(self):
        self._sink.dropped.append(self._incoming.sop_instance_uid)
