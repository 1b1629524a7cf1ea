"""Each kind of destination on a rig: a real one, what it delivers to, and the ways that can fail.

To put a destination through the suite: write a `Rig` for it and add it to `RIGS`.
"""

import abc
import contextlib
import enum
import hashlib
import json
from types import MappingProxyType

from hilum.destinations.dicomweb.destination import DicomWebDestination
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.manner import Manner
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.folder.destination import FolderDestination
from hilum.destinations.folder.settings import DEFAULT_TEMPLATE
from hilum.destinations.folder.template import read_template
from hilum.destinations.folder.writing import Style
from hilum.destinations.webhook.destination import WebhookDestination
from hilum.destinations.webhook.settings import WebhookDestinationSettings
from hilum.dicom.part10 import read_file_meta
from hilum.dicomweb.store_result import (
    FailedInstance,
    StoredInstance,
    StoreResult,
    store_result_json,
)
from hilum.dimse.status import OUT_OF_RESOURCES, SUCCESS
from hilum.kernel.names import AETitle
from hilum.pipeline.ports import Parcel
from hilum.service.clock import SystemClock
from hilum.testing.datasets import instance
from hilum.testing.http_server import HangUp as ServerHangUp
from hilum.testing.http_server import Reply, ScriptedServer
from hilum.testing.http_server import Silence as ServerSilence
from hilum.testing.payloads import MemoryPayloads
from hilum.testing.peer import HangUp, ScriptedPeer, Silence

# Deadlines of destinations under test; what must not run out has the generous one.
HASTY_SECONDS = 0.1
PATIENT_SECONDS = 10.0


class Reaction(enum.Enum):
    """What the other side does with an instance."""

    TAKE = "take"
    WARN = "warn"  # takes it, with a remark
    BUSY = "busy"  # not now
    REFUSE = "refuse"  # never
    LOSE = "lose"  # ends the connection instead of answering
    MUTE = "mute"  # does not answer at all


class Rig(abc.ABC):
    """One destination and the place it delivers to."""

    name: str
    can: frozenset[Reaction] = frozenset({Reaction.TAKE})
    carries = True  # instances, not only the news of them
    connects = True  # over a network: there are connections to count, and nobody may be there

    def __init__(self):
        self.payloads = MemoryPayloads()
        # By number of the instance, in the order in which they arrive; all others are taken.
        self.reactions = {}
        self.answer_seconds = PATIENT_SECONDS

    @abc.abstractmethod
    def running(self, folder):
        """Give an async context manager: the place is there, and the destination is its value."""

    def absent(self, folder):
        """Give an async context manager like `running`, but nobody is there."""
        raise NotImplementedError

    @abc.abstractmethod
    def arrived(self):
        """Give SOP instance UID and SHA-256 of the data set of each whole instance, in order."""

    def connections(self):
        """Count the connections that are open at the place."""
        return 0

    def parcels(self, count, *, first=0, pixel_bytes=2048):
        """Make instances, lay their payloads down, and give the parcels of them."""
        return [self.parcel(seed, pixel_bytes=pixel_bytes) for seed in range(first, first + count)]

    def parcel(self, seed, *, large=0, pixel_bytes=2048, **how):
        made = instance(seed=seed, pixel_bytes=pixel_bytes, **how)
        path = f"instances/{made.sop_instance_uid}"
        if large:
            self.payloads.put_large(path, large)
        else:
            self.payloads.put(path, made.data_set)
        return Parcel(
            delivery_id=seed,
            sop_class_uid=made.sop_class_uid,
            sop_instance_uid=made.sop_instance_uid,
            series_instance_uid=made.series_instance_uid,
            study_instance_uid=made.study_instance_uid,
            transfer_syntax_uid=made.transfer_syntax_uid,
            size=large or len(made.data_set),
            path=path,
        )

    def digest(self, parcel):
        """Give the SHA-256 of a payload."""
        reader = self.payloads.open_payload(parcel.path)
        with contextlib.closing(reader):
            whole, buffer = hashlib.sha256(), memoryview(bytearray(1 << 20))
            while count := reader.read_into(buffer):
                whole.update(buffer[:count])
        return whole.hexdigest()


