"""What delivers in one process: planner, destinations, and the dispatcher of their lanes."""

import random
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from hilum.destinations.dicomweb.destination import DicomWebDestination
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.opening import dimse_destination
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.folder.opening import folder_destination
from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.destinations.webhook.destination import WebhookDestination
from hilum.destinations.webhook.settings import WebhookDestinationSettings
from hilum.kernel.clock import Clock
from hilum.kernel.names import AETitle
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.pipeline.commitments import Commitments
from hilum.pipeline.crew import Crew
from hilum.pipeline.lanes.books import Books
from hilum.pipeline.lanes.dispatcher import Dispatcher
from hilum.pipeline.lanes.gathering import Gatherer
from hilum.pipeline.lanes.groups import Groups
from hilum.pipeline.lanes.quick import QuickAside
from hilum.pipeline.planning import Planner
from hilum.pipeline.ports import Destination, Payloads
from hilum.routing.completeness import Patience
from hilum.routing.settings import GatherSettings
from hilum.service.archiving import indexing_of
from hilum.service.clock import SteadyClock
from hilum.service.config_routes import routes_of
from hilum.service.config_settings import Config
from hilum.service.config_settings import Destination as Settings
from hilum.service.policies import policy_of
from hilum.service.seats import SeatsOfPeers
from hilum.service.time_zones import zone_of
from hilum.service.workers.bells import Bells
from hilum.service.workers.helping import Helping

# The ledger writes one at a time; a few more threads let reads go on beside a slow write.
_LANE_THREADS: Final = 4


def owners_of(worker: int) -> str:
    """Give how the names of owners of leases begin, for all lives of a worker."""
    return f"worker-{worker}-"


@dataclass(frozen=True, slots=True)
class Opened:
    """A destination and the settings it was made of."""

    settings: Settings
    destination: Destination


