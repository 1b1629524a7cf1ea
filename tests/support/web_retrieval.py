"""A DICOMweb door over instances in memory, and a client that takes answers apart."""

import hashlib
from datetime import UTC, datetime

from asgi_client import Client

from hilum.dicom.facts import facts_of
from hilum.dicom.json_writer import to_json
from hilum.dicom.parser import read_data_set
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicomweb.boundary import boundary_of
from hilum.dicomweb.media_types import media_type
from hilum.dicomweb.multipart_reader import MultipartReader, PartBegan, PartBytes
from hilum.pipeline.archive.at_hand import AtHand
from hilum.pipeline.archive.ports import Holding
from hilum.sources.web.door import ROOT, Face, WebDoor
from hilum.sources.web.retrievals import retrieval_handlers
from hilum.sources.web.shelf import Shelf
from hilum.testing.payloads import MemoryPayloads

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"


class Events:
    """Keeps what is emitted."""

    def __init__(self):
        self.emitted = []

    def emit(self, event):
        self.emitted.append(event)

    def named(self, name):
        return [one for one in self.emitted if type(one).__name__ == name]


class HeldArchive:
    """An archive in memory that only knows what it holds, and what it was asked for."""

    def __init__(self):
        self.held = []
        self.asked = []
        self.data_sets = {}
        self.without_metadata = set()

    async def holdings(self, retrieval, _asker, purpose):
        self.asked.append((retrieval, purpose))
        names = {1: "study_instance_uid", 2: "series_instance_uid", 3: "sop_instance_uid"}
        return [
            one
            for one in self.held
            if all(getattr(one, names[level]) in uids for level, uids in retrieval.keys.items())
        ]

    async def supply(self, retrieval, asker, purpose, *, syntaxes=()):  # noqa: ARG002
        return AtHand(await self.holdings(retrieval, asker, purpose))

    async def metadata(self, holdings, _bulk_root):
        for one in holdings:
            if one.sop_instance_uid not in self.without_metadata:
                syntax = transfer_syntax(one.transfer_syntax_uid)
                yield to_json(read_data_set(self.data_sets[one.sop_instance_uid], syntax))


class WebRig:
    """A door over payloads in memory."""

    def __init__(self, *, decoder=None, payloads=None):
        self.events = Events()
        self.decoder = decoder
        self.payloads = payloads or MemoryPayloads()
        self.archive = HeldArchive()
        self.shelf = Shelf(self.archive, self.payloads, self.events)
        handlers = retrieval_handlers(self.shelf, decoder=decoder)
        self.door = WebDoor(Face(ROOT, "HILUM"), handlers, self.events)
        self.client = Client(self.door)

    def store(self, data_set, syntax):
        """Keep a data set; give its holding."""
        reader = DataSetReader(transfer_syntax(syntax))
        reader.feed(data_set)
        facts = facts_of(reader.finish())
        path = f"{len(self.archive.held) + 1}.dcm"
        self.payloads.put(path, data_set)
        holding = Holding(
            facts.sop_class_uid,
            facts.sop_instance_uid,
            facts.series_instance_uid,
            facts.study_instance_uid,
            syntax,
            len(data_set),
            path,
            1,
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            hashlib.sha256(data_set).digest(),
        )
        self.archive.held.append(holding)
        self.archive.data_sets[facts.sop_instance_uid] = data_set
        return holding

    def keep(self, generated):
        """Keep a generated instance; give its holding."""
        return self.store(generated.data_set, generated.transfer_syntax_uid)

    def get(self, path, accept="*/*", **headers):
        """Ask as a client would."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(ROOT + path, headers={"accept": accept} | named)


def header(answer, name):
    """Give a header of an answer; "" when it is not there."""
    return answer.headers.get(name.lower().encode(), b"").decode("latin-1")


def parts_of(answer):
    """Give the headers and the content of each part; the body must be whole."""
    reader = MultipartReader(boundary_of(media_type(header(answer, "content-type"))))
    parts = []
    for event in reader.feed(answer.content):
        if isinstance(event, PartBegan):
            parts.append((dict(event.headers), bytearray()))
        elif isinstance(event, PartBytes):
            parts[-1][1].extend(event.content)
    reader.finish()
    return [(headers, bytes(content)) for headers, content in parts]
