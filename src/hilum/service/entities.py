"""The entities of the configuration: faces, and the archive behind each."""

from collections.abc import Callable
from dataclasses import dataclass

from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.bridged import BridgedArchive
from hilum.pipeline.answerers.differing import Differences
from hilum.pipeline.answerers.listing import Member
from hilum.pipeline.answerers.ourselves import Ourselves
from hilum.pipeline.answerers.ports import Cache
from hilum.pipeline.answerers.terms import Terms
from hilum.pipeline.archive.local import LocalArchive
from hilum.pipeline.archive.ports import Archive
from hilum.pipeline.entities import Entities, Entity
from hilum.pipeline.prefetch.occasion import Occasion
from hilum.pipeline.prefetch.watching import WatchedArchive
from hilum.query.via import pseudonym_of
from hilum.service.answerers import Answerers
from hilum.service.config_entities import LOCAL, EntitySettings, members_of, title_of, weights_of
from hilum.service.config_settings import Config


@dataclass(frozen=True, slots=True)
class _Made:
    """An archive and what it was made of: while that stays, it stays."""

    members: tuple[object, ...]
    terms: Terms
    archive: BridgedArchive


class Faces:
    """Makes the entities of one process, and again after a reload. Lives on the event loop."""

    def __init__(
        self,
        archive: LocalArchive,
        answerers: Answerers,
        *,
        cache: Cache,
        telemetry: Telemetry,
        notice: Callable[[Occasion], None],
        run_id: str,
    ) -> None:
        self._run_id = run_id
        self._own = archive
        self._ourselves = Ourselves(archive)
        self._answerers = answerers
        self._cache = cache
        self._telemetry = telemetry
        self._notice = notice
        self._differences = Differences(telemetry)
        self._made: dict[tuple[str, ...], _Made] = {}
        self._is_watched = False
        self.local: Archive = archive
        self.entities = Entities(self._entity("", EntitySettings(), "", archive), {})

    def change(self, config: Config) -> None:
        """Show faces as `config` has them from now on.

        Raises:
            Misconfigured: as `Answerers.change`; then nothing has changed.
        """
        names = frozenset[str]().union(*(one.names for one in config.entities.values()))
        self._answerers.change(config, names)
        self._is_watched = any("find" in rule.on for rule in config.prefetch)
        self.local = self._watched(self._own)
        title = str(config.gateway.ae_title)
        configured = {title_of(name, one): (name, one) for name, one in config.entities.items()}
        configured.setdefault(title, (title, EntitySettings()))
        by_title = {
            ours: self._entity(name, settings, ours, self._archive(settings))
            for ours, (name, settings) in configured.items()
        }
        self.entities = Entities(by_title[title], by_title)

    def source(self, name: str) -> Archive | None:
        """Give the archive of an entity or of a destination, for work of our own; None: none.

        What is asked of it sets off no prefetching. Raises Misconfigured.
        """
        for title, entity in self.entities.by_title.items():
            if name in {title, entity.name}:
                return self._unwatched(entity.archive)
        if name == LOCAL:
            return self._own
        asked = self._answerers.of(name)
        return None if asked is None else self._bridge((asked.holder,), Terms())

    async def aclose(self) -> None:
        """Let go of what was lent."""
        for made in self._made.values():
            await made.archive.aclose()

    def _entity(self, name: str, settings: EntitySettings, title: str, archive: Archive) -> Entity:
        return Entity(
            name,
            title,
            settings.services,
            archive,
            through=settings.through,
            status_profile=settings.status_profile,
            pseudonym="" if settings.is_local else pseudonym_of(self._run_id, title),
        )

    def _archive(self, settings: EntitySettings) -> Archive:
        if settings.is_local:
            return self.local
        members = tuple(self._member(place) for place in settings.answers)
        terms = Terms(settings.deadline_seconds, settings.partial)
        return self._watched(self._bridge(members, terms))

    def _member(self, place: object) -> Member:
        names = members_of(place)
        if names == (LOCAL,):
            return self._ourselves
        if len(names) == 1:
            return self._answerers.asked[names[0]].holder
        return self._answerers.one_of(names, weights_of(place))

    def _bridge(self, members: tuple[Member, ...], terms: Terms) -> BridgedArchive:
        """Give the archive of these, the same one as long as they are the same."""
        key = (*(one.name for one in members), repr(terms))
        before = self._made.get(key)
        if before is not None and before.members == members:
            return before.archive
        archive = BridgedArchive(
            members,
            cache=self._cache,
            accounts=self._own.accounts,
            differences=self._differences,
            telemetry=self._telemetry,
            terms=terms,
        )
        self._made[key] = _Made(members, terms, archive)
        return archive

    def _watched(self, archive: Archive) -> Archive:
        return WatchedArchive(archive, self._notice) if self._is_watched else archive

    def _unwatched(self, archive: Archive) -> Archive:
        return archive.archive if isinstance(archive, WatchedArchive) else archive