class Delivering:
    """Delivers what is planned, for one process."""

    def __init__(  # noqa: PLR0913 - parts of one process, by keyword
        self,
        config: Config,
        *,
        worker: int,
        ledger: Ledger,
        payloads: Payloads,
        clock: Clock,
        telemetry: Telemetry,
        is_association_open: Callable[[str], bool],
    ) -> None:
        self._worker = worker
        self._ledger = ledger
        self.payloads = payloads
        self._clock = clock
        self.title = config.gateway.ae_title
        self.zone = zone_of(config.gateway.time_zone)
        self.seats = SeatsOfPeers()
        self._threads = Crew("lanes", _LANE_THREADS)
        # Where commits wait for the device, so does whoever comes next.
        waits = config.gateway.durability == "power"
        aside = self._threads if waits else QuickAside(self._threads, clock)
        self.dispatcher = Dispatcher(
            Books(
                *(ledger.deliveries, ledger.slots, aside, clock),
                steady=SteadyClock(),
                token=f"{owners_of(worker)}{uuid.uuid4().hex[:12]}",
            ),
            clock=clock,
            telemetry=telemetry,
            chance=random.random,
        )
        self._groups = Groups(ledger.deliveries, self._threads, clock, self.dispatcher, telemetry)
        self._gatherer = Gatherer(
            ledger.gatherings,
            ledger.commitments,
            self._threads,
            clock,
            telemetry,
            is_association_open=is_association_open,
        )
        self.planner = Planner(
            routes_of(config, self.zone),
            members=lambda: self._groups.members,
            begun_with=ledger.deliveries.study_choice,
            tags_besides=indexing_of(config).tags_wanted,
        )
        # Archives report commitments to our listener; destinations wait for them.
        self.commitments = Commitments()
        self.opened: Mapping[str, Opened] = {}
        self.peers = config.peers
        self._helping: Helping | None = None
        self._heeded: int | None = None  # the last audit record that was looked at

    def change(self, config: Config) -> None:
        """Deliver as `config` says from now on; what is being sent is finished as it was begun.

        Raises:
            Misconfigured: a certificate or the like of a destination cannot be used; then nothing
                has changed.
        """
        zone = zone_of(config.gateway.time_zone)
        title = config.gateway.ae_title
        opened = {
            name: self._open(name, settings, ours=title)
            for name, settings in config.destinations.items()
        }
        self.title, self.zone, self.opened = title, zone, opened
        self.peers = config.peers
        self.dispatcher.change(
            (one.destination, policy_of(one.settings, zone)) for one in opened.values()
        )
        routes = routes_of(config, zone)
        self._groups.change(target for route in routes.routes for target in route.targets)
        self._gatherer.change(
            {
                route.name: _patience(route.gather)
                for route in routes.routes
                if route.on != "instance"
            },
            routes.opening_of,
        )
        self.planner.change(routes)

    def take_back(self) -> None:
        """Let what an earlier life of this worker had leased wait again; before run().

        Raises:
            HilumError: the ledger cannot be written; the leases then end by themselves.
        """
        self._ledger.end_leases(lambda owner: owner.startswith(owners_of(self._worker)))

    async def run(self) -> None:
        """Deliver until `stop` is over."""
        await self.dispatcher.run()

    def help(self, bells: Bells) -> None:
        """Share the work with other workers; on the event loop, before run()."""
        self._helping = Helping(bells, self._worker, self.dispatcher)

    async def stop(self, seconds_max: float) -> None:
        """Finish what is being sent within `seconds_max`."""
        if self._helping is not None:
            self._helping.close()
            self._helping = None
        await self.dispatcher.stop(seconds_max)
        self._threads.close()

    def owed(self, news: Mapping[str, Collection[int]]) -> None:
        """A commit planned deliveries: `news` gives their priorities by destination."""
        if self._helping is None:
            self.dispatcher.wake(news)
        else:
            self._helping.planned(news)

    def listed(self, commitment_id: int) -> None:
        """A request for commitment was taken, which lists what there should be."""
        self._gatherer.watch(commitment_id)

    async def balance(self) -> None:
        """Let groups fail over and come back; for about once a second. Raises HilumError."""
        await self._groups.balance()

    async def gather(self) -> None:
        """Let go what is complete; for about once a second. Raises HilumError."""
        if await self._gatherer.look():
            self.dispatcher.wake_all()

    async def heed(self) -> None:
        """Probe destinations as soon as a person lets something go; once a second, HilumError."""
        queue, before = self._ledger.queue, self._heeded
        if before is None:  # whatever was let go earlier is tried anyway, as we begin
            self._heeded = await self._threads.run(queue.last_record)
            return
        self._heeded, is_let_go = await self._threads.run(lambda: queue.let_go_after(before))
        if is_let_go:
            self.dispatcher.look_now()

    def destinations(self) -> Mapping[str, tuple[str, Destination]]:
        """Give the destinations by name, each with its type."""
        return {name: (one.settings.type, one.destination) for name, one in self.opened.items()}

    def _open(self, name: str, settings: Settings, *, ours: AETitle) -> Opened:
        """Keep a destination whose settings are as they were; its lane goes on."""
        before = self.opened.get(name)
        if before is not None and before.settings == settings and ours == self.title:
            return before
        return Opened(settings, self._made(name, settings, ours))

    def _made(self, name: str, settings: Settings, ours: AETitle) -> Destination:
        match settings:
            case DimseDestinationSettings():
                return dimse_destination(
                    name,
                    settings,
                    calling=ours,
                    payloads=self.payloads,
                    commitments=self.commitments,
                    seats=self.seats.of(name, settings.associations_max),
                )
            case DicomWebDestinationSettings():
                return DicomWebDestination(name, settings, self.payloads, self._clock)
            case FolderDestinationSettings():
                return folder_destination(name, settings, ours=ours, payloads=self.payloads)
            case WebhookDestinationSettings():
                return WebhookDestination(name, settings, self.payloads, self._clock)
            case _:
                assert_never(settings)


def _patience(settings: GatherSettings) -> Patience:
    return Patience(settings.level, settings.quiet_seconds, settings.forced_after)