STATUSES = {
    Reaction.TAKE: SUCCESS,
    Reaction.WARN: 0xB000,
    Reaction.BUSY: OUT_OF_RESOURCES,
    Reaction.REFUSE: 0xA900,
}


class DimseRig(Rig):
    """A peer that speaks DIMSE."""

    name = "dimse"
    can = frozenset(Reaction)

    def __init__(self):
        super().__init__()
        self.peer = ScriptedPeer(on_store=self._react)
        self.manner = Manner()
        self.fragment_bytes_max = RequestorOptions().fragment_bytes_max
        self.seats = None
        self._kept = []

    @contextlib.asynccontextmanager
    async def running(self, folder):  # noqa: ARG002 - others need one
        async with self.peer.listening():
            destination = self.destination()
            yield destination
            await destination.aclose()

    @contextlib.asynccontextmanager
    async def absent(self, folder):  # noqa: ARG002 - others need one
        async with self.peer.listening():
            pass
        yield self.destination()

    def destination(self):
        options = RequestorOptions(
            fragment_bytes_max=self.fragment_bytes_max,
            connect_timeout_seconds=PATIENT_SECONDS,
            association_timeout_seconds=self.answer_seconds,
            response_timeout_seconds=self.answer_seconds,
            release_timeout_seconds=self.answer_seconds,
            seats=self.seats,
        )
        address = Address(self.peer.host, self.peer.port, AETitle("PEER"), AETitle("US"))
        return DimseDestination(
            "pacs",
            address,
            options,
            self.payloads,
            manner=self.manner,
        )

    def arrived(self):
        return self._kept

    def connections(self):
        return self.peer.open_now

    def _react(self, stored):
        reaction = self.reactions.get(stored.number, Reaction.TAKE)
        if reaction is Reaction.LOSE:
            raise HangUp
        if reaction is Reaction.MUTE:
            raise Silence
        if reaction in (Reaction.TAKE, Reaction.WARN):
            self._kept.append((stored.sop_instance_uid, stored.sha256))
        return STATUSES[reaction]


REASONS = {Reaction.WARN: 0xB000, Reaction.BUSY: 0xA700, Reaction.REFUSE: 0xA900}


class DicomWebRig(Rig):
    """A DICOMweb server that gets many instances in a request."""

    name = "dicomweb"
    can = frozenset({Reaction.TAKE, Reaction.WARN, Reaction.BUSY, Reaction.REFUSE})
    settings = MappingProxyType({})

    def __init__(self):
        super().__init__()
        self.server = ScriptedServer(on_request=self._react)
        self._kept = []
        self._seen = 0

    @contextlib.asynccontextmanager
    async def running(self, folder):  # noqa: ARG002 - others need one
        async with self.server.listening():
            destination = self.destination()
            yield destination
            await destination.aclose()

    @contextlib.asynccontextmanager
    async def absent(self, folder):  # noqa: ARG002 - others need one
        async with self.server.listening():
            pass
        yield self.destination()

    def destination(self):
        settings = DicomWebDestinationSettings(
            type="dicomweb",
            url=f"http://127.0.0.1:{self.server.port}/dicom-web",
            response_timeout_seconds=self.answer_seconds,
            **self.settings,
        )
        return DicomWebDestination("cloud", settings, self.payloads, SystemClock())

    def arrived(self):
        return self._kept

    def connections(self):
        return self.server.open_now

    def _react(self, request):
        if request.method == "GET":
            return Reply(204)
        stored, failed = {}, {}
        for part in request.parts:
            reaction = self.reactions.get(self._seen, Reaction.TAKE)
            self._seen += 1
            if reaction is Reaction.LOSE:
                raise ServerHangUp
            if reaction is Reaction.MUTE:
                raise ServerSilence
            if reaction in (Reaction.TAKE, Reaction.WARN):
                self._kept.append((part.sop_instance_uid, part.sha256))
                stored[part.sop_instance_uid] = StoredInstance(warning=REASONS.get(reaction))
            else:
                failed[part.sop_instance_uid] = FailedInstance(reason=REASONS[reaction])
        body = store_result_json(StoreResult(stored, failed))
        return Reply(202 if failed else 200, {"Content-Type": "application/dicom+json"}, body)


