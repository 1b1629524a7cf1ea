"""A question as steps down the levels of a peer (PS3.4 §C.4.1.3.1): pure.

A peer that is not relational is asked at each level only for what is of that level, below one
entity of each level above. So what belongs to higher levels is asked there, and goes down.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom.matching import AnyOf, BetweenMoments, Key
from hilum.dicom.vrs import vr_of
from hilum.query.attributes import KEYS, level_of
from hilum.query.level import Level, Model
from hilum.query.query import Attribute, Query, Wanted

# UIDs in one question: a value of VR UI has at most 65,534 bytes, and peers have limits of their
# own, of SQL for one.
UIDS_MAX: Final = 200
# What archives have; more sequences in a question are more than some take.
_SEQUENCES: Final = frozenset((0x00400275, 0x00081032))


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked at one level. `uids`: the values its unique key may have; none: any."""

    level: Level
    keys: tuple[Key, ...]
    wanted: tuple[Wanted, ...]
    uids: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Tell whether nothing has to be asked: which entities is known, and no more is wanted."""
        return bool(self.uids) and not self.keys and not self.wanted


def steps_of(query: Query, model: Model, *, relational: bool) -> tuple[Step, ...]:
    """Give the steps from the highest level to that of the question.

    Of a relational peer only those remain above the question's that name their entities.
    """
    levels = [level for level in model.levels if level <= query.level]
    if relational:
        levels = [level for level in levels if level == query.level or query.uids(level)]
    plan = _Plan([Step(level, (), ()) for level in levels], relational=relational)
    for key in query.keys:
        plan.take_key(key)
    for one in query.wanted:
        plan.take_wish(one)
    for one in [*(_all_of(query, model) if query.everything else ()), *_partners(query.keys)]:
        plan.take_wish(one)
    return tuple(plan.steps)


class _Plan:
    """Steps as they are filled."""

    def __init__(self, steps: list[Step], *, relational: bool) -> None:
        self.steps = steps
        self._relational = relational
        self._unique = {step.level.unique_tag: at for at, step in enumerate(steps)}
        self._seen: set[Attribute] = set()

    def take_key(self, key: Key) -> None:
        """Put a key where it is asked; several for one attribute all hold."""
        at, matching = self._step_for(key.attribute), key.matching
        step = self.steps[at]
        is_unique = key.attribute == step.level.unique_tag
        if is_unique and isinstance(matching, AnyOf) and not step.uids:
            self.steps[at] = replace(step, uids=matching.values)
        else:
            self.steps[at] = replace(step, keys=(*step.keys, key))

    def take_wish(self, wanted: Wanted) -> None:
        """Put a wish where it is answered; unique keys are told without being asked for."""
        attribute = wanted.attribute
        if attribute in self._unique or (attribute in self._seen and not wanted.items):
            return
        self._seen.add(attribute)
        at = self._step_for(attribute)
        self.steps[at] = replace(self.steps[at], wanted=(*self.steps[at].wanted, wanted))

    def _step_for(self, attribute: Attribute) -> int:
        """Find the step that an attribute belongs to; what no table has is of the level asked."""
        last = len(self.steps) - 1
        if not isinstance(attribute, int):
            return last
        if attribute in self._unique:
            return self._unique[attribute]
        level = level_of(attribute)
        if self._relational or level is None:
            return last
        return next((at for at, step in enumerate(self.steps) if level <= step.level), last)


def _all_of(query: Query, model: Model) -> Iterator[Wanted]:
    """Give what peers usually have of a level."""
    levels = [query.level]
    if query.level == Level.STUDY and model is Model.STUDY_ROOT:
        levels.append(Level.PATIENT)
    for level in levels:
        for tag in KEYS[level]:
            vr = vr_of(tag)
            if vr != "SQ" or tag in _SEQUENCES:
                yield Wanted(tag, vr)


def _partners(keys: Iterable[Key]) -> Iterator[Wanted]:
    """Give the times that are looked at with a date, so that they are told."""
    for key in keys:
        if isinstance(key.matching, BetweenMoments):
            yield Wanted(key.matching.time_tag, "TM")


def uid_groups(uids: Sequence[str], *, lists: bool) -> Iterator[tuple[str, ...]]:
    """Split UIDs into those that are asked for at once."""
    size = UIDS_MAX if lists else 1
    for at in range(0, len(uids), size):
        yield tuple(uids[at : at + size])
