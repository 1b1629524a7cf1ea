"""Finds out which instances a retrieval means, in the order in which they are best given out."""

from collections.abc import AsyncIterator
from typing import Final

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.asking import Asking
from hilum.destinations.dicomweb.archive.finding import Finding
from hilum.destinations.dicomweb.archive.manner import NOT_THERE
from hilum.destinations.dicomweb.archive.objects import data_set_of
from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import BadJson
from hilum.dicom.matching import AnyOf, Key
from hilum.dicomweb.media_types import DICOM_JSON
from hilum.dicomweb.object_stream import ObjectStream
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import is_uid
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.ports import Expected
from hilum.pipeline.closing import closing
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval
from hilum.query.via import Via

_SERIES_NUMBER: Final = 0x00200011
_INSTANCE_NUMBER: Final = 0x00200013
_WANTED: Final = (
    Wanted(tags.SOP_CLASS_UID, "UI"),
    Wanted(tags.SOP_INSTANCE_UID, "UI"),
    Wanted(tags.SERIES_INSTANCE_UID, "UI"),
    Wanted(tags.STUDY_INSTANCE_UID, "UI"),
    Wanted(_SERIES_NUMBER, "IS"),
    Wanted(_INSTANCE_NUMBER, "IS"),
)
_LAST: Final = 1 << 40  # where there is no number


class Expecting:
    """Looks into one server. Every method raises AnswererFailed."""

    def __init__(self, asking: Asking, root: str, finding: Finding) -> None:
        self._asking = asking
        self._root = root
        self._finding = finding

    async def instances(self, retrieval: Retrieval) -> list[Expected]:
        """Give the instances; none is no error."""
        found = _Found()
        keys = await self._below_patient(retrieval)
        if keys is None:
            return []
        query = Query(Level.IMAGE, keys, _WANTED, relational=True, via=retrieval.via)
        try:
            async with closing(self._finding.data_sets(query)) as data_sets:
                async for data_set in data_sets:
                    found.take(data_set)
        except AnswererFailed as error:
            if ailing.code_of(error) not in NOT_THERE:
                raise
        if not found.count:
            # Either there are none, or it cannot search for instances (a folder of files, say).
            for path in _metadata_paths(retrieval):
                async with closing(self._metadata(path, retrieval.via)) as data_sets:
                    async for data_set in data_sets:
                        found.take(data_set, query)
        return found.sorted()

    async def _below_patient(self, retrieval: Retrieval) -> tuple[Key, ...] | None:
        """Give keys from the study down: instances are seldom found by patient. None: no study."""
        keys = {level: values for level, values in retrieval.keys.items() if values}
        patient = keys.pop(Level.PATIENT, ())
        if patient and not keys:
            key = Key(tags.PATIENT_ID, "LO", AnyOf(patient))
            query = Query(Level.STUDY, (key,), via=retrieval.via)
            found = self._finding.data_sets(query)
            keys[Level.STUDY] = tuple(
                [data_set.text(tags.STUDY_INSTANCE_UID) async for data_set in found]
            )
            if not keys[Level.STUDY]:
                return None
        return tuple(
            [
                Key(level.unique_tag, "UI", AnyOf(tuple(uids)))
                for level, uids in sorted(keys.items())
            ]
        )

    async def _metadata(self, path: str, via: Via) -> AsyncIterator[DataSet]:
        """Read the metadata of all instances below a path, one after the other."""
        url = f"{self._root}{path}/metadata"
        objects = ObjectStream()
        try:
            async with self._asking.get(url, DICOM_JSON, what="metadata", via=via) as reply:
                async for piece in reply.pieces():
                    for content in objects.feed(piece):
                        yield data_set_of(content)
                objects.finish()
        except AnswererFailed as error:
            if ailing.code_of(error) not in NOT_THERE:
                raise
        except (RemoteProtocolError, BadJson) as error:
            raise self._asking.failed(f"its metadata cannot be read: {error}") from error


def _metadata_paths(retrieval: Retrieval) -> list[str]:
    """Give the narrowest resources that have all of a retrieval."""
    studies = retrieval.keys.get(Level.STUDY, ())
    series = retrieval.keys.get(Level.SERIES, ())
    instances = retrieval.keys.get(Level.IMAGE, ())
    if len(studies) != 1 or not series:
        return [f"/studies/{uid}" for uid in studies]
    within = f"/studies/{studies[0]}/series/"
    if len(series) > 1 or len(instances) != 1:
        return [f"{within}{uid}" for uid in series]
    return [f"{within}{series[0]}/instances/{instances[0]}"]


class _Found:
    """What was found, with what it is sorted by."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[tuple[int, str, int, str], Expected]] = {}

    @property
    def count(self) -> int:
        return len(self._rows)

    def take(self, data_set: DataSet, query: Query | None = None) -> None:
        """Take an instance, unless `query` does not mean it."""
        if query is not None and not all(_has(key, data_set) for key in query.keys):
            return
        uid = data_set.text(tags.SOP_INSTANCE_UID)
        series = data_set.text(tags.SERIES_INSTANCE_UID)
        if not is_uid(uid):
            return
        order = (
            _number(data_set, _SERIES_NUMBER),
            series,
            _number(data_set, _INSTANCE_NUMBER),
            uid,
        )
        study = data_set.text(tags.STUDY_INSTANCE_UID)
        self._rows[uid] = (order, Expected(data_set.text(tags.SOP_CLASS_UID), uid, series, study))

    def sorted(self) -> list[Expected]:
        return [expected for _, expected in sorted(self._rows.values(), key=lambda row: row[0])]


def _has(key: Key, data_set: DataSet) -> bool:
    return isinstance(key.matching, AnyOf) and (
        data_set.text(int(key.attribute) if isinstance(key.attribute, int) else 0)
        in key.matching.values
    )


def _number(data_set: DataSet, tag: int) -> int:
    number = data_set.integer(tag)
    return _LAST if number is None else number
