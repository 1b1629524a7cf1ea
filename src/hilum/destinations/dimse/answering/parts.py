"""What is asked for in one C-GET or C-MOVE: pure decisions.

By series, so that several associations can share a retrieval; by instances, if these are named, or
were left out of a first try.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hilum.destinations.dimse.answering.proposal import CLASSES_AT_ONCE
from hilum.destinations.dimse.answering.steps import uid_groups
from hilum.destinations.dimse.answering.surveying import Series
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.dataset import DataSet
from hilum.dicom.likely_classes import COMMON, classes_of_modalities
from hilum.dimse.upper.negotiation import looks_like_storage
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ports import Fetch
from hilum.pipeline.archive.ports import Named
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level, Model
from hilum.query.retrieval import Retrieval


@dataclass(frozen=True, slots=True)
class Part:
    """Entities of one level, by their unique keys; `classes` are those of what is in them."""

    level: Level
    keys: Mapping[Level, tuple[str, ...]]
    classes: frozenset[UID]

    def identifier(self, model: Model) -> DataSet:
        """Give the identifier of its retrieval (PS3.4 §C.4.2.1.4.1): unique keys only."""
        keys = {level: uids for level, uids in self.keys.items() if level in model.levels}
        plain = all(uid.isascii() for uids in keys.values() for uid in uids)
        builder = DataSetBuilder("" if plain else UTF_8)
        for level, uids in keys.items():
            builder.texts(level.unique_tag, *uids)
        return builder.texts(QUERY_RETRIEVE_LEVEL, self.level.name).data_set


def parts_of(fetch: Fetch, *, lists: bool) -> list[Part]:
    """Give the parts that bring all that is wanted."""
    if fetch.retrieval.level == Level.IMAGE:
        return parts_by_instance(fetch.retrieval, fetch.wanted or (), lists=lists)
    parts: list[Part] = []
    for (study, series), wanted in _by_series(fetch.wanted or ()).items():
        keys = dict(fetch.retrieval.keys)
        level = fetch.retrieval.level
        if study and series:
            keys[Level.STUDY], keys[Level.SERIES] = (study,), (series,)
            level = Level.SERIES
        parts.append(Part(level, keys, classes_of(wanted)))
    return _without_doubles(parts)


def parts_of_series(retrieval: Retrieval, series: Iterable[Series]) -> list[Part]:
    """Give a part for each series of what nobody has listed."""
    return [
        Part(
            Level.SERIES,
            {
                **retrieval.keys,
                Level.STUDY: (one.study_instance_uid,),
                Level.SERIES: (one.series_instance_uid,),
            },
            frozenset(classes_of_modalities([one.modality]) or COMMON),
        )
        for one in series
    ]


def are_known(series: Iterable[Series]) -> bool:
    """Tell whether it can be told which SOP classes each may have."""
    return all(classes_of_modalities([one.modality]) for one in series)


def parts_by_instance(retrieval: Retrieval, wanted: Iterable[Named], *, lists: bool) -> list[Part]:
    """Give parts that name each instance; of one without its series, all that is above it."""
    parts: list[Part] = []
    for (study, series), some in _by_series(wanted).items():
        keys = dict(retrieval.keys)
        if study:
            keys[Level.STUDY] = (study,)
        if series:
            keys[Level.SERIES] = (series,)
        if any(len(keys.get(level, ())) != 1 for level in (Level.STUDY, Level.SERIES)):
            parts.append(Part(retrieval.level, retrieval.keys, classes_of(some)))
            continue
        by_uid = {one.sop_instance_uid: one for one in some}
        for uids in uid_groups(list(by_uid), lists=lists):
            classes = classes_of([by_uid[uid] for uid in uids])
            parts.append(Part(Level.IMAGE, {**keys, Level.IMAGE: uids}, classes))
    return _without_doubles(parts)


def classes_of(wanted: Iterable[Named]) -> frozenset[UID]:
    """Give the SOP classes to be ready for; where one is not known, the likely ones as well."""
    found: set[UID] = set()
    for one in wanted:
        if looks_like_storage(one.sop_class_uid):
            found.add(UID(one.sop_class_uid))
        else:
            found.update(COMMON)
    return frozenset(found)


def _by_series(wanted: Iterable[Named]) -> dict[tuple[str, str], list[Named]]:
    grouped: dict[tuple[str, str], list[Named]] = {}
    for one in wanted:
        key = one.study_instance_uid, one.series_instance_uid
        grouped.setdefault(key, []).append(one)
    return grouped


def _without_doubles(parts: Sequence[Part]) -> list[Part]:
    """Ask for the same entities once, ready for the classes of all."""
    merged: dict[tuple[object, ...], Part] = {}
    for part in parts:
        key = (part.level, tuple(sorted(part.keys.items())))
        there = merged.get(key)
        classes = part.classes if there is None else part.classes | there.classes
        merged[key] = Part(part.level, part.keys, classes)
    return _sharing(list(merged.values()))


def _sharing(parts: Sequence[Part]) -> list[Part]:
    """Let all parts do with the same associations, if these can be ready for all classes."""
    classes = frozenset[UID]().union(*[part.classes for part in parts])
    if len(classes) > CLASSES_AT_ONCE:
        return list(parts)
    return [replace(part, classes=classes) for part in parts]
