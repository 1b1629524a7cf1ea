"""Asks how many instances studies or series have: one small search, where a list costs each."""

from typing import Final

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.finding import Finding
from hilum.dicom.matching import AnyOf, Key
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.closing import closing
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval

# NumberOfStudyRelatedInstances, NumberOfSeriesRelatedInstances
_NUMBERS: Final = {Level.STUDY: 0x00201208, Level.SERIES: 0x00201209}
# It cannot be asked so; a list may be had all the same.
_CANNOT_CODES: Final = frozenset((400, 404, 405, 406, 410, 414, 415, 422, 500, 501))


class Counting:
    """Counts in one server."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    async def instances(self, retrieval: Retrieval) -> int | None:
        """Give the sum of what it says of each entity; None: of one it does not say.

        Raises AnswererFailed.
        """
        tag = _NUMBERS.get(retrieval.level)
        if tag is None:
            return None
        try:
            return await self._sum(_question_of(retrieval, tag), tag)
        except AnswererFailed as error:
            if ailing.code_of(error) in _CANNOT_CODES:
                return None
            raise

    async def _sum(self, query: Query, tag: int) -> int | None:
        total = 0
        async with closing(self._finding.data_sets(query)) as found:
            async for data_set in found:
                number = data_set.integer(tag)
                if number is None or number < 0:
                    return None
                total += number
        return total


def _question_of(retrieval: Retrieval, tag: int) -> Query:
    """Ask by UIDs from the study down: patients are seldom searched for."""
    keys = [
        Key(level.unique_tag, "UI", AnyOf(tuple(uids)))
        for level, uids in sorted(retrieval.keys.items())
        if level is not Level.PATIENT and uids
    ]
    return Query(retrieval.level, tuple(keys), (Wanted(tag, "IS"),), via=retrieval.via)
