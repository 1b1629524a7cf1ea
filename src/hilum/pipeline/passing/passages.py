"""Everything that is passed through in one process: passages by entity, couriers by destination."""

import asyncio

from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.entities import StatusProfile
from hilum.pipeline.passing.courier import Courier
from hilum.pipeline.passing.depot import Depot
from hilum.pipeline.passing.passage import DEADLINE_SECONDS, Passage
from hilum.pipeline.passing.ports import Targets


class Passages:
    """Makes passages. Entities with the same destination share its sessions."""

    def __init__(self, depot: Depot, targets: Targets, telemetry: Telemetry) -> None:
        self._depot = depot
        self._targets = targets
        self._telemetry = telemetry
        self._couriers: dict[str, Courier] = {}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work on `loop`."""
        self._depot.start(loop)

    async def stop(self) -> None:
        """End what is under way, with an answer for whoever still waits, and close all sessions.

        The doors take nothing more.
        """
        for courier in self._couriers.values():
            await courier.stop()
        await self._depot.stop()

    def passage(
        self,
        destination: str,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        profile: StatusProfile = "standard",
    ) -> Passage:
        """Give what takes instances for an entity whose stores go through to `destination`."""
        courier = self._couriers.get(destination)
        if courier is None:
            courier = Courier(destination, self._targets, self._telemetry)
            self._couriers[destination] = courier
        return Passage(self._depot, courier, deadline_seconds=deadline_seconds, profile=profile)

    def study_of(self, sop_instance_uid: str) -> str | None:
        """Give the study of an instance that went through lately, if it is still known."""
        return self._depot.study_of(sop_instance_uid)

    @property
    def open_receptions(self) -> int:
        """Give how many instances are arriving or under way."""
        return self._depot.open_receptions
