"""What is to be retrieved: named by its UIDs, or found by asking first."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from hilum.cli.querying.keys import Key, identifier_of
from hilum.cli.querying.question import Question
from hilum.destinations.dimse.finding import Find
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.charset_writing import DEFAULT, UTF_8
from hilum.dicom.dataset import DataSet
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import is_uid
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level, Model

# More are named with fewer words: a script in place of one command.
TARGETS_MAX: Final = 10_000
_WILD: Final = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Target:
    """One patient, study, series or instance, by the unique keys of its level and those above."""

    level: Level
    model: Model
    uids: Mapping[Level, str]

    def identifier(self) -> DataSet:
        """Give the identifier of its C-MOVE or C-GET."""
        return self.question(self.level)

    def question(self, level: Level, *wanted: int) -> DataSet:
        """Give the identifier of a C-FIND for what is in it at `level`."""
        named = [Key((one.unique_tag,), uid) for one, uid in self.uids.items()]
        known = {key.path for key in named}
        asked = [Key((tag,)) for tag in wanted if (tag,) not in known]
        charset = DEFAULT if all(uid.isascii() for uid in self.uids.values()) else UTF_8
        level_key = Key((QUERY_RETRIEVE_LEVEL,), level.name)
        return identifier_of([level_key, *named, *asked], charset=charset)

    def below(self, level: Level, uid: str) -> "Target":
        """Give one of the next lower level in it."""
        return Target(level, self.model, {**self.uids, level: uid})

    def without(self, level: Level) -> "Target":
        """Give what one of `level` is in."""
        above = {one: uid for one, uid in self.uids.items() if one < level}
        return Target(max(above, default=self.level), self.model, above)


def named_targets(question: Question) -> Sequence[Target] | None:
    """Give what a question names by unique keys alone; None: it has to be asked first."""
    tags = {level.unique_tag: level for level in question.model.levels if level <= question.level}
    values: dict[Level, list[str]] = {}
    for key in question.keys:
        level = tags.get(key.path[0]) if len(key.path) == 1 else None
        if level is None:
            if key.value:
                return None
            continue
        values[level] = key.value.split("\\")
    levels = [level for level in question.model.levels if level <= question.level]
    if any(level not in values for level in levels):
        return None
    if any(_WILD & set(value) or not value for found in values.values() for value in found):
        return None
    return [
        Target(question.level, question.model, dict(zip(levels, uids, strict=True)))
        for uids in product(*(values[level] for level in levels))
    ]


def check_narrow(question: Question) -> None:
    """Refuse to retrieve a whole archive by accident.

    Raises:
        Misconfigured: nothing is looked for.
    """
    if not any(key.value.strip("*") for key in question.keys):
        raise Misconfigured(
            "say what to retrieve: --study, --accession, --patient, --date, … or -k Keyword=Value"
        )


async def found_targets(requestor: Requestor, question: Question) -> Sequence[Target]:
    """Ask what there is.

    Raises:
        Misconfigured: more matches than anybody retrieves with one command.
        HilumError: there was no answer, or it was a failure.
    """
    targets: list[Target] = []
    find = Find(requestor, question.find_class, question.identifier())
    async with contextlib.aclosing(find.matches()) as matches:
        async for match in matches:
            target = _target_of(match, question)
            if target is not None:
                targets.append(target)
            if len(targets) > TARGETS_MAX:
                raise Misconfigured(f"more than {TARGETS_MAX} match; ask for less at once")
    return targets


def _target_of(match: DataSet, question: Question) -> Target | None:
    """Read the unique keys of a match; without that of its level there is nothing to retrieve."""
    uids: dict[Level, str] = {}
    for level in question.model.levels:
        uid = match.text(level.unique_tag)
        if level <= question.level and uid and (level is Level.PATIENT or is_uid(uid)):
            uids[level] = uid
    return Target(question.level, question.model, uids) if question.level in uids else None
