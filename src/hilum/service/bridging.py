"""All that makes archives elsewhere answer for us, in one process: built, kept going, closed.

The doors get `entities`; our own archive is `local` among them, watched if prefetching wants that.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from hilum.pipeline.answerers.homecoming import StoresComingHome
from hilum.pipeline.answerers.markers import Markers
from hilum.pipeline.answerers.ports import Answerer
from hilum.pipeline.archive.local import LocalArchive
from hilum.pipeline.archive.ports import Archive
from hilum.pipeline.caching.cache import PayloadCache
from hilum.pipeline.entities import Entities
from hilum.pipeline.prefetch.occasion import Occasion
from hilum.service import readings
from hilum.service.answerers import Answerers
from hilum.service.config_entities import LOCAL, title_of
from hilum.service.config_entity_checks import ANSWERING
from hilum.service.config_settings import Config
from hilum.service.core import Core
from hilum.service.entities import Faces
from hilum.service.fetching import Fetching
from hilum.service.metrics import Metrics
from hilum.service.pools import PoolFigures, pool_of

# Where C-MOVEs to ourselves are noted, so that every process knows of them.
HOMECOMINGS: Final = "homecomings"

ByAnswerer = Mapping[tuple[str, ...], float]


class Bridging:
    """The answerers, their cache, the entities, and what is fetched by itself."""

    def __init__(
        self,
        config: Config,
        core: Core,
        archive: LocalArchive,
        *,
        run: Path,
        run_id: str,
    ) -> None:
        """Make it; `run` is the folder of what lives as long as the gateway runs.

        `run_id`: what other gateways are told of that, and of nothing else (`query.via`).
        """
        clock, telemetry = core.clock, core.telemetry
        self.cache = PayloadCache(
            config.cache,
            vault=core.vault,
            room=core.room,
            clock=clock,
            telemetry=telemetry,
            free_bytes_min=config.retention.free_bytes or 0,
        )
        self._markers = Markers(run / HOMECOMINGS, clock)
        self.homecomings = StoresComingHome(
            self._markers, self.cache, core.vault, is_alone=config.gateway.workers == 1
        )
        self.answerers = Answerers(
            self.cache,
            self.homecomings,
            clock=clock,
            telemetry=telemetry,
            seats=core.delivering.seats,
        )
        self._faces = Faces(
            archive,
            self.answerers,
            cache=self.cache,
            telemetry=telemetry,
            notice=self._notice,
            run_id=run_id,
        )
        self.fetching = Fetching(config, core, self._faces.source)
        self._titles: Mapping[str, Sequence[str]] = {}
        self._figures: Mapping[str, PoolFigures] = {}
        self._sources = self._goals = frozenset[str]()

    @property
    def entities(self) -> Entities:
        """Give the faces of now."""
        return self._faces.entities

    @property
    def local(self) -> Archive:
        """Give our own archive, as the doors shall ask it."""
        return self._faces.local

    def source(self, name: str) -> Archive | None:
        """Give the archive of an entity or destination, for work of our own."""
        return self._faces.source(name)

    def answerer(self, name: str) -> Answerer | None:
        """Give the archive of a destination, if it can be asked. Raises Misconfigured."""
        asked = self.answerers.of(name)
        return None if asked is None else asked.guarded

    def titles_of(self, answerer: str) -> Sequence[str]:
        """Name the entities that a destination answers for, by AE title."""
        return self._titles.get(answerer, ())

    def places(self) -> tuple[frozenset[str], frozenset[str]]:
        """Name what can be fetched from, and what can be fetched to."""
        return self._sources, self._goals

    def start(self) -> None:
        """Begin to work on the running loop. Raises OSError."""
        self.cache.start()
        self._markers.open()

    def change(self, config: Config) -> None:
        """Answer as `config` says from now on.

        Raises:
            Misconfigured: a certificate or the like of a destination cannot be used; then nothing
                has changed.
        """
        self._faces.change(config)
        self.fetching.change(config)
        titles: dict[str, list[str]] = {}
        for name, entity in config.entities.items():
            for answerer in sorted(entity.names):
                titles.setdefault(answerer, []).append(title_of(name, entity))
        self._titles = titles
        askable = {name for name, one in config.destinations.items() if isinstance(one, ANSWERING)}
        faces = {*config.entities, *self.entities.by_title}
        self._sources = frozenset((*askable, *faces, LOCAL))
        self._goals = frozenset((*config.destinations, LOCAL))

    async def run(self) -> None:
        """Fetch what is asked for until `stop`."""
        await self.fetching.run()

    async def look(self) -> None:
        """Keep the cache within its bounds, and close what is not wanted any more."""
        await self.cache.look()
        await self.answerers.look()
        await self.homecomings.look()

    async def stop(self) -> None:
        """Fetch nothing more of our own accord; while intake still takes things in."""
        await self.fetching.stop()

    async def aclose(self) -> None:
        """Let go of everything; the doors are closed."""
        await self._faces.aclose()
        await self.answerers.aclose()
        await self.cache.aclose()

    def show(self, metrics: Metrics) -> None:
        """Show the live figures of this process."""
        metrics.watch(readings.CACHE_BYTES, lambda: self.cache.looked.file_bytes)
        metrics.watch(readings.CACHE_PAYLOADS, lambda: self.cache.looked.payloads)
        metrics.watch(readings.FETCH_REQUESTS_ACTIVE, lambda: self.fetching.fetcher.under_way)
        metrics.watch_all(readings.ANSWERER_BREAKER_OPEN, self._shut)
        metrics.watch_all(readings.ANSWERER_CONNECTIONS_BUSY, lambda: self._pools(_busy))
        metrics.watch_all(readings.ANSWERER_CONNECTIONS_IDLE, lambda: self._pools(_idle))
        metrics.watch_all(readings.ANSWERER_WAITING, lambda: self._pools(_waiting))
        metrics.watch_all(readings.ANSWERER_FETCHES, self._fetches)

    def _notice(self, occasion: Occasion) -> None:
        self.fetching.notice(occasion)

    def take_figures(self) -> None:
        """Look at the pools, on the event loop; metrics are read in a thread."""
        self._figures = {name: pool_of(one.answerer) for name, one in self.answerers.asked.items()}

    def _pools(self, number: Callable[[PoolFigures], float]) -> ByAnswerer:
        return {(name,): number(pool) for name, pool in self._figures.items()}

    def _shut(self) -> ByAnswerer:
        found = list(self.answerers.asked.items())
        return {(name,): not one.guarded.is_well for name, one in found}

    def _fetches(self) -> ByAnswerer:
        found = list(self.answerers.asked.items())
        return {(name,): one.holder.fetching.under_way for name, one in found}


def _busy(pool: PoolFigures) -> float:
    return len(pool.in_use)


def _idle(pool: PoolFigures) -> float:
    return pool.idle or 0


def _waiting(pool: PoolFigures) -> float:
    return pool.waiting
