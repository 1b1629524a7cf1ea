"""Which earlier studies are asked for, how often, and what is left alone."""

import asyncio
from types import SimpleNamespace

import pytest
from fetch_rig import RigArchive
from intake_bench import Listening

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dictionary import tag_of
from hilum.pipeline.archive.ports import Batch
from hilum.pipeline.prefetch import prefetcher as prefetching
from hilum.pipeline.prefetch.occasion import MODALITIES_IN_STUDY, Occasion
from hilum.pipeline.prefetch.prefetcher import Prefetcher
from hilum.pipeline.prefetch.settings import PrefetchRule
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.testing.virtual_time import VirtualClock, run_virtually

INSTANCES = tag_of("NumberOfStudyRelatedInstances")
BODY_PARTS = {"1.1": ("CHEST",), "1.2": ("HEAD",), "1.3": ("CHEST", "ABDOMEN")}


def study(uid, date, *modalities, instances=None):
    builder = DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, uid).texts(tags.STUDY_DATE, date)
    builder.texts(MODALITIES_IN_STUDY, *modalities)
    if instances is not None:
        builder.texts(INSTANCES, str(instances))
    return builder.data_set


class Archive(RigArchive):
    async def find(self, query, asker):
        if query.level is Level.STUDY:
            async for batch in super().find(query, asker):
                yield batch
            return
        [uid] = query.uids(Level.STUDY)
        parts = BODY_PARTS[uid]
        yield Batch(tuple(Match(Level.SERIES, series(part)) for part in parts))


def series(part):
    return DataSetBuilder().texts(tags.BODY_PART_EXAMINED, part).data_set


class Rig:
    def __init__(self, clock, *rules):
        self.archive = Archive()
        self.archive.studies = [
            study("1.1", "20290101", "CT"),
            study("1.2", "20291231", "CT", "SR"),
            study("1.3", "20200101", "MR"),
        ]
        self.asked = []
        self.held = {}
        self.is_busy = False
        self.telemetry = Listening()
        self.prefetcher = Prefetcher(
            [PrefetchRule.model_validate({"name": "r", "from": "pacs", **one}) for one in rules],
            sources=lambda name: self.archive if name == "pacs" else None,
            held=lambda uid: self.held.get(uid, 0),
            requests=SimpleNamespace(ask=self._ask),
            clock=clock,
            telemetry=self.telemetry,
            is_busy=lambda: self.is_busy,
        )

    async def _ask(self, bidding, _by):
        self.asked.append(bidding)
        return "f1"

    @property
    def studies(self):
        return [one.wanted.study_instance_uid for one in self.asked]
