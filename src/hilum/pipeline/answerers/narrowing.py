"""What to ask an answerer for, when not all of a retrieval is wanted of it: a pure function."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hilum.kernel.names import UID
from hilum.pipeline.answerers.ports import Fetch
from hilum.pipeline.archive.ports import Named
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval


def fetches_of(
    wanted: Sequence[Named],
    listed: Sequence[Named],
    retrieval: Retrieval,
    syntaxes: tuple[UID, ...] = (),
) -> list[Fetch]:
    """Give as few fetches as name just what is wanted of what the answerer listed.

    What it has wholly is asked for as a whole; of a series that is only wanted in part, instances.
    """
    if not wanted:
        return []
    if len(wanted) == len(listed):
        return [Fetch(retrieval, wanted, syntaxes)]
    nameless = [one for one in wanted if not (one.study_instance_uid and one.series_instance_uid)]
    named = [one for one in wanted if one.study_instance_uid and one.series_instance_uid]
    fetches = [Fetch(retrieval, nameless, syntaxes)] if nameless else []
    for study, ones in _by(named, "study_instance_uid"):
        fetches += _of_study(study, ones, listed, retrieval, syntaxes)
    return fetches


def _of_study(
    study: str,
    wanted: Sequence[Named],
    listed: Sequence[Named],
    retrieval: Retrieval,
    syntaxes: tuple[UID, ...],
) -> list[Fetch]:
    keys = {level: retrieval.keys[level] for level in (Level.PATIENT,) if level in retrieval.keys}
    keys[Level.STUDY] = (study,)
    there = Counter(one.series_instance_uid for one in listed if one.study_instance_uid == study)
    if retrieval.level <= Level.STUDY and len(wanted) == there.total():
        return [Fetch(replace(retrieval, level=Level.STUDY, keys=keys), wanted, syntaxes)]
    whole: list[Named] = []
    fetches: list[Fetch] = []
    for series, ones in _by(wanted, "series_instance_uid"):
        if retrieval.level < Level.IMAGE and len(ones) == there[series]:
            whole += ones
        else:
            uids = tuple([one.sop_instance_uid for one in ones])
            narrow = {**keys, Level.SERIES: (series,), Level.IMAGE: uids}
            fetches.append(
                Fetch(replace(retrieval, level=Level.IMAGE, keys=narrow), ones, syntaxes)
            )
    if whole:
        names = tuple(dict.fromkeys([one.series_instance_uid for one in whole]))
        narrow = {**keys, Level.SERIES: names}
        fetches.insert(
            0, Fetch(replace(retrieval, level=Level.SERIES, keys=narrow), whole, syntaxes)
        )
    return fetches


def _by(ones: Iterable[Named], attribute: str) -> Iterable[tuple[str, list[Named]]]:
    groups: dict[str, list[Named]] = {}
    for one in ones:
        groups.setdefault(getattr(one, attribute), []).append(one)
    return groups.items()
