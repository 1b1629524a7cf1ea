"""Requests to fetch and prefetching, put together from what a process of the gateway has."""

import asyncio
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

from hilum.ledger.entry import Origin
from hilum.ledger.fetch import Bidding
from hilum.pipeline.archive.ports import Archive
from hilum.pipeline.fetches.fetcher import Fetcher
from hilum.pipeline.fetches.handing_on import HandingOn
from hilum.pipeline.fetches.ports import Goal
from hilum.pipeline.fetches.taking_in import TakingIn
from hilum.pipeline.prefetch.occasion import Occasion
from hilum.pipeline.prefetch.prefetcher import Prefetcher
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.service.clock import SteadyClock
from hilum.service.config_entities import LOCAL
from hilum.service.config_settings import Config
from hilum.service.core import Core
from hilum.service.delivering import owners_of


@dataclass(frozen=True, slots=True)
class _Places:
    """What there is in the configuration in force (`pipeline.fetches.ports.Places`)."""

    archives: Callable[[str], Archive | None]
    core: Core

    def source(self, name: str) -> Archive | None:
        """Give the archive of an entity or of a destination."""
        return self.archives(name)

    def goal(self, name: str, *, fetch_id: str, source: str) -> Goal | None:
        """Give our own intake, or a destination."""
        core = self.core
        if name == LOCAL:
            title = core.delivering.title
            origin = Origin("", title, source, "", title, f"fetch-{fetch_id}")
            return TakingIn(core.intake, core.vault, self.held_of, origin)
        opened = core.delivering.opened.get(name)
        return None if opened is None else HandingOn(opened.destination.session())

    def held_of(self, study: str) -> Collection[str]:
        """Give the instances of a study that are held here. Blocks."""
        retrieval = Retrieval(Level.STUDY, {Level.STUDY: (study,)})
        return {one.sop_instance_uid for one in self.core.ledger.holdings.of(retrieval).holdings}


class Fetching:
    """What is fetched by one process, and what asks for it."""

    def __init__(
        self, config: Config, core: Core, archives: Callable[[str], Archive | None]
    ) -> None:
        self._clock = core.clock
        self._ledger = core.ledger
        intake = core.intake
        self.places = _Places(archives, core)

        def is_busy() -> bool:
            return bool(intake.open_receptions or intake.obstacle)

        self.fetcher = Fetcher(
            core.ledger.fetches,
            self.places,
            owner=f"{owners_of(core.worker)}{uuid.uuid4().hex[:12]}",
            settings=config.fetch,
            clock=core.clock,
            steady=SteadyClock(),
            telemetry=core.telemetry,
            is_busy=is_busy,
        )
        self.prefetcher = Prefetcher(
            config.prefetch,
            sources=archives,
            held=self._count_held,
            requests=self,
            clock=core.clock,
            telemetry=core.telemetry,
            is_busy=is_busy,
        )

    def change(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self.fetcher.settings = config.fetch
        self.prefetcher.rules = config.prefetch

    async def run(self) -> None:
        """Fetch until `stop`, and look for earlier studies until then."""
        looking = asyncio.get_running_loop().create_task(self.prefetcher.run())
        try:
            await self.fetcher.run()
        finally:
            looking.cancel()
            await asyncio.wait({looking})

    async def stop(self) -> None:
        """End what is under way; the next process begins it again."""
        await self.fetcher.stop()

    async def ask(self, bidding: Bidding, by: Origin) -> str:
        """Ask for something to be fetched; give the request's id. Raises HilumError."""
        fetch_id = uuid.uuid4().hex[:16]
        now = self._clock.now()
        added = await asyncio.to_thread(self._ledger.fetches.add, fetch_id, bidding, by=by, now=now)
        self.fetcher.wake()
        return added

    def notice(self, occasion: Occasion) -> int:
        """Somebody asks about a patient; give how many rules look for earlier studies now."""
        return self.prefetcher.notice(occasion)

    def is_open(self, association_id: str) -> bool:
        """Tell whether what is brought under this name is still coming."""
        fetch_id = association_id.removeprefix("fetch-")
        return fetch_id != association_id and self.fetcher.is_active(fetch_id)

    async def _count_held(self, study: str) -> int:
        return len(await asyncio.to_thread(self.places.held_of, study))
