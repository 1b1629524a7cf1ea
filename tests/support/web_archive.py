"""An archive in memory for doors: what it holds, and what it was asked."""

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.json_writer import to_json
from hilum.dicom.matching import matches_data_set
from hilum.dicom.tags import (
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from hilum.pipeline.archive.at_hand import AtHand
from hilum.pipeline.archive.ports import Batch
from hilum.query.level import Level
from hilum.query.match import Match


def match(level, study="1.2.3", series="1.2.3.4", instance="1.2.3.4.5", name="Doe^Jane"):
    """Give a match as the catalogue would."""
    builder = DataSetBuilder(UTF_8)
    builder.texts(PATIENT_NAME, name)
    builder.texts(PATIENT_ID, "P1")
    tags = (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID)
    for tag, uid in list(zip(tags, (study, series, instance), strict=True))[:level]:
        builder.texts(tag, uid)
    return Match(level, builder.data_set)


class WebArchive:
    """Finds among `matches`, gives `held`; `breaks` is raised instead of the next batch."""

    def __init__(self, matches=(), *, held=(), batch=2, ignored=(), breaks=None, readable=True):
        self.matches = list(matches)
        self.held = list(held)
        self.batch = batch
        self.ignored = ignored
        self.breaks = breaks
        self.readable = readable
        self.queries = []
        self.retrievals = []
        self.askers = []
        self.open = 0

    async def find(self, query, asker):
        self.queries.append(query)
        self.askers.append(asker)
        self.open += 1
        try:
            found = [
                one
                for one in self.matches
                if one.level == query.level and matches_data_set(query.keys, one.attributes)
            ]
            found = found[query.offset :][: query.limit]
            yield Batch(tuple(found[: self.batch]), self.ignored)
            for at in range(self.batch, len(found), self.batch):
                if self.breaks:
                    raise self.breaks
                yield Batch(tuple(found[at : at + self.batch]), self.ignored)
        finally:
            self.open -= 1

    async def holdings(self, retrieval, asker, purpose):
        self.retrievals.append((retrieval, purpose))
        self.askers.append(asker)
        level, keys = retrieval.level, retrieval.keys
        names = {
            Level.STUDY: "study_instance_uid",
            Level.SERIES: "series_instance_uid",
            Level.IMAGE: "sop_instance_uid",
        }
        assert level in keys
        return [
            one
            for one in self.held
            if all(getattr(one, names[at]) in uids for at, uids in keys.items())
        ]

    async def supply(self, retrieval, asker, purpose, *, syntaxes=()):  # noqa: ARG002
        return AtHand(await self.holdings(retrieval, asker, purpose))

    async def metadata(self, holdings, bulk_root):
        self.open += 1
        try:
            for one in holdings if self.readable else ():
                if self.breaks and one is not holdings[0]:
                    raise self.breaks
                builder = DataSetBuilder(UTF_8)
                builder.texts(STUDY_INSTANCE_UID, one.study_instance_uid)
                builder.texts(SOP_INSTANCE_UID, one.sop_instance_uid)
                builder.texts(PATIENT_NAME, "Müller^Jürgen")
                text = to_json(builder.data_set).decode()
                yield (
                    text[:-1] + f',"7FE00010":{{"vr":"OW","BulkDataURI":"{bulk_root}/x"}}}}'
                ).encode()
        finally:
            self.open -= 1
