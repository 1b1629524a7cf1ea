"""Brings the instances of one fetch: plans requests, runs several at one time, asks again for gaps.

An instance is asked for twice at most. What lands is whole; what does not is told, with why.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.destinations.dicomweb.archive.receiving import Receiving
from hilum.dicomweb.resource import Place
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.ports import Fetch
from hilum.pipeline.archive.ports import Missing, Named
from hilum.pipeline.landing import Sink

# After these, nothing else can be had either.
_OVER_CODES: Final = frozenset((401, 403, 407, 429, 502, 503, 504))
_OVER_LOST: Final = frozenset((Lost.UNREACHABLE, Lost.REJECTED, Lost.BUSY))
# A server that breaks so often in a row is not going to get better within this fetch.
_LOSSES_MAX: Final = 3
# A study that is gone need not be asked for by each of its instances.
_ABSENT_MAX: Final = 8
_TRIES_MAX: Final = 2


class Fetching:
    """One fetch from one server."""

    def __init__(self, receiving: Receiving, fetch: Fetch, sink: Sink, requests_max: int) -> None:
        self._receiving = receiving
        self._fetch = fetch
        self._sink = sink
        self._requests_max = requests_max
        self._places = {one.sop_instance_uid: _place_of(one) for one in fetch.wanted or ()}
        self._left = dict.fromkeys(self._places, 0)  # how often each was asked for
        self._reasons: dict[str, str] = {}
        self._final: dict[str, str] = {}
        self._kept = 0
        self._losses = 0
        self._absent = 0
        self._failure: AnswererFailed | None = None
        self._over: str = ""

    async def run(self, errands: list[Errand]) -> Mapping[str, Missing]:
        """Give what did not come. Raises AnswererFailed: nothing came, and nothing can be had."""
        await self._all(errands)
        while not self._over and (again := self._again()):
            await self._all(again)
        if not self._kept and not self._final and self._failure is not None:
            raise self._failure
        reasons = {
            uid: self._over or self._reasons.get(uid) or "it did not come" for uid in self._left
        }
        return {uid: Missing(uid, text) for uid, text in {**reasons, **self._final}.items()}

    def _again(self) -> list[Errand]:
        """Ask by its name for each that may yet come."""
        return [
            Errand.of(self._places[uid], (uid,))
            for uid, tries in self._left.items()
            if tries < _TRIES_MAX
        ]

    async def _all(self, errands: list[Errand]) -> None:
        waiting = deque(errands)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._requests_max, len(errands))):
                group.create_task(self._some(waiting))

    async def _some(self, waiting: deque[Errand]) -> None:
        while waiting and not self._over:
            await self._one(waiting.popleft())

    async def _one(self, errand: Errand) -> None:
        errand.via = self._fetch.retrieval.via
        try:
            await self._receiving.run(errand, self._fetch.syntaxes, self._sink)
        except AnswererFailed as error:
            self._failed(errand, error)
        else:
            self._losses = 0
        self._settle(errand)

    def _failed(self, errand: Errand, error: AnswererFailed) -> None:
        errand.note(str(error))
        code, lost = ailing.code_of(error), error.ailment
        errand.is_absent = code in {404, 410}
        if not errand.is_absent:
            self._failure = self._failure or error
        elif errand.is_single:
            self._left[errand.place.instance] = _TRIES_MAX
        if isinstance(lost, Lost):
            self._losses = 0 if errand.kept else self._losses + 1
        if code in _OVER_CODES or lost in _OVER_LOST or self._losses >= _LOSSES_MAX:
            self._over = str(error)

    def _settle(self, errand: Errand) -> None:
        """Take over what became of an errand."""
        self._kept += errand.kept
        self._final.update(errand.final)
        if errand.is_full:
            self._over = "there is no room for it here"
        for uid in errand.asked:
            if uid in errand.wanted:
                self._left[uid] += 1
                self._reasons[uid] = "; ".join(errand.faults)
            else:
                self._left.pop(uid, None)
        if errand.is_absent and not self._kept:
            self._absent += 1
            if self._absent >= _ABSENT_MAX:
                self._over = "; ".join(errand.faults)


def _place_of(one: Named) -> Place:
    return Place(one.study_instance_uid, one.series_instance_uid, one.sop_instance_uid)
