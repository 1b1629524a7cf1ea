"""What all who give out bytes share: an archive, the payloads, and how they are read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import copy
from functools import partial
from typing import Final, Self

from hilum.dicomweb.refusal import not_found
from hilum.dicomweb.resource import Entity, Place
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.partial import partial_warnings
from hilum.pipeline.archive.frames import FrameFinder
from hilum.pipeline.archive.ports import Archive, Holding, Purpose, Supply
from hilum.pipeline.archive.segments import Streamer
from hilum.pipeline.archive.values import ValueFinder
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.sources.web.events import InstanceSkipped
from hilum.sources.web.exchange import Exchange
from hilum.sources.web.replies import warn_of_missing
from hilum.sources.web.supplied import Gathered, gathered

# Payloads that are looked at before others have their turn on the loop.
_CHECKED_AT_ONCE: Final = 64
_LEVELS: Final = {
    Entity.STUDY: Level.STUDY,
    Entity.SERIES: Level.SERIES,
    Entity.INSTANCE: Level.IMAGE,
}


class Shelf:
    """Finds instances and reads their payloads. One object for each entity."""

    def __init__(self, archive: Archive, payloads: Payloads, telemetry: Telemetry) -> None:
        self.payloads = payloads
        self.reading = Reading()
        self.streamer = Streamer(payloads, self.reading)
        self.frames = FrameFinder(payloads, self.reading)
        self.values = ValueFinder(payloads, self.reading)
        self._archive = archive
        self._telemetry = telemetry

    def over(self, archive: Archive) -> Self:
        """Give a shelf of another archive, whose payloads lie and are read where these are."""
        other = copy(self)
        other._archive = archive  # noqa: SLF001 - one of our own
        return other

    async def supply(
        self,
        exchange: Exchange,
        place: Place,
        purpose: Purpose,
        *,
        syntaxes: tuple[UID, ...] = (),
    ) -> Supply:
        """Begin to get the instances of a place; that they are asked for is written down.

        They are kept until the request is answered.

        Raises:
            RequestRefused: 404, there are none.
            LedgerUnavailable, Full, AnswererFailed: they cannot be looked for.
        """
        supply = await self._archive.supply(
            retrieval_of(place), exchange.origin(), purpose, syntaxes=syntaxes
        )
        exchange.keep(supply)
        if place.entity is not Entity.INSTANCE:
            # Of one instance there is no more than itself.
            exchange.warn(partial_warnings(supply.warnings))
        if not supply.count:
            raise not_found("nothing of that is held here")
        return supply

    async def gathered(self, exchange: Exchange, place: Place, purpose: Purpose) -> Gathered:
        """Give the instances of a place when all of them are here. Raises as `supply` does."""
        return await gathered(await self.supply(exchange, place, purpose))

    async def holdings(
        self, exchange: Exchange, place: Place, purpose: Purpose
    ) -> Sequence[Holding]:
        """Give what there is of a place. Raises as `supply` does."""
        found = await self.gathered(exchange, place, purpose)
        warn_of_missing(exchange, found.missing)
        return found.holdings

    def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the metadata of instances, as `Archive.metadata` does."""
        return self._archive.metadata(holdings, bulk_root)

    async def readable(self, holdings: Sequence[Holding]) -> list[Holding]:
        """Leave out what cannot be read, as far as that shows when it is opened.

        Raises:
            CorruptPayload, OSError: none of them can be.
        """
        found: list[Holding] = []
        fault: CorruptPayload | OSError | None = None
        for first in range(0, len(holdings), _CHECKED_AT_ONCE):
            some = holdings[first : first + _CHECKED_AT_ONCE]
            for holding, why in await self.reading.call(partial(self._looked_at, some)):
                if why is None:
                    found.append(holding)
                else:
                    fault = fault or why
                    self.leave_out(holding, why)
            if first:
                await asyncio.sleep(0)  # others have waited long enough
        if fault is not None and not found:
            raise fault
        return found

    def leave_out(self, holding: Holding, why: Exception) -> None:
        """Write down that an instance is not in an answer that it belongs to."""
        self._telemetry.emit(InstanceSkipped(holding.sop_instance_uid, type(why).__name__))

    def _looked_at(
        self, holdings: Sequence[Holding]
    ) -> list[tuple[Holding, CorruptPayload | OSError | None]]:
        return [(holding, self._fault_of(holding)) for holding in holdings]

    def _fault_of(self, holding: Holding) -> CorruptPayload | OSError | None:
        try:
            reader = self.payloads.open_payload(holding.path)
        except (CorruptPayload, OSError) as error:
            return error
        reader.close()
        if reader.size != holding.size:
            return CorruptPayload("its payload has another size than its receipt")
        return None


def retrieval_of(place: Place) -> Retrieval:
    """Give the retrieval of what a path names; of flat paths levels above are missing."""
    named = (
        (Level.STUDY, place.study),
        (Level.SERIES, place.series),
        (Level.IMAGE, place.instance),
    )
    keys = {level: (uid,) for level, uid in named if uid}
    return Retrieval(_LEVELS[place.entity or Entity.STUDY], keys)
