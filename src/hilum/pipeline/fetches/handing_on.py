"""Brings instances to a destination while they are fetched; nothing of it is kept here."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final, assert_never

from hilum.kernel.names import UID
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.closing import closing
from hilum.pipeline.ports import Parcel, Session

# Of an instance that was not tried, or whose connection was lost; there is no queue behind this.
_ATTEMPTS_MAX: Final = 3
_PASSING: Final = frozenset({Failing.UNTRIED, Failing.UNREACHABLE, Failing.BUSY})


class HandingOn:
    """A destination as the goal of one request."""

    def __init__(self, session: Session) -> None:
        """Take a session of its own, which it closes."""
        self._session = session

    async def known(self, study_instance_uid: str) -> Collection[str]:  # noqa: ARG002 - the port
        """Nobody knows what it has."""
        return ()

    async def bring(self, holdings: Sequence[Holding]) -> AsyncIterator[tuple[Holding, str]]:
        """Deliver them; what was in the way for the moment is tried again."""
        left = {id(parcel): (parcel, one) for one in holdings for parcel in [_parcel(one)]}
        for attempt in range(_ATTEMPTS_MAX):
            is_last = attempt == _ATTEMPTS_MAX - 1
            parcels = [parcel for parcel, _ in left.values()]
            async with closing(self._session.deliver(parcels)) as given:
                async for parcel, outcome in given:
                    if (
                        isinstance(outcome, Deferred)
                        and outcome.failing in _PASSING
                        and not is_last
                    ):
                        continue
                    _, holding = left.pop(id(parcel))
                    yield holding, _reason(outcome)
            if not left:
                return

    async def aclose(self) -> None:
        """End the association or connection."""
        await self._session.aclose()


def _reason(outcome: Delivered | Deferred | Refused) -> str:
    match outcome:
        case Delivered():
            return ""
        case Deferred(reason=reason) | Refused(reason=reason):
            return reason or "it was not taken"
        case _:
            assert_never(outcome)


def _parcel(holding: Holding) -> Parcel:
    return Parcel(
        delivery_id=0,
        sop_class_uid=UID(holding.sop_class_uid),
        sop_instance_uid=UID(holding.sop_instance_uid),
        series_instance_uid=UID(holding.series_instance_uid),
        study_instance_uid=UID(holding.study_instance_uid),
        transfer_syntax_uid=UID(holding.transfer_syntax_uid),
        size=holding.size,
        path=holding.path,
    )
