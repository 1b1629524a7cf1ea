"""A DICOMweb archive over real sockets that answers well, until a test says otherwise.

`quirk` sees each request first: what it gives is the answer. `cannot` names resources that are not
there, by the last parts of their paths.
"""

import contextlib
import re
from urllib.parse import parse_qsl, urlsplit

from hilum.destinations.dicomweb.archive.answerer import WebAnswerer
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.dicom.json_writer import to_json
from hilum.dicom.matching import matches_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.part10 import file_meta
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicomweb.media_types import DICOM, DICOM_JSON
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.query.answer import result_of
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.parameters import query_of_parameters
from hilum.service.clock import SystemClock
from hilum.testing.http_server import Reply, ScriptedServer

ROOT = "/rs"
LEVELS = {"patients": 0, "studies": 1, "series": 2, "instances": 3}


class ScriptedArchive:
    """Holds generated instances and serves them."""

    def __init__(self, instances=(), *, limit_max=1000):
        self.instances = list(instances)
        self.server = ScriptedServer(on_request=self._answer)
        self.limit_max = limit_max
        self.cannot = set()
        self.quirk = lambda _: None
        self.edit = lambda objects: objects  # what a search answers, as bytes of each
        self.accepted = []

    @contextlib.asynccontextmanager
    async def answering(self, **settings):
        """Give an answerer that asks this archive."""
        archive = settings.pop("archive", {})
        async with self.server.listening():
            made = DicomWebDestinationSettings(
                type="dicomweb",
                url=f"http://127.0.0.1:{self.server.port}{ROOT}",
                archive=archive,
                **settings,
            )
            answerer = WebAnswerer("cloud", made, SystemClock())
            try:
                yield answerer
            finally:
                await answerer.aclose()

    @property
    def targets(self):
        """The targets of all requests, without the root, unquoted parameters aside."""
        return [request.target.removeprefix(ROOT) for request in self.server.requests]

    def _answer(self, request):
        odd = self.quirk(request)
        if odd is not None:
            return odd
        parts = urlsplit(request.target)
        path = parts.path.removeprefix(ROOT).strip("/").split("/")
        shape = "/" + "/".join(part if n % 2 == 0 else "{}" for n, part in enumerate(path))
        if shape in self.cannot:
            return Reply(404)
        if path[-1] in LEVELS:
            return self._search(path, parse_qsl(parts.query, keep_blank_values=True))
        self.accepted.append(request.headers.get("accept", ""))
        if path[-1] == "metadata":
            found = self.held(path[:-1])
            body = b"[" + b",".join(to_json(tree_of(one)) for one in found) + b"]"
            return Reply(200 if found else 404, {"Content-Type": DICOM_JSON}, body)
        found = self.held(path)
        if not found:
            return Reply(404)
        return multipart(found)

    def held(self, path):
        """Give what a path names."""
        names = dict(zip(path[::2], path[1::2], strict=False))
        wanted = {
            "studies": "study_instance_uid",
            "series": "series_instance_uid",
            "instances": "sop_instance_uid",
        }
        return [
            one
            for one in self.instances
            if all(getattr(one, wanted[name]) == uid for name, uid in names.items())
        ]

    def _search(self, path, pairs):
        level = Level(LEVELS[path[-1]])
        names = dict(zip(path[:-1:2], path[1::2], strict=False))
        resource = {Level(LEVELS[name]): uid for name, uid in names.items()}
        search = query_of_parameters(level, pairs, resource=resource, limit_max=self.limit_max)
        query = search.query
        objects, seen = [], set()
        for one in self.instances:
            match = Match(level, tree_of(one))
            if level == Level.STUDY:
                match.attributes.elements[0x00080061] = match.attributes.elements[0x00080060]
            if match.identity not in seen and matches_data_set(query.keys, match.attributes):
                seen.add(match.identity)
                objects.append(to_json(result_of(query, match, retrieve_url="http://x/y")))
        objects = objects[query.offset :][: query.limit]
        objects = self.edit(objects)
        if not objects:
            return Reply(204)
        return Reply(200, {"Content-Type": DICOM_JSON}, b"[" + b",".join(objects) + b"]")


def tree_of(one):
    """Read a generated instance."""
    return read_data_set(one.data_set, transfer_syntax(one.transfer_syntax_uid))


def part10(one):
    """Give a generated instance as a file."""
    meta = file_meta(
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        transfer_syntax_uid=one.transfer_syntax_uid,
    )
    return meta + one.data_set


def multipart_body(files, boundary="b0undary"):
    """Write a body of several files."""
    writer = MultipartWriter(boundary, DICOM)
    parts = [
        writer.head({"Content-Type": DICOM}, is_first=not number) + file
        for number, file in enumerate(files)
    ]
    return writer.content_type, b"".join(parts) + writer.closing


def multipart(instances, **reply):
    """Answer with instances."""
    kind, body = multipart_body([part10(one) for one in instances])
    return Reply(
        reply.pop("status", 200), {"Content-Type": kind, **reply.pop("headers", {})}, body, **reply
    )


class MemorySink:
    """Keeps what lands, by SOP Instance UID; `refuses` raises what it has for one."""

    def __init__(self):
        self.kept = {}
        self.incoming = {}
        self.dropped = 0
        self.open = 0
        self.refuses = {}

    async def land(self, incoming):
        error = self.refuses.get(incoming.sop_instance_uid)
        if error is not None:
            raise error
        self.open += 1
        return _MemoryLanding(self, incoming)


class _MemoryLanding:
    def __init__(self, sink, incoming):
        self._sink = sink
        self._incoming = incoming
        self._pieces = []

    async def take(self, piece):
        assert memoryview(piece).readonly  # it may be kept as it is
        assert len(piece) <= 512 << 10  # whoever looks at it keeps the loop
        self._pieces.append(piece)

    async def keep(self):
        uid = self._incoming.sop_instance_uid
        assert uid not in self._sink.kept
        self._sink.kept[uid] = b"".join(self._pieces)
        self._sink.incoming[uid] = self._incoming
        self._sink.open -= 1

    async def drop(self):
        self._sink.dropped += 1
        self._sink.open -= 1


def shape_of(target):
    """Give a target with its UIDs left out."""
    return re.sub(r"/[0-9][0-9.]*", "/{}", target)
