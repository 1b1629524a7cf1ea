"""Archives elsewhere as witnesses of what they have: asked when it is to be reported, never before.

What was handed through to them a moment ago is not taken for granted either.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.ports import Answerer, Expected
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval

# An archive has so long for each question: nobody waits at a console.
QUESTION_SECONDS: Final = 60.0
# Instances that are asked for by their UIDs alone; more would make an address too long for some.
AT_ONCE_MAX: Final = 25


class Archives:
    """The archives of one entity (`ports.Witness`), in the order in which they are asked.

    `study_of` gives the study of an instance, if it is known here: few archives find an instance
    without it at once.
    """

    def __init__(
        self,
        answerers: Sequence[Answerer],
        *,
        study_of: Callable[[str], str | None],
        counts_what_is_here: bool,
        seconds: float = QUESTION_SECONDS,
    ) -> None:
        self.counts_what_is_here = counts_what_is_here
        self._answerers = answerers
        self._study_of = study_of
        self._seconds = seconds

    async def classes_of(self, uids: Sequence[UID]) -> Mapping[UID, UID]:
        """Give the SOP class of each that one of them has (see the port)."""
        found: dict[UID, UID] = {}
        failure: AnswererFailed | None = None
        for answerer in self._answerers:
            left = [uid for uid in uids if uid not in found]
            if not left:
                break
            try:
                for one in await self._has(answerer, left):
                    found.setdefault(UID(one.sop_instance_uid), UID(one.sop_class_uid))
            except AnswererFailed as error:
                failure = error
        if failure is not None and any(uid not in found for uid in uids):
            raise failure
        return found

    async def _has(self, answerer: Answerer, uids: Sequence[UID]) -> list[Expected]:
        wanted = frozenset(uids)
        found: list[Expected] = []
        for retrieval in self._questions(uids):
            try:
                async with asyncio.timeout(self._seconds):
                    listed = await answerer.expect(retrieval)
            except TimeoutError as error:
                words = f"{answerer.name} did not say what it has within {self._seconds:g} s"
                raise AnswererFailed(words, answerer=answerer.name, ailment=Lost.LATE) from error
            found += [one for one in listed if one.sop_instance_uid in wanted]
        return found

    def _questions(self, uids: Sequence[UID]) -> list[Retrieval]:
        """Ask for all of each study that is known, and for the others by their UIDs."""
        by_study: dict[str, list[UID]] = defaultdict(list)
        for uid in uids:
            by_study[self._study_of(uid) or ""].append(uid)
        others = by_study.pop("", [])
        return [
            *(Retrieval(Level.STUDY, {Level.STUDY: (study,)}) for study in by_study),
            *(
                Retrieval(Level.IMAGE, {Level.IMAGE: tuple(others[at : at + AT_ONCE_MAX])})
                for at in range(0, len(others), AT_ONCE_MAX)
            ),
        ]
