"""Brings whole studies or series of which nobody has listed the instances.

Each is asked for once. What an answer that was cut lacks, nobody knows here: whoever asked lists.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.destinations.dicomweb.archive.receiving import Receiving
from hilum.dicomweb.resource import Place
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.ports import UNNAMED
from hilum.pipeline.archive.ports import Missing
from hilum.pipeline.landing import Sink
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval


@dataclass(slots=True)
class WholeErrand(Errand):
    """One request for all of a study or series. `came`: what was kept of it."""

    came: set[str] = field(default_factory=set)

    def takes(self, uid: str) -> bool:
        """Take each once."""
        return uid not in self.came and uid not in self.final

    def landed(self, uid: str) -> None:
        """It was kept."""
        self.came.add(uid)
        self.kept += 1


class WholeFetching:
    """One whole fetch from one server."""

    def __init__(
        self, receiving: Receiving, syntaxes: tuple[UID, ...], sink: Sink, requests_max: int
    ) -> None:
        self._receiving = receiving
        self._syntaxes = syntaxes
        self._sink = sink
        self._requests_max = requests_max
        self._failure: AnswererFailed | None = None
        self._is_full = False

    async def run(self, retrieval: Retrieval) -> Mapping[str, Missing]:
        """Give what is known to be missing. Raises AnswererFailed: nothing came."""
        errands = [WholeErrand.of(place, ()) for place in places_of(retrieval)]
        for errand in errands:
            errand.via = retrieval.via
        waiting = deque(errands)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._requests_max, len(errands))):
                group.create_task(self._some(waiting))
        final = {uid: Missing(uid, text) for one in errands for uid, text in one.final.items()}
        has_come = any(one.kept for one in errands)
        if self._failure is not None and not has_come and not final:
            raise self._failure
        faults = [fault for one in errands for fault in one.faults]
        if faults or waiting or not (has_come or final):
            reason = "; ".join(faults) or "it did not come"
            final[UNNAMED] = Missing(UNNAMED, reason)
        return final

    async def _some(self, waiting: deque[Errand]) -> None:
        while waiting and not self._is_full:
            errand = waiting.popleft()
            try:
                await self._receiving.run(errand, self._syntaxes, self._sink)
            except AnswererFailed as error:
                errand.note(str(error))
                self._failure = self._failure or error
            if errand.is_full:
                self._is_full = True


def places_of(retrieval: Retrieval) -> list[Place]:
    """Give the study or series resources of a retrieval."""
    studies = retrieval.keys.get(Level.STUDY, ())
    if retrieval.level is Level.STUDY:
        return [Place(study) for study in studies]
    return [Place(study, one) for study in studies for one in retrieval.keys[Level.SERIES]]
