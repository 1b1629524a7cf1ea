"""`/api/v1/destinations`: what each is owed, how fast it takes it, and whether it answers now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from hilum.console.api.models import DepthModel, DestinationModel
from hilum.kernel.errors import HilumError
from hilum.ledger.deliveries import Deliveries
from hilum.pipeline.lanes.figures import LaneFigures
from hilum.pipeline.outlook import PACE_MINUTES, Outlook, outlooks
from hilum.pipeline.ports import Destination


class Verified(BaseModel):
    """Whether a destination answers, and if not why."""

    answers: bool
    reason: str = ""


class DestinationsApi:
    """The routes. `destinations` and `figures` are of the process that answers."""

    def __init__(
        self,
        deliveries: Deliveries,
        *,
        destinations: Callable[[], Mapping[str, tuple[str, Destination]]],
        figures: Callable[[], Sequence[LaneFigures]],
        now: Callable[[], datetime],
    ) -> None:
        self._deliveries = deliveries
        self._destinations = destinations
        self._figures = figures
        self._now = now
        self.router = APIRouter(prefix="/destinations", tags=["destinations"])
        self.router.get("")(self.list)
        self.router.post("/{name}/verify")(self.verify)

    def list(self) -> Sequence[DestinationModel]:
        """List destinations, those too that are owed something and not configured any more."""
        kinds = {name: kind for name, (kind, _) in self._destinations().items()}
        lanes = {one.destination: one for one in self._figures()}
        found = outlooks(
            kinds,
            self._deliveries.depths(),
            self._deliveries.paces(now=self._now(), minutes=PACE_MINUTES),
        )
        return [
            _shown(one, kinds.get(one.destination, ""), lanes.get(one.destination)) for one in found
        ]

    async def verify(self, name: str) -> Verified:
        """Ask a destination whether it would take something now."""
        known = self._destinations().get(name)
        if known is None:
            there = ", ".join(sorted(self._destinations())) or "none"
            raise HTTPException(404, f"There is no destination {name}. There are: {there}.")
        try:
            await known[1].verify()
        except HilumError as error:
            return Verified(answers=False, reason=str(error))
        return Verified(answers=True)


def _shown(one: Outlook, kind: str, lane: LaneFigures | None) -> DestinationModel:
    pace = one.pace
    return DestinationModel(
        name=one.destination,
        type=kind,
        open=[
            DepthModel(
                state=depth.state.value,
                count=depth.count,
                bytes=depth.bytes,
                oldest=depth.oldest,
            )
            for depth in one.depths
        ],
        delivered_last_minutes=pace.delivered if pace else 0,
        bytes_last_minutes=pace.bytes if pace else 0,
        minutes=pace.minutes if pace else PACE_MINUTES,
        empty_in_seconds=one.empty_in.total_seconds() if one.empty_in is not None else None,
        lane=asdict(lane) if lane is not None else {},
    )
