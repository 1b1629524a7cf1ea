"""What series a study has: all that has to be known before a retrieval of the whole begins.

One question, where a list of the instances costs one for each series, and an answer for each of
them. Numbers are what the peer says, and may be wrong.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.destinations.dimse.answering.finder import Notes
from hilum.destinations.dimse.answering.summing import SERIES_INSTANCES
from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import AnyOf, Key
from hilum.dicom.vrs import vr_of
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval

# A peer that does not say numbers is not asked for them again for so long: its lists say more.
_NO_NUMBERS_SECONDS: Final = 600.0
# Between a count and the fetch that it leads to pass milliseconds.
_FRESH_SECONDS: Final = 10.0
_SURVEYS_MAX: Final = 64
_WANTED: Final = tuple(
    [Wanted(tag, vr_of(tag)) for tag in (tags.MODALITY, tags.SERIES_NUMBER, SERIES_INSTANCES)]
)

Ask = Callable[[Query, Notes], Awaitable[Sequence[DataSet]]]


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a study. `count`: how many instances the peer says; None: it does not."""

    study_instance_uid: str
    series_instance_uid: str
    modality: str
    count: int | None


class Surveys:
    """Asks one peer. Every method raises HilumError."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: OrderedDict[Hashable, tuple[float, Sequence[Series]]] = OrderedDict()
        self._no_numbers_until = float("-inf")

    async def counted(self, retrieval: Retrieval) -> Sequence[Series] | None:
        """Give the series of what is to be retrieved; None: not how many instances each has."""
        now = asyncio.get_running_loop().time()
        if retrieval.level not in (Level.STUDY, Level.SERIES) or now < self._no_numbers_until:
            return None
        notes = Notes()
        series = await self._asked(retrieval, notes)
        if any(one.count is None for one in series):
            self._no_numbers_until = now + _NO_NUMBERS_SECONDS
            return None
        if notes.warnings:
            return None
        self._known[_key_of(retrieval)] = now + _FRESH_SECONDS, series
        if len(self._known) > _SURVEYS_MAX:
            self._known.popitem(last=False)
        return series

    async def of(self, retrieval: Retrieval) -> Sequence[Series]:
        """Give the series: as they were counted just before, or by asking."""
        until, series = self._known.pop(_key_of(retrieval), (float("-inf"), ()))
        if until < asyncio.get_running_loop().time():
            series = await self._asked(retrieval, Notes())
        return series

    async def _asked(self, retrieval: Retrieval, notes: Notes) -> Sequence[Series]:
        found = await self._ask(_question_of(retrieval), notes)
        return [_read(one) for one in sorted(found, key=_place_of)]


def _question_of(retrieval: Retrieval) -> Query:
    keys = [
        Key(level.unique_tag, vr_of(level.unique_tag), AnyOf(values))
        for level, values in sorted(retrieval.keys.items())
    ]
    return Query(Level.SERIES, keys=tuple(keys), wanted=_WANTED, via=retrieval.via)


def _read(match: DataSet) -> Series:
    return Series(
        match.text(tags.STUDY_INSTANCE_UID),
        match.text(tags.SERIES_INSTANCE_UID),
        match.text(tags.MODALITY),
        match.integer(SERIES_INSTANCES),
    )


def _place_of(match: DataSet) -> tuple[str, bool, int, str]:
    number = match.integer(tags.SERIES_NUMBER)
    uid = match.text(tags.SERIES_INSTANCE_UID)
    return match.text(tags.STUDY_INSTANCE_UID), number is None, number or 0, uid


def _key_of(retrieval: Retrieval) -> Hashable:
    return retrieval.level, tuple(sorted(retrieval.keys.items())), retrieval.via
