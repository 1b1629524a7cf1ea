"""Asks a peer step by step down its levels, in order, a few questions at once."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from hilum.destinations.dimse.answering.asking import Ask
from hilum.destinations.dimse.answering.checking import can_tell, passes, unheeded
from hilum.destinations.dimse.answering.finder import Finder, Notes
from hilum.destinations.dimse.answering.joining import completed
from hilum.destinations.dimse.answering.lists import UidLists
from hilum.destinations.dimse.answering.phrasing import variants
from hilum.destinations.dimse.answering.steps import Step, uid_groups
from hilum.destinations.dimse.answering.summing import (
    MODALITIES_IN_STUDY,
    SERIES_INSTANCES,
    lacks_modalities,
    summed_up,
)
from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import AnyOf, Key
from hilum.kernel.errors import HilumError
from hilum.query.level import Level, Model
from hilum.query.query import Attribute, Wanted
from hilum.query.via import Via

# Below so many studies or series one question looks, and no further: each is a question of its own.
PARENTS_MAX: Final = 5000
# Studies of one answer whose modalities are looked up: a page of a viewer.
SUMS_MAX: Final = 128
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class _Place:
    """An entity that is looked below of: the unique keys down to it, and what is known of it."""

    above: Mapping[Level, str] = field(default_factory=dict)
    attributes: DataSet | None = None


_TOP: Final = _Place()


class Walk:
    """One question on its way down. `ignored`: keys that the peer seems not to look at."""

    def __init__(  # noqa: PLR0913 - what a question goes by, most of it by keyword
        self,
        finder: Finder,
        model: Model,
        steps: Sequence[Step],
        *,
        notes: Notes,
        at_once: int,
        lists: UidLists,
        charset: str = "",
        via: Via = (),
    ) -> None:
        """Begin; `charset`: the Specific Character Set in which the question came to us."""
        self.ignored: dict[Attribute, None] = {}
        self._finder = finder
        self._model = model
        self._steps = steps
        self._notes = notes
        self._lists = lists
        self._via = via
        self._at_once = at_once
        self._charset = charset
        self._turns = asyncio.Semaphore(at_once)
        self._sums_left = SUMS_MAX

    def matches(self) -> AsyncGenerator[list[DataSet], None]:
        """Give the matches of the last step, with what the steps before it found of them."""
        return self._descend(0, _TOP)

    async def summed(self, studies: Sequence[DataSet]) -> list[DataSet]:
        """Look up what the peer does not say of studies; lists of viewers show it.

        It costs a question for each, so only for as many as somebody looks at.
        """
        silent = [one for one in studies if lacks_modalities(one)][: self._sums_left]
        self._sums_left -= len(silent)
        try:
            async with contextlib.aclosing(in_order(silent, self._summed, self._at_once)) as sums:
                async for _ in sums:
                    pass
        except HilumError:
            # The studies are what was asked for; they are not lost for this.
            self._sums_left = 0
        return list(studies)

    async def _descend(self, at: int, place: _Place) -> AsyncGenerator[list[DataSet], None]:
        step = self._steps[at]
        if at == len(self._steps) - 1:
            async with contextlib.aclosing(self._found(step, place)) as found:
                async for some in found:
                    yield some
            return
        places = await self._places(step, place)
        if len(places) == 1:
            async with contextlib.aclosing(self._descend(at + 1, places[0])) as found:
                async for some in found:
                    yield some
            return

        async def below(one: _Place) -> list[DataSet]:
            return await _gathered(self._descend(at + 1, one))

        async with contextlib.aclosing(in_order(places, below, self._at_once)) as lists:
            async for some in lists:
                if some:
                    yield some

    async def _places(self, step: Step, place: _Place) -> list[_Place]:
        """Find what has to be looked below of."""
        if step.is_known:
            return [_Place({**place.above, step.level: uid}, place.attributes) for uid in step.uids]
        places: list[_Place] = []
        async with contextlib.aclosing(self._found(step, place)) as found:
            async for some in found:
                places += [
                    _Place({**place.above, step.level: match.text(step.level.unique_tag)}, match)
                    for match in some
                ]
                if len(places) > PARENTS_MAX:
                    self._notes.warn(_too_many(step.level))
                    break
        return places[:PARENTS_MAX]

    # One level, below one place.

    async def _found(self, step: Step, place: _Place) -> AsyncGenerator[list[DataSet], None]:
        """Give each match once that passes."""
        seen: set[str] = set()
        unique = step.level.unique_tag
        async with contextlib.aclosing(self._looked_at(step, place)) as found:
            async for some in found:
                fresh: list[DataSet] = []
                for match in some:
                    uid = match.text(unique)
                    name = (
                        uid
                        if step.level > Level.PATIENT
                        else "\\".join((uid, match.text(tags.ISSUER_OF_PATIENT_ID)))
                    )
                    if name not in seen and passes(step.keys, match):
                        seen.add(name)
                        fresh.append(completed(match, place.above, place.attributes))
                if fresh:
                    yield fresh

    async def _looked_at(self, step: Step, place: _Place) -> AsyncGenerator[list[DataSet], None]:
        """Give what the peer says; modalities of studies are looked up if it does not know them."""
        key = next((one for one in step.keys if one.attribute == MODALITIES_IN_STUDY), None)
        silent: list[DataSet] = []
        async with contextlib.aclosing(self._asked(step, place)) as found:
            async for some in found:
                if key is None or (not silent and all(can_tell(key, match) for match in some)):
                    self._note_ignored(step, some)
                    yield some
                    continue
                silent += [match for match in some if passes(step.keys, match)]
                if len(silent) > PARENTS_MAX:
                    self._notes.warn(_too_many(step.level))
                    break
        if silent:
            work = in_order(silent[:PARENTS_MAX], self._summed, self._at_once)
            async with contextlib.aclosing(work) as studies:
                async for study in studies:
                    self._note_ignored(step, [study])
                    yield [study]

    async def _summed(self, study: DataSet) -> DataSet:
        uid = study.text(tags.STUDY_INSTANCE_UID)
        above = {level: study.text(level.unique_tag) for level in self._model.levels[:-2]}
        ask = Ask(
            self._model,
            Level.SERIES,
            wanted=(Wanted(tags.MODALITY, "CS"), Wanted(SERIES_INSTANCES, "IS")),
            above={**above, Level.STUDY: uid},
            charset=self._charset,
            via=self._via,
        )
        return summed_up(study, await _gathered(self._find(ask)))

    async def _asked(self, step: Step, place: _Place) -> AsyncGenerator[list[DataSet], None]:
        """Ask in as many questions as it takes."""
        for keys in variants(step.keys):
            above = place.above
            ask = Ask(self._model, step.level, keys, step.wanted, above, self._charset, self._via)
            if not step.uids:
                async with contextlib.aclosing(self._find(ask)) as found:
                    async for some in found:
                        yield some
                continue
            for uids in uid_groups(step.uids, lists=self._takes_lists(step)):
                yield await self._named(ask, uids)

    async def _named(self, ask: Ask, uids: Sequence[str]) -> list[DataSet]:
        """Ask for entities by their UIDs; one by one, if the peer turns out not to know lists."""
        found = await _gathered(self._find(_with_uids(ask, uids)))
        if len(uids) == 1:
            return found
        unique = ask.level.unique_tag
        there = {match.text(unique) for match in found}
        if not self._lists.are_doubtful(found=len(there & set(uids))):
            return found
        for uid in uids:
            if uid not in there:
                more = await _gathered(self._find(_with_uids(ask, [uid])))
                if more:
                    self._lists.are_unknown()
                    found += more
        return found

    def _takes_lists(self, step: Step) -> bool:
        return step.level > Level.PATIENT and self._lists.may_be_tried

    async def _find(self, ask: Ask) -> AsyncGenerator[list[DataSet], None]:
        """Ask one question, in turn; what does not say which one it is is left out."""
        unique = ask.level.unique_tag
        async with self._turns, contextlib.aclosing(self._finder.find(ask, self._notes)) as found:
            async for some in found:
                named = [one for one in some if one.text(unique) or ask.level == Level.PATIENT]
                if len(named) < len(some):
                    self._notes.warn("it gives matches without their unique key; they are left out")
                yield named

    def _note_ignored(self, step: Step, some: Iterable[DataSet]) -> None:
        for key in unheeded(step.keys, list(some)):
            self.ignored.setdefault(key.attribute)


def _with_uids(ask: Ask, uids: Sequence[str]) -> Ask:
    vr = "UI" if ask.level > Level.PATIENT else "LO"
    return replace(ask, keys=(*ask.keys, Key(ask.level.unique_tag, vr, AnyOf(tuple(uids)))))


def _too_many(level: Level) -> str:
    names = {Level.PATIENT: "patients", Level.STUDY: "studies"}
    return (
        f"more than {PARENTS_MAX} {names.get(level, 'series')} would have to be looked into; "
        "ask for less"
    )


async def _gathered(found: AsyncGenerator[list[DataSet], None]) -> list[DataSet]:
    async with contextlib.aclosing(found):
        return [match async for some in found for match in some]


async def in_order(
    items: Iterable[_T], work: Callable[[_T], Coroutine[None, None, _R]], at_once: int
) -> AsyncGenerator[_R, None]:
    """Do some work at once, and give the results in the order of the items."""
    running: deque[asyncio.Task[_R]] = deque()
    try:
        for item in items:
            running.append(asyncio.create_task(work(item)))
            if len(running) >= at_once:
                yield await running[0]
                running.popleft()
        while running:
            yield await running[0]
            running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
