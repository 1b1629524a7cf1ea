"""The house: builds one process of the gateway from its configuration and keeps it going.

Everything is made here and handed down by constructors; nothing below knows where it came from.
"""

import asyncio
import ssl
from typing import Final

from hilum import __version__
from hilum.console.app import Console
from hilum.console.board import Board
from hilum.kernel.errors import Misconfigured
from hilum.ledger.entry import Counts
from hilum.pipeline.caching.cache import LOOK_SECONDS as CACHE_SECONDS
from hilum.pipeline.deleting import Deleter
from hilum.service.archiving import Archiving
from hilum.service.bridging import Bridging
from hilum.service.certificates import Certificates
from hilum.service.checks import answering_of, checks_of
from hilum.service.clock import SystemClock
from hilum.service.config_settings import Config
from hilum.service.console_api import ConsoleApi
from hilum.service.core import core_of
from hilum.service.delivering import owners_of
from hilum.service.drawing import studio_of
from hilum.service.duties import Duties
from hilum.service.events import PeerUnresolved
from hilum.service.figures import show
from hilum.service.keeping import keeper_of
from hilum.service.live import LiveView
from hilum.service.moving import ConfiguredMovers
from hilum.service.neighbours import rulebook_of
from hilum.service.opening import DataFolder
from hilum.service.owing import REFRESH_SECONDS, Owing
from hilum.service.passing import Passing
from hilum.service.restarts import restart_needed
from hilum.service.sockets import Sockets
from hilum.service.telemetry import LiveTelemetry
from hilum.service.time_zones import offset_minutes
from hilum.service.viewing import pages_for
from hilum.service.vouched_clock import VouchedClock
from hilum.service.vouching import ConfiguredWitnesses, voucher_of
from hilum.service.wall_clock import Following
from hilum.service.web_access import LOOK_SECONDS
from hilum.service.web_front import Front
from hilum.service.web_listener import WebListener
from hilum.service.workers.among import LOOK_SECONDS as WORKERS_SECONDS
from hilum.service.workers.among import Among
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.door import DimseDoor
from hilum.sources.dimse.library import Library
from hilum.sources.dimse.services import Rulebook
from hilum.sources.folder.door import FolderDoor
from hilum.sources.web.assembly import Parts
from hilum.sources.web.live import Live
from hilum.sources.web.storing import Storing

_ROOM_SECONDS: Final = 1.0
_CHECKPOINT_SECONDS: Final = 5.0
_CERTIFICATE_SECONDS: Final = 10.0
_RESOLVE_SECONDS: Final = 60.0
# A count reads every row.
_COUNT_SECONDS: Final = 60.0


