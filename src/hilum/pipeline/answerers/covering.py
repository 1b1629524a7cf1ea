"""What a whole fetch brings, told by names: pure functions over retrievals."""

from collections.abc import Hashable

from hilum.pipeline.archive.ports import Named
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval


def is_whole(retrieval: Retrieval) -> bool:
    """Tell whether studies are meant, or series of one study, and all that is in them."""
    studies, series = _named(retrieval)
    if retrieval.level is Level.STUDY:
        return bool(studies)
    return retrieval.level is Level.SERIES and len(studies) == 1 and bool(series)


def covers(retrieval: Retrieval, one: Named) -> bool:
    """Tell whether an instance belongs to it."""
    studies, series = _named(retrieval)
    if one.study_instance_uid not in studies:
        return False
    return retrieval.level is Level.STUDY or one.series_instance_uid in series


def overlap(one: Retrieval, other: Retrieval) -> bool:
    """Tell whether an instance may belong to both."""
    (studies, series), (other_studies, other_series) = _named(one), _named(other)
    if set(studies).isdisjoint(other_studies):
        return False
    is_by_series = Level.STUDY not in (one.level, other.level)
    return not (is_by_series and set(series).isdisjoint(other_series))


def key_of(retrieval: Retrieval) -> Hashable:
    """Give what two retrievals of the same have in common."""
    keys = sorted((level, tuple(values)) for level, values in retrieval.keys.items())
    return tuple(keys), retrieval.via


def _named(retrieval: Retrieval) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return retrieval.keys.get(Level.STUDY, ()), retrieval.keys.get(Level.SERIES, ())
