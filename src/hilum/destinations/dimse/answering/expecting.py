"""What a peer says is in what is to be retrieved: the question, and its answer in order. Pure."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import AnyOf, Key
from hilum.dicom.vrs import vr_of
from hilum.pipeline.answerers.ports import Expected
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval

_UNKNOWN: Final = 1 << 32  # behind all that have a number


def question_of(retrieval: Retrieval) -> Query:
    """Ask for the instances of a retrieval."""
    keys = tuple(
        [
            Key(level.unique_tag, vr_of(level.unique_tag), AnyOf(uids))
            for level, uids in sorted(retrieval.keys.items())
        ]
    )
    wanted = [tags.SOP_CLASS_UID, tags.INSTANCE_NUMBER]
    if len(retrieval.keys.get(Level.SERIES, ())) != 1:
        wanted.append(tags.SERIES_NUMBER)
    wishes = tuple([Wanted(tag, vr_of(tag)) for tag in wanted])
    return Query(Level.IMAGE, keys=keys, wanted=wishes, via=retrieval.via)


def expected_of(matches: Sequence[DataSet]) -> list[Expected]:
    """Sort instances by study, series and number."""
    return [_expected(match) for match in sorted(matches, key=_place_of)]


def _expected(match: DataSet) -> Expected:
    return Expected(
        sop_class_uid=match.text(tags.SOP_CLASS_UID),
        sop_instance_uid=match.text(tags.SOP_INSTANCE_UID),
        series_instance_uid=match.text(tags.SERIES_INSTANCE_UID),
        study_instance_uid=match.text(tags.STUDY_INSTANCE_UID),
    )


def _place_of(match: DataSet) -> tuple[str, int, str, int, str]:
    return (
        match.text(tags.STUDY_INSTANCE_UID),
        _number(match, tags.SERIES_NUMBER),
        match.text(tags.SERIES_INSTANCE_UID),
        _number(match, tags.INSTANCE_NUMBER),
        match.text(tags.SOP_INSTANCE_UID),
    )


def _number(match: DataSet, tag: int) -> int:
    number = match.integer(tag)
    return _UNKNOWN if number is None else number