class House:
    """One process of the gateway."""

    def __init__(
        self, config: Config, folder: DataFolder, telemetry: LiveTelemetry, *, worker: int = 1
    ) -> None:
        self.config = config
        self._begun_with = config
        self.folder = folder
        self.telemetry = telemetry
        self.clock = SystemClock()
        vouched = VouchedClock(self.clock, folder.vouched_until())
        self.live = Live(now=self.clock.now)
        self._duties = Duties(telemetry)
        self.core = core = core_of(
            config,
            folder,
            worker=worker,
            clock=self.clock,
            telemetry=telemetry,
            is_association_open=self._is_association_open,
        )
        self.vault, self.ledger, self.room = core.vault, core.ledger, core.room
        self.delivering, self.intake = core.delivering, core.intake
        self._following = Following(
            self.clock,
            vouched,
            folder.clock,
            worker=worker,
            ledger=self.ledger,
            routes=lambda: self.delivering.planner.routes,
            telemetry=telemetry,
        )
        self.passing = Passing(config, core)
        self.archiving = Archiving(config, self.ledger, self.vault, self.clock, self.intake)
        self.bridging = Bridging(
            config, core, self.archiving.archive, run=folder.run, run_id=folder.run_id
        )
        self.voucher = voucher_of(
            config,
            self.delivering,
            self.ledger,
            self.clock,
            telemetry,
            self._witnesses(),
            vouched=vouched,
        )
        self._studio = studio_of(telemetry, workers=config.gateway.workers)
        self.keeper = keeper_of(
            config,
            self.ledger,
            self.vault,
            self.intake,
            telemetry,
            clock=self.clock,
            vouched=vouched,
        )
        self.certificates = Certificates(config.sources.dimse.tls, telemetry)
        self.board = Board(
            (*checks_of(self.intake, self.room), answering_of(self.bridging)),
            telemetry,
            monotonic=self.clock.monotonic,
        )
        self._among = Among(folder.run / "workers", worker=worker, workers=config.gateway.workers)
        self._web = WebListener(config, ledger=self.ledger, clock=self.clock, telemetry=telemetry)
        self._console = self._new_console()
        self._storing = Storing(self.intake, spool=self.vault.spool)
        self._counts = Counts(0, 0, 0, 0, 0, 0, 0, 0)
        self._owing = Owing(self.ledger.deliveries.depths, self.clock)
        self.desk: Desk | None = None
        self.door: DimseDoor | None = None
        self._front: Front | None = None
        self._folders: list[FolderDoor] = []

    async def open(self, sockets: Sockets) -> None:
        """Begin to take instances in."""
        loop = asyncio.get_running_loop()
        # Here, for a certificate that cannot be used keeps the gateway from starting.
        self.delivering.change(self.config)
        if sockets.bells is not None:
            self.delivering.help(sockets.bells)
        self.bridging.start()
        self.bridging.change(self.config)
        await self._duties.attempt("taking back leases", self._take_back)
        await self._duties.attempt("listening to other workers", self._among.look)
        self.intake.start(loop)
        self.passing.start(loop)
        await self._refresh_room()
        self.desk = Desk(
            rulebook=await asyncio.to_thread(self._rulebook),
            limits=self.config.sources.dimse.limits,
            intake=self.intake,
            clock=self.clock,
            telemetry=self.telemetry,
            commitments=self.delivering.commitments,
            voucher=self.voucher,
            takers=self.passing.takers,
            library=Library(self.vault, ConfiguredMovers(self.delivering)),
            entities=self.bridging.entities,
            homecomings=self.bridging.homecomings,
        )
        await self._count()
        await self._owing.refresh()
        show(
            self.telemetry.metrics,
            board=self.board,
            desk=self.desk,
            intake=self.intake,
            room=self.room,
            keeper=self.keeper,
            counts=lambda: self._counts,
        )
        self._owing.show(self.telemetry.metrics, self.delivering.dispatcher.figures)
        self.bridging.show(self.telemetry.metrics)
        self._folders = self._folder_doors()
        self.door = DimseDoor(self.desk, self._tls())
        self.door.open(sockets.dimse, sockets.dimse_tls)
        self._front = Front(self._parts(), self._console.application, self._web.access.gate)
        application = self._front.application
        self._web.open(self.config, application, plain=sockets.web, secured=sockets.web_tls)

    async def keep(self) -> None:
        """Do what must be done once in a while, until cancelled."""
        await self._duties.keep(
            (
                (_ROOM_SECONDS, "measuring the disk", self._refresh_room),
                (_ROOM_SECONDS, "asking the ledger", self._ask_ledger),
                (_CHECKPOINT_SECONDS, "the ledger's checkpoint", self._checkpoint),
                (_CERTIFICATE_SECONDS, "looking at certificates", self._refresh_certificates),
                (LOOK_SECONDS, "having keys of tokens", self._web.access.look),
                (_RESOLVE_SECONDS, "resolving peers", self._resolve),
                (_ROOM_SECONDS, "heeding the operator", self.delivering.heed),
                (_ROOM_SECONDS, "following the clock", self._following.look),
                (_ROOM_SECONDS, "balancing groups", self.delivering.balance),
                (_ROOM_SECONDS, "looking for complete studies", self.delivering.gather),
                (_ROOM_SECONDS, "reporting storage commitment", self.voucher.look),
                (_ROOM_SECONDS, "letting payloads go", self.keeper.look),
                (_ROOM_SECONDS, "making metadata", self.archiving.look),
                (CACHE_SECONDS, "keeping the cache", self.bridging.look),
                (_ROOM_SECONDS, "publishing metrics", self._publish),
                (_COUNT_SECONDS, "counting the ledger", self._count),
                (REFRESH_SECONDS, "counting what is owed", self._owing.refresh),
                (WORKERS_SECONDS, "listening to other workers", self._among.look),
            )
        )

    async def deliver(self) -> None:
        """Deliver what is owed, and fetch what is asked for, until `close`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.delivering.run())
            group.create_task(self.bridging.run())

    async def watch_folders(self) -> None:
        """Take in what is dropped into folders until `close`."""
        async with asyncio.TaskGroup() as group:
            for door in self._folders:
                group.create_task(door.run())

    async def serve_web(self) -> None:
        """Answer HTTP until `close`, or until cancelled."""
        await self._web.run()

    async def close(self) -> None:
        """Finish what was begun, and let go of everything; not ready from the first moment."""
        self.board.stop()
        for folder in self._folders:
            folder.stop()
        if self.door is not None:
            await self.door.stop()
        await self._storing.stop(self.config.sources.dimse.limits.stop_seconds)
        await self.bridging.stop()
        await self.passing.stop()
        await self.voucher.close()
        await self.intake.stop()
        await self.delivering.stop(self.config.sources.dimse.limits.stop_seconds)
        if self.intake.has_doubt:
            self.folder.doubt()
        self._web.stop()
        self.board.close()
        self._console.close()
        self._among.close()
        await self._studio.aclose()
        await self.bridging.aclose()
        await self.archiving.close()
        self.ledger.close()
        self.vault.close()

    async def reload(self, config: Config) -> str:
        """Use a changed configuration from now on; say what needs a restart instead."""
        fixed = restart_needed(self._begun_with, config)
        self.delivering.change(config)
        self.passing.change(config)
        self.bridging.change(config)
        self.keeper.change(config.retention)
        self.voucher.settings = config.sources.dimse.commitment
        self._web.change(config)
        self.config = config
        if self.desk is not None and self.door is not None:
            self.desk.rulebook = await asyncio.to_thread(self._rulebook)
            self.desk.limits = config.sources.dimse.limits
            self.desk.takers = self.passing.takers
            self.desk.entities = self.bridging.entities
            self.certificates.change(config.sources.dimse.tls)
            self.door.tls = self.certificates.load() or self.door.tls
        if self._front is not None:
            self._front.change(self._parts())
        return f"Only a restart changes {', '.join(fixed)}." if fixed else "All of it is in force."

    def _tls(self) -> ssl.SSLContext | None:
        context = self.certificates.load()
        if context is None and self.config.sources.dimse.tls is not None:
            raise Misconfigured(
                "sources.dimse.tls: the certificate or key cannot be loaded; `hilum check` says why"
            )
        return context

    def _rulebook(self) -> Rulebook:
        return rulebook_of(self.config, self._tell_unresolved)

    def _tell_unresolved(self, peer: str, host: str, reason: str) -> None:
        self.telemetry.emit(PeerUnresolved(peer, host, reason))

    async def _take_back(self) -> None:
        await asyncio.to_thread(self.delivering.take_back)
        owners = owners_of(self.core.worker)
        await asyncio.to_thread(self.ledger.fetches.take_back, owners)

    async def _refresh_room(self) -> None:
        free, size = await asyncio.to_thread(self.vault.free_bytes)
        self.intake.learn_room(free, size)

    async def _ask_ledger(self) -> None:
        """Find out by a write whether a ledger that failed works again."""
        if self.intake.ledger_obstacle is None:
            return
        await asyncio.to_thread(self.ledger.probe)
        self.intake.ledger_recovered()

    async def _checkpoint(self) -> None:
        await asyncio.to_thread(self.ledger.checkpoint)

    async def _refresh_certificates(self) -> None:
        self._web.refresh_certificate()
        if self.door is not None and self.certificates.have_changed():
            self.door.tls = self.certificates.load() or self.door.tls

    def _folder_doors(self) -> list[FolderDoor]:
        return [
            FolderDoor(
                name,
                settings,
                intake=self.intake,
                own_title=self.config.gateway.ae_title,
                clock=self.clock,
                telemetry=self.telemetry,
            )
            for name, settings in self.config.sources.folder.items()
        ]

    def _parts(self) -> Parts:
        return Parts(
            archive=self.bridging.local,
            payloads=self.vault,
            storing=self._storing,
            deleter=Deleter.over(self.ledger, self.vault, self.clock, self.telemetry),
            studio=self._studio,
            telemetry=self.telemetry,
            settings=self.config.sources.web,
            entity=self.config.gateway.ae_title,
            offset_of=lambda day, clock: offset_minutes(self.delivering.zone, day, clock),
            version=__version__,
            date=self.clock.now().date().isoformat(),
            entities=self.bridging.entities,
            through=lambda one: self._storing.beside(self.passing.takers.of(one.ae_title)),
            live=self.live,
        )

    def _is_association_open(self, association_id: str) -> bool:
        if self._storing.is_open(association_id) or self.bridging.fetching.is_open(association_id):
            return True
        return self.desk is not None and self.desk.is_open(association_id)

    def _witnesses(self) -> ConfiguredWitnesses:
        study_of = self.passing.passages.study_of
        return ConfiguredWitnesses(lambda: self.config, self.bridging.answerer, study_of)

    def _new_console(self) -> Console:
        pages = pages_for(self.config, self.folder.root)
        live = LiveView(
            desk=lambda: self.desk,
            requests=self.live,
            bridging=self.bridging,
            lanes=self.delivering.dispatcher.figures,
            now=self.clock.now,
            worker=self.core.worker,
        )
        self._among.show(live)
        api = ConsoleApi(
            self.ledger,
            self.delivering,
            config=lambda: self.config,
            vault=self.folder.vault,
            now=self.clock.now,
            bridging=self.bridging,
            live=live,
            colleagues=self._among.colleagues,
            worker=self.core.worker,
        )
        return Console(self.board, self.telemetry.metrics.exposition, api.application(), pages)

    async def _publish(self) -> None:
        self.bridging.take_figures()
        await asyncio.to_thread(self.telemetry.metrics.publish)
        # Checks that begin to fail are told even when nobody probes.
        await self.board.findings()

    async def _count(self) -> None:
        self._counts = await asyncio.to_thread(self.ledger.counts)

    async def _resolve(self) -> None:
        if self.desk is not None and self.config.peers:
            self.desk.rulebook = await asyncio.to_thread(self._rulebook)
