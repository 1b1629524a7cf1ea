"""Puts the DICOMweb doors together: which handler answers what, under which paths."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from starlette.types import ASGIApp

from hilum.dicomweb.percent import encoded
from hilum.dicomweb.resource import (
    Capabilities,
    Delete,
    Resource,
    RetrieveAllBulk,
    RetrieveBulk,
    RetrieveFrames,
    RetrieveInstances,
    RetrieveMetadata,
    RetrievePixels,
    RetrieveRendered,
    RetrieveThumbnail,
    Search,
    Store,
)
from hilum.fhir.moments import OffsetOf
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.archive.ports import Archive
from hilum.pipeline.deleting import Deleter
from hilum.pipeline.drawing.gallery import Gallery
from hilum.pipeline.drawing.studio import Studio, can_draw
from hilum.pipeline.entities import Entities, Entity, Service
from hilum.pipeline.ports import Payloads
from hilum.sources.web.capabilities import Describer
from hilum.sources.web.describing import Describing
from hilum.sources.web.door import ROOT, Answerer, Door, Face, Handler, WebDoor
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.fhir import Fhir
from hilum.sources.web.fhir_refusal import ROOT as FHIR
from hilum.sources.web.frame_decoding import GalleryDecoder
from hilum.sources.web.live import Live
from hilum.sources.web.pace import Pace
from hilum.sources.web.picturing import Picturing, picture_handlers
from hilum.sources.web.proxies import proxies_of
from hilum.sources.web.removing import Removing
from hilum.sources.web.retrievals import retrieval_handlers
from hilum.sources.web.searching import Searching
from hilum.sources.web.settings import WebSourceSettings
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.storing import Storing
from hilum.sources.web.wado_uri import WADO_URI, WadoUriAnswers

ENTITIES: Final = "/aets"
# What `handlers_of` has handlers for, for who tells of it without a house.
OFFERED: Final[frozenset[type[Resource]]] = frozenset(
    (
        Capabilities,
        Delete,
        RetrieveAllBulk,
        RetrieveBulk,
        RetrieveFrames,
        RetrieveInstances,
        RetrieveMetadata,
        RetrievePixels,
        RetrieveRendered,
        RetrieveThumbnail,
        Search,
        Store,
    )
)


_EVERY_SERVICE: Final[frozenset[Service]] = frozenset(get_args(Service))
_NOT_OURS: Final = "what this entity shows is not all held here; it can be deleted where it is held"
_NO_STORES: Final = "this entity takes no stores"
_NO_WAY_THROUGH: Final = "this gateway has no way to hand stores through"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the doors need of the house. `entity` is the AE title of the default entity.

    `archive`: our own. `offset_of`: how local times differ from UTC. `version` and `date`: of the
    gateway, for FHIR. `entities`: all faces; without them there is one, of our own archive.
    `through`: gives what answers the stores of an entity that hands them on; None: nothing can.
    `live`: where requests are to be seen while they are answered.
    """

    archive: Archive
    payloads: Payloads
    storing: Storing
    deleter: Deleter
    studio: Studio
    telemetry: Telemetry
    settings: WebSourceSettings
    entity: str
    offset_of: OffsetOf
    version: str
    date: str
    entities: Entities | None = None
    through: Callable[[Entity], Handler | None] = lambda _: None
    live: Live = field(default_factory=Live)

    @property
    def faces(self) -> Entities:
        """Give the entities, or the one that there is without any."""
        if self.entities is not None:
            return self.entities
        alone = Entity("", self.entity, _EVERY_SERVICE, self.archive)
        return Entities(alone, {alone.ae_title: alone})


@dataclass(frozen=True, slots=True)
class Stock:
    """What several handlers give out from: holdings, frames, pictures."""

    shelf: Shelf
    gallery: Gallery
    thumbnail_pixels: int
    picturing: Picturing

    @classmethod
    def of(cls, parts: Parts) -> "Stock":
        """Make it of the parts, for what is held here."""
        shelf = Shelf(parts.archive, parts.payloads, parts.telemetry)
        gallery = Gallery(parts.payloads, shelf.reading, shelf.frames, parts.studio)
        return cls._over(shelf, gallery, parts.settings.thumbnail_pixels)

    def over(self, archive: Archive) -> "Stock":
        """Give what an archive has, by the same means."""
        return self._over(self.shelf.over(archive), self.gallery, self.thumbnail_pixels)

    @classmethod
    def _over(cls, shelf: Shelf, gallery: Gallery, pixels: int) -> "Stock":
        return cls(shelf, gallery, pixels, Picturing(shelf, gallery, thumbnail_pixels=pixels))


