"""DELETE of a study, series or instance: what is still owed to somebody stays (PS3.18 has none)."""

from typing import assert_never

from hilum.dicomweb.refusal import RequestRefused, not_found
from hilum.dicomweb.resource import Delete, Resource
from hilum.pipeline.deleting import Deleted, Deleter, NotHeld, StillOwed, Target
from hilum.sources.web.exchange import Exchange, Reply


class Removing:
    """Answers DELETE, for callers with the role `delete`."""

    def __init__(self, deleter: Deleter) -> None:
        self._deleter = deleter

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Delete what is named.

        Raises:
            RequestRefused: 403 the caller may not, 404 nothing is held, 409 some of it is owed.
            Full, LedgerUnavailable: it cannot be done now.
        """
        assert isinstance(resource, Delete)  # noqa: S101 - registered for nothing else
        place, by = resource.place, exchange.origin()
        target = Target(place.study, place.series, place.instance)
        if "delete" not in exchange.caller.roles:
            await self._deleter.refuse(target, by, "the caller has not the role `delete`")
            raise RequestRefused(403, "deleting needs the role `delete`")
        match await self._deleter.delete(target, by):
            case Deleted():
                return Reply(204)
            case NotHeld():
                raise not_found("nothing is held under these UIDs")
            case StillOwed(deliveries):
                raise RequestRefused(
                    409,
                    f"{deliveries} deliveries of it are not settled; `hilum queue` shows them: "
                    "they must be delivered or dropped before it can be deleted",
                )
            case other:
                assert_never(other)
