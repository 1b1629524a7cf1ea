"""Stores that go through, for one process: what entities say, made into passages."""

import asyncio

from hilum.pipeline.passing.depot import Depot
from hilum.pipeline.passing.passage import Passage
from hilum.pipeline.passing.passages import Passages
from hilum.pipeline.passing.ports import Target
from hilum.pipeline.taking import Takers
from hilum.service.config_entities import EntitySettings, title_of
from hilum.service.config_settings import Config
from hilum.service.core import Core


class Passing:
    """Keeps the passages of entities. `takers`: who takes what is brought to which entity."""

    def __init__(self, config: Config, core: Core) -> None:
        self._intake = core.intake
        self._delivering = core.delivering
        depot = Depot(
            vault=core.vault,
            room=core.room,
            ledger_obstacle=lambda: core.intake.ledger_obstacle,
            audit=core.ledger.audit,
            audit_lightly=core.ledger.audit_lightly,
            clock=core.clock,
            telemetry=core.telemetry,
            instance_bytes_max=config.sources.dimse.limits.instance_bytes_max,
        )
        self.passages = Passages(depot, self._target, core.telemetry)
        self._made: dict[str, tuple[EntitySettings, Passage]] = {}
        self.takers = Takers(core.intake, {})
        self.change(config)

    def change(self, config: Config) -> None:
        """Take as `config` says from now on; what is under way goes on as it was begun."""
        self._made = {
            name: self._passage(name, settings)
            for name, settings in config.entities.items()
            if settings.through
        }
        titles = {
            title_of(name, settings): passage for name, (settings, passage) in self._made.items()
        }
        # Its other names are the default entity's as well.
        default = titles.get(config.gateway.ae_title, self._intake)
        self.takers = Takers(default, titles)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work on `loop`."""
        self.passages.start(loop)

    async def stop(self) -> None:
        """End what is under way; the doors take nothing more."""
        await self.passages.stop()

    def _passage(self, name: str, settings: EntitySettings) -> tuple[EntitySettings, Passage]:
        """Keep the passage of an entity that is as it was."""
        before = self._made.get(name)
        if before is not None and before[0] == settings:
            return before
        return settings, self.passages.passage(
            settings.through,
            deadline_seconds=settings.store_deadline_seconds,
            profile=settings.status_profile,
        )

    def _target(self, name: str) -> Target | None:
        opened = self._delivering.opened.get(name)
        if opened is None:
            return None
        settings = opened.settings
        return Target(
            opened.destination,
            settings.window_max,
            settings.batch_instances_max,
            settings.batch_bytes_max,
        )