def handlers_of(
    parts: Parts, stock: Stock, entity: Entity | None = None
) -> Mapping[type[Resource], Handler]:
    """Give what answers each kind of resource of an entity; None: of the default one."""
    entity = entity or parts.faces.default
    settings = parts.settings
    decoder = GalleryDecoder(stock.gallery) if can_draw() else None
    handlers: dict[type[Resource], Handler] = {
        Search: Searching(
            entity.archive,
            limit_max=settings.search_limit,
            empty_status=settings.empty_search,
        ),
        RetrieveMetadata: Describing(entity.archive, stock.shelf),
        **retrieval_handlers(stock.shelf, decoder=decoder),
        **picture_handlers(stock.picturing),
        Delete: Removing(parts.deleter, may_nobody=settings.local_delete),
    }
    if not entity.through:
        handlers[Store] = parts.storing
    elif (through := parts.through(entity)) is not None:
        handlers[Store] = _while_heard(through)
    for resource in closed_of(parts, entity):
        handlers.pop(resource, None)
    return {Capabilities: Describer(handlers), **handlers}


def _while_heard(handler: Handler) -> Handler:
    """Hand on for who waits for it: nobody else will hear what became of it."""

    async def answer(exchange: Exchange, resource: Resource) -> Reply:
        exchange.ends_when_gone = True
        return await handler(exchange, resource)

    return answer


def closed_of(parts: Parts, entity: Entity) -> Mapping[type[Resource], str]:
    """Say what an entity does not let anybody do, and why."""
    closed: dict[type[Resource], str] = {}
    if entity.archive is not parts.archive:
        closed[Delete] = _NOT_OURS
    if "store" not in entity.services:
        closed[Store] = _NO_STORES
    elif entity.through and parts.through(entity) is None:
        closed[Store] = _NO_WAY_THROUGH
    return closed


def doors_of(parts: Parts) -> Mapping[str, ASGIApp]:
    """Give the doors by the path that each is the root of."""
    entities, stock = parts.faces, Stock.of(parts)
    make = _Doors(parts)
    doors: dict[str, ASGIApp] = {}
    for entity in entities.by_title.values():
        if "web" in entity.services:
            own = stock.over(entity.archive)
            paths = [f"{ENTITIES}/{encoded(entity.ae_title)}/rs"]
            if entity is entities.default:
                paths.append(ROOT)
                doors |= _doors_of_default(make, own, entity)
            doors |= make.dicomweb(own, entity, paths)
    return doors


class _Doors:
    """Makes doors that have everything alike but what is behind them."""

    def __init__(self, parts: Parts) -> None:
        limits = parts.settings.limits
        self.parts = parts
        self._is_proxy = proxies_of(parts.settings.trusted_proxies)
        self._pace = Pace(limits.bytes_per_second_min, limits.transfer_grace_seconds)

    def dicomweb(self, stock: Stock, entity: Entity, paths: Iterable[str]) -> dict[str, ASGIApp]:
        handlers = handlers_of(self.parts, stock, entity)
        closed = closed_of(self.parts, entity)
        return {
            path: WebDoor(
                Face(path, entity.ae_title, entity.pseudonym, closed),
                handlers,
                self.parts.telemetry,
                is_proxy=self._is_proxy,
                pace=self._pace,
                live=self.parts.live,
            )
            for path in paths
        }

    def other(self, face: Face, answerer: Answerer) -> Door:
        return Door(
            face,
            answerer,
            self.parts.telemetry,
            is_proxy=self._is_proxy,
            pace=self._pace,
            live=self.parts.live,
        )


def _doors_of_default(make: _Doors, stock: Stock, entity: Entity) -> dict[str, ASGIApp]:
    """Give the doors that the default entity has besides."""
    parts = make.parts
    wado = WadoUriAnswers(stock.shelf, stock.picturing)
    face = Face(WADO_URI, entity.ae_title, entity.pseudonym)
    doors: dict[str, ASGIApp] = {WADO_URI: make.other(face, wado.reply)}
    if parts.settings.fhir:
        fhir = Fhir(
            entity.archive,
            dicomweb=ROOT,
            version=parts.version,
            made_on=parts.date,
            offset_of=parts.offset_of,
        )
        face = Face(FHIR, entity.ae_title, entity.pseudonym, refused=fhir.refused)
        doors[FHIR] = make.other(face, fhir.reply)
    return doors
