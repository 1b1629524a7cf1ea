"""Both doors before an archive elsewhere that does what a test says, all over real sockets.

The archive speaks DICOMweb or DIMSE; what it really keeps is counted, so that an answer can be held
against it.
"""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import stow_rig
from passing_rig import PassingRig

from hilum.destinations.dicomweb.destination import DicomWebDestination
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import Requestor, associate
from hilum.dicomweb.resource import Store
from hilum.dimse.upper.items import PresentationContext
from hilum.kernel.names import AETitle
from hilum.pipeline.passing.ports import Target
from hilum.pipeline.taking import Takers
from hilum.service.clock import SystemClock
from hilum.sources.dimse.admission import Rules
from hilum.sources.dimse.channel import listen
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.door import DimseDoor
from hilum.sources.dimse.services import Rulebook
from hilum.sources.dimse.settings import DimseLimits
from hilum.sources.web.door import Face, WebDoor
from hilum.sources.web.storing import Storing
from hilum.testing.datasets import CT, EXPLICIT_VR_LITTLE_ENDIAN
from hilum.testing.http_server import ScriptedServer
from hilum.testing.peer import ScriptedPeer

BRIDGE = "BRIDGE"
RULES = Rules(frozenset({"HILUM", BRIDGE}), True, (), "loopback", 50)
CONTEXTS = (PresentationContext(1, CT, (EXPLICIT_VR_LITTLE_ENDIAN,)),)
ANSWER_SECONDS = 0.3


class ThroughRig(PassingRig):
    """The doors, and what is behind them."""

    def __init__(self, root: Path, *, answer_seconds: float = ANSWER_SECONDS, **how) -> None:
        super().__init__(root, **how)
        self.server = ScriptedServer()
        self.peer = ScriptedPeer()
        self.answer_seconds = answer_seconds
        self.desk: Desk | None = None
        self.port = 0

    def use_server(self, **settings) -> None:
        """Hand stores through to the scripted server."""
        made = DicomWebDestinationSettings(
            type="dicomweb",
            url=f"http://127.0.0.1:{self.server.port}/dicom-web",
            **{
                "response_timeout_seconds": self.answer_seconds,
                "stall_timeout_seconds": self.answer_seconds,
                **settings,
            },
        )
        self._use(DicomWebDestination("cloud", made, self.vault, SystemClock()))

    def use_peer(self) -> None:
        """Hand stores through to the scripted peer."""
        options = RequestorOptions(
            association_timeout_seconds=self.answer_seconds,
            response_timeout_seconds=self.answer_seconds,
            release_timeout_seconds=self.answer_seconds,
        )
        address = Address("127.0.0.1", self.peer.port, AETitle("PACS"), AETitle(BRIDGE))
        self._use(DimseDestination("cloud", address, options, self.vault))

    def _use(self, destination) -> None:
        self.targets["cloud"] = Target(destination, 4, 32, 1 << 30)

    @asynccontextmanager
    async def open(self, *, deadline_seconds: float = 5.0):
        """Open the doors and the archives; give ourselves."""
        async with self.server.listening(), self.peer.listening(), self:
            self.taker = self.passage = self.passages.passage(
                "cloud", deadline_seconds=deadline_seconds
            )
            self.intake.start(asyncio.get_running_loop())
            door = self._open_dimse()
            self._open_web()
            try:
                yield self
            finally:
                await door.stop()
                await self.intake.stop()

    def profile(self, profile: str) -> None:
        """Have what the archive says told in another way from now on."""
        self.passage._profile = profile

    async def associate(self, called: str = BRIDGE) -> Requestor:
        address = Address("127.0.0.1", self.port, AETitle(called), AETitle("CT1"))
        return await associate(address, CONTEXTS, RequestorOptions())

    async def c_store(self, generated, requestor: Requestor | None = None):
        """Store over DIMSE; give status and comment."""
        sender = requestor or await self.associate()
        response = await sender.store(
            1, 1, generated.sop_class_uid, generated.sop_instance_uid, [generated.data_set]
        )
        if requestor is None:
            await sender.release()
        return response.status, response.error_comment

    async def stow(self, *generated):
        """Store over HTTP; give what was answered."""
        body = stow_rig.parts(*map(stow_rig.file_of, generated))
        return await self.web.store(body)

    def _open_dimse(self) -> DimseDoor:
        self.desk = Desk(
            rulebook=Rulebook(RULES, accept_private_sop_classes=False),
            limits=DimseLimits(stop_seconds=1),
            intake=self.intake,
            clock=self.clock,
            telemetry=self.telemetry,
            takers=Takers(self.intake, {BRIDGE: self.passage}),
        )
        door = DimseDoor(self.desk, None)
        (listener,) = listen("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        door.open([listener], [])
        return door

    def _open_web(self) -> None:
        web = stow_rig.Rig.__new__(stow_rig.Rig)
        web.bench = self
        web.bodies_read = 0
        web.gate = asyncio.Event()
        web.gate.set()
        self.storing = web.storing = Storing(self.intake, spool=self.vault.spool).beside(
            self.passage
        )
        web.door = WebDoor(Face("/dicom-web", BRIDGE), {Store: web.storing}, self.telemetry)
        self.web = web
