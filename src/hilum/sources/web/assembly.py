"""Puts the DICOMweb doors together: which handler answers what, under which paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
from hilum.pipeline.ports import Payloads
from hilum.sources.web.capabilities import Describer
from hilum.sources.web.describing import Describing
from hilum.sources.web.door import ROOT, Answerer, Door, Face, Handler, WebDoor
from hilum.sources.web.fhir import ROOT as FHIR
from hilum.sources.web.fhir import Fhir
from hilum.sources.web.frame_decoding import GalleryDecoder
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


@dataclass(frozen=True, slots=True)
class Parts:
    """What the doors need of the house. `entity` is the AE title of the default entity.

    `offset_of`: how local times differ from UTC. `version` and `date`: of the gateway, for FHIR.
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


@dataclass(frozen=True, slots=True)
class Stock:
    """What several handlers give out from: holdings, frames, pictures."""

    shelf: Shelf
    gallery: Gallery
    picturing: Picturing

    @classmethod
    def of(cls, parts: Parts) -> "Stock":
        """Make it of the parts."""
        shelf = Shelf(parts.archive, parts.payloads, parts.telemetry)
        gallery = Gallery(parts.payloads, shelf.reading, shelf.frames, parts.studio)
        pixels = parts.settings.thumbnail_pixels
        return cls(shelf, gallery, Picturing(shelf, gallery, thumbnail_pixels=pixels))


def handlers_of(parts: Parts, stock: Stock) -> Mapping[type[Resource], Handler]:
    """Give what answers each kind of resource."""
    settings = parts.settings
    decoder = GalleryDecoder(stock.gallery) if can_draw() else None
    handlers: dict[type[Resource], Handler] = {
        Search: Searching(
            parts.archive,
            limit_max=settings.search_limit,
            empty_status=settings.empty_search,
        ),
        RetrieveMetadata: Describing(parts.archive, stock.shelf),
        **retrieval_handlers(stock.shelf, decoder=decoder),
        **picture_handlers(stock.picturing),
        Store: parts.storing,
        Delete: Removing(parts.deleter, may_nobody=settings.local_delete),
    }
    return {Capabilities: Describer(handlers), **handlers}


def doors_of(parts: Parts) -> Mapping[str, ASGIApp]:
    """Give the doors by the path that each is the root of."""
    settings, stock = parts.settings, Stock.of(parts)
    is_proxy = proxies_of(settings.trusted_proxies)
    limits = settings.limits
    pace = Pace(limits.bytes_per_second_min, limits.transfer_grace_seconds)

    def door(path: str, answerer: Answerer) -> Door:
        face = Face(path, parts.entity)
        return Door(face, answerer, parts.telemetry, is_proxy=is_proxy, pace=pace)

    handlers = handlers_of(parts, stock)
    doors: dict[str, ASGIApp] = {
        path: WebDoor(
            Face(path, parts.entity), handlers, parts.telemetry, is_proxy=is_proxy, pace=pace
        )
        for path in (ROOT, f"{ENTITIES}/{encoded(parts.entity)}/rs")
    }
    doors[WADO_URI] = door(WADO_URI, WadoUriAnswers(stock.shelf, stock.picturing).reply)
    if settings.fhir:
        doors[FHIR] = door(FHIR, _fhir_of(parts).reply)
    return doors


def _fhir_of(parts: Parts) -> Fhir:
    return Fhir(
        parts.archive,
        dicomweb=ROOT,
        version=parts.version,
        made_on=parts.date,
        offset_of=parts.offset_of,
    )
