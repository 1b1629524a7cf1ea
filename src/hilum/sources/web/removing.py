"""DELETE of a study, series or instance: what is still owed to somebody stays (PS3.18 has none)."""

from typing import assert_never

from hilum.dicomweb.refusal import RequestRefused, not_found
from hilum.dicomweb.resource import Delete, Resource
from hilum.pipeline.deleting import Deleted, Deleter, NotHeld, StillOwed, Target
from hilum.sources.web.caller import HttpCaller
from hilum.sources.web.exchange import Exchange, Reply


class Removing:
    """Answers DELETE, for callers with the role `delete`.

    A caller without a name is a program on this machine that nobody gave a role: it deletes
    only where that is set.
    """

    def __init__(self, deleter: Deleter, *, may_nobody: bool) -> None:
        self._deleter = deleter
        self._may_nobody = may_nobody

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Delete what is named.

        Raises:
            RequestRefused: 403 the caller may not, 404 nothing is held, 409 some of it is owed.
            Full, LedgerUnavailable: it cannot be done now.
        """
        assert isinstance(resource, Delete)  # noqa: S101 - registered for nothing else
        place, by = resource.place, exchange.origin()
        target = Target(place.study, place.series, place.instance)
        reason = self._reason(exchange.caller)
        if reason:
            await self._deleter.refuse(target, by, reason)
            raise RequestRefused(403, reason)
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

    def _reason(self, caller: HttpCaller) -> str:
        """Say why a caller may not; "" when it may."""
        if "delete" not in caller.roles:
            return "deleting needs the role `delete`"
        if not caller.name and not self._may_nobody:
            return (
                "deleting needs a key or token with the role `delete`; sources.web.local_delete = "
                "true lets programs on the gateway's machine do it without"
            )
        return ""
