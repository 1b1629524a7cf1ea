"""Decides how instances are asked for: a study or a series as a whole, or one by one. Pure.

`counts` says how many instances a study or series has, as far as that was seen lately.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.dicomweb.resource import Place
from hilum.pipeline.answerers.ports import Expected
from hilum.pipeline.archive.ports import Named
from hilum.query.level import Level

# By study and series; ("…", "") is a whole study.
Counts = Mapping[tuple[str, str], int]


def errands_of(wanted: Sequence[Named], level: Level, counts: Counts) -> list[Errand]:
    """Plan the requests for instances of which a retrieval at `level` is made."""
    errands: list[Errand] = []
    for study, of_study in _by(wanted, lambda one: one.study_instance_uid).items():
        if _is_most(of_study, counts.get((study, "")), is_whole=level <= Level.STUDY):
            errands.append(_errand(Place(study), of_study))
            continue
        for series, of_series in _by(of_study, lambda one: one.series_instance_uid).items():
            is_whole = level <= Level.SERIES
            if _is_most(of_series, counts.get((study, series)), is_whole=is_whole):
                errands.append(_errand(Place(study, series), of_series))
            else:
                errands += [
                    _errand(Place(study, series, one.sop_instance_uid), [one]) for one in of_series
                ]
    return errands


def _is_most(wanted: Sequence[Named], total: int | None, *, is_whole: bool) -> bool:
    """Tell whether asking for all brings little that is dropped.

    `is_whole`: what to think where nothing is known: it was asked for as a whole.
    """
    if len(wanted) == 1:
        return False  # by its name: a stray answer cannot bring anything else
    return is_whole if total is None else 2 * len(wanted) > total


def _errand(place: Place, wanted: Iterable[Named]) -> Errand:
    return Errand.of(place, [one.sop_instance_uid for one in wanted])


def _by(wanted: Iterable[Named], key: Callable[[Named], str]) -> dict[str, list[Named]]:
    found: dict[str, list[Named]] = {}
    for one in wanted:
        found.setdefault(key(one), []).append(one)
    return found


class Seen:
    """How many instances studies and series were seen to have: the latest of them."""

    STUDIES_MAX = 1000

    def __init__(self) -> None:
        self._studies: dict[str, dict[tuple[str, str], int]] = {}

    def note(self, expected: Sequence[Expected], level: Level) -> None:
        """Note what a look into the archive found, at a level where it saw all."""
        for study, of_study in _by(expected, lambda one: one.study_instance_uid).items():
            counts = self._studies.pop(study, {})
            if level <= Level.STUDY:
                counts = {(study, ""): len(of_study)}
            if level <= Level.SERIES:
                for series, of_series in _by(of_study, lambda one: one.series_instance_uid).items():
                    counts[study, series] = len(of_series)
            self._studies[study] = counts
        while len(self._studies) > self.STUDIES_MAX:
            del self._studies[next(iter(self._studies))]

    def counts(self, wanted: Sequence[Named]) -> Counts:
        """Give what is known of the studies of some instances."""
        found: dict[tuple[str, str], int] = {}
        for study in {one.study_instance_uid for one in wanted}:
            found.update(self._studies.get(study, {}))
        return found