class LoneDicomWebRig(DicomWebRig):
    """The same with one instance in a request: what happens to it happens to no other."""

    name = "dicomweb, one by one"
    can = frozenset(Reaction)
    settings = MappingProxyType({"request_instances_max": 1})


class InMemory:
    """An instance that lies in no file (`pipeline.ports.Source`)."""

    def __init__(self, payloads, path):
        self.payloads = payloads
        self.path = path

    def open(self):
        return self.payloads.open_payload(self.path)

    @property
    def pieces(self):
        with contextlib.closing(self.open()) as reader:
            whole = memoryview(bytearray(reader.size))
            reader.read_into(whole)
        return [whole[:1000], whole[1000:]]


class HeldDicomWebRig(DicomWebRig):
    """The same with instances that are in memory, which cannot be damaged."""

    name = "dicomweb, from memory"
    carries = False

    def parcel(self, seed, **how):
        parcel = super().parcel(seed, **how)
        parcel.held = InMemory(self.payloads, parcel.path)
        return parcel


class LoneHeldDicomWebRig(HeldDicomWebRig):
    """One of them in a request."""

    name = "dicomweb, from memory, one by one"
    can = frozenset(Reaction)
    settings = MappingProxyType({"request_instances_max": 1})


class FolderRig(Rig):
    """A folder."""

    name = "folder"
    connects = False

    @contextlib.asynccontextmanager
    async def running(self, folder):
        self.folder = folder
        style = Style(read_template(DEFAULT_TEMPLATE), AETitle("US"), synced=False)
        yield FolderDestination("folder", folder, style, self.payloads)

    def arrived(self):
        return [self._read(path) for path in self.folder.rglob("*.dcm")]

    def _read(self, path):
        with path.open("rb") as file:
            meta = read_file_meta(file)
            file.seek(meta.data_set_offset)
            return meta.sop_instance_uid, hashlib.file_digest(file, "sha256").hexdigest()


class WebhookRig(DicomWebRig):
    """A webhook; what arrives are events, and fields make it read the payload."""

    name = "webhook"
    can = frozenset({Reaction.TAKE, Reaction.BUSY, Reaction.REFUSE, Reaction.LOSE, Reaction.MUTE})
    carries = False
    settings = MappingProxyType({"fields": ["Modality"]})

    def destination(self):
        settings = WebhookDestinationSettings(
            type="webhook",
            url=f"http://127.0.0.1:{self.server.port}/hook",
            response_timeout_seconds=self.answer_seconds,
            **self.settings,
        )
        return WebhookDestination("told", settings, self.payloads, SystemClock())

    def _react(self, request):
        if request.method == "OPTIONS":
            return Reply(405)
        reaction = self.reactions.get(self._seen, Reaction.TAKE)
        self._seen += 1
        if reaction is Reaction.LOSE:
            raise ServerHangUp
        if reaction is Reaction.MUTE:
            raise ServerSilence
        if reaction is Reaction.TAKE:
            (told,) = json.loads(request.body)["instances"]
            self._kept.append((told["sop_instance_uid"], ""))
        return Reply({Reaction.BUSY: 503, Reaction.REFUSE: 422}.get(reaction, 200))

    def digest(self, parcel):  # noqa: ARG002 - an event has no bytes of the instance
        return ""


RIGS = [
    DimseRig,
    DicomWebRig,
    LoneDicomWebRig,
    HeldDicomWebRig,
    LoneHeldDicomWebRig,
    WebhookRig,
    FolderRig,
]
