"""Which handler answers which retrieval of bytes: instances, frames, bulk data."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from hilum.dicomweb.resource import (
    Resource,
    RetrieveAllBulk,
    RetrieveBulk,
    RetrieveFrames,
    RetrieveInstances,
    RetrievePixels,
)
from hilum.sources.web.bulk_values import BulkRetriever
from hilum.sources.web.door import Handler
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.framing import FrameDecoder, FrameRetriever
from hilum.sources.web.retrieving import InstanceRetriever
from hilum.sources.web.shelf import Shelf

_R = TypeVar("_R", bound=Resource)


def retrieval_handlers(
    shelf: Shelf, *, decoder: FrameDecoder | None = None
) -> Mapping[type[Resource], Handler]:
    """Give the handlers of a door; `decoder`: None decodes no frames."""
    bulk = BulkRetriever(shelf)
    return {
        RetrieveInstances: _of(RetrieveInstances, InstanceRetriever(shelf)),
        RetrieveFrames: _of(RetrieveFrames, FrameRetriever(shelf, decoder)),
        RetrieveBulk: _of(RetrieveBulk, bulk.one),
        RetrieveAllBulk: _of(RetrieveAllBulk, bulk.everything),
        RetrievePixels: _of(RetrievePixels, bulk.pixels),
    }


def _of(kind: type[_R], handler: Callable[[Exchange, _R], Awaitable[Reply]]) -> Handler:
    async def answer(exchange: Exchange, resource: Resource) -> Reply:
        if not isinstance(resource, kind):
            raise TypeError(f"{type(resource).__name__} has another handler")
        return await handler(exchange, resource)

    return answer
