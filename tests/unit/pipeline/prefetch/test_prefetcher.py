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
from hilum.testing.virtual_time import run_virtually

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
            held=self._held_of,
            requests=SimpleNamespace(ask=self._ask),
            clock=clock,
            telemetry=self.telemetry,
            is_busy=lambda: self.is_busy,
        )

    async def _held_of(self, uid):
        return self.held.get(uid, 0)

    async def _ask(self, bidding, _by):
        self.asked.append(bidding)
        return "f1"

    @property
    def studies(self):
        return [one.wanted.study_instance_uid for one in self.asked]


def prefetched(scenario, *rules):
    """Run a scenario, then let everything be done that is to be done."""

    async def main(clock):
        rig = Rig(clock, *rules)
        running = asyncio.ensure_future(rig.prefetcher.run())
        await scenario(rig)
        await asyncio.sleep(60)
        running.cancel()
        return rig

    return run_virtually(main)


SEARCH = Occasion("P1", modalities=frozenset(("CT",)), is_search=True)


@pytest.mark.parametrize(
    ("rule", "studies"),
    [
        ({}, ["1.2", "1.1", "1.3"]),
        ({"count_max": 1}, ["1.2"]),
        ({"modalities": ["CT"]}, ["1.2", "1.1"]),
        ({"age_max": "30 d"}, ["1.2"]),
        ({"body_parts": ["CHEST"]}, ["1.1", "1.3"]),
        ({"body_parts": ["CHEST"], "count_max": 1}, ["1.1"]),
        ({"modalities": ["US"]}, []),
    ],
)
def test_the_latest_studies_that_fit_are_asked_for(rule, studies):
    async def scenario(rig):
        assert rig.prefetcher.notice(SEARCH) == 1

    rig = prefetched(scenario, rule)

    assert rig.studies == studies
    assert all((one.source, one.target, one.rule) == ("pacs", "local", "r") for one in rig.asked)
    assert rig.telemetry.names() == (["PriorsRequested"] if studies else [])


def test_the_study_that_is_looked_at_is_no_prior():
    async def scenario(rig):
        rig.prefetcher.notice(Occasion("P1", study="1.2", is_search=True))

    assert prefetched(scenario, {}).studies == ["1.1", "1.3"]


def test_what_is_held_whole_is_not_asked_for():
    async def scenario(rig):
        rig.archive.studies = [
            study("1.1", "20290101", "CT", instances=5),
            study("1.2", "20290102", "CT", instances=5),
        ]
        rig.held = {"1.1": 5, "1.2": 4}
        rig.prefetcher.notice(SEARCH)

    assert prefetched(scenario, {}).studies == ["1.2"]


def test_a_patient_who_is_asked_about_again_and_again_is_looked_after_once_in_a_while():
    async def scenario(rig):
        assert [rig.prefetcher.notice(SEARCH) for _ in range(3)] == [1, 0, 0]
        await asyncio.sleep(prefetching.QUIET_SECONDS + 1)
        assert rig.prefetcher.notice(SEARCH) == 1

    assert len(prefetched(scenario, {"count_max": 1}).studies) == 2


def test_a_call_is_not_kept_quiet():
    async def scenario(rig):
        assert [rig.prefetcher.notice(Occasion("P1")) for _ in range(2)] == [1, 1]

    prefetched(scenario, {})


def test_it_rests_while_instances_come_in():
    async def scenario(rig):
        rig.is_busy = True
        rig.prefetcher.notice(SEARCH)
        await asyncio.sleep(30)
        assert rig.asked == []
        rig.is_busy = False

    assert len(prefetched(scenario, {}).asked) == 3


def test_there_is_an_end_to_who_may_wait():
    async def scenario(rig):
        rig.is_busy = True
        fired = [rig.prefetcher.notice(Occasion(f"P{n}", is_search=True)) for n in range(300)]
        assert sum(fired) == prefetching.WAITING_MAX

    assert "PrefetchCrowded" in prefetched(scenario, {}).telemetry.names()


def test_an_archive_that_is_down_is_told_and_the_others_go_on():
    async def scenario(rig):
        rig.archive.is_down = True
        rig.prefetcher.notice(SEARCH)
        await asyncio.sleep(1)
        rig.archive.is_down = False
        rig.prefetcher.notice(Occasion("P2", is_search=True))

    rig = prefetched(scenario, {})

    assert rig.telemetry.names() == ["PrefetchFailed", "PriorsRequested"]
    assert len(rig.asked) == 3


def test_a_patient_for_whom_nothing_could_be_done_is_looked_after_when_asked_about_again():
    async def scenario(rig):
        rig.archive.is_down = True
        rig.prefetcher.notice(SEARCH)
        await asyncio.sleep(1)
        rig.archive.is_down = False
        assert rig.prefetcher.notice(SEARCH) == 0
        await asyncio.sleep(prefetching.FAILED_SECONDS)
        assert rig.prefetcher.notice(SEARCH) == 1

    assert len(prefetched(scenario, {}).asked) == 3


def test_a_patient_of_whom_a_part_of_the_archive_said_nothing_is_looked_after_again():
    async def scenario(rig):
        rig.archive.warnings = ("pacs2: cannot connect",)
        rig.prefetcher.notice(SEARCH)
        await asyncio.sleep(prefetching.FAILED_SECONDS + 1)
        rig.archive.warnings = ()
        assert rig.prefetcher.notice(SEARCH) == 1

    rig = prefetched(scenario, {})

    assert "PrefetchFailed" in rig.telemetry.names()
    assert rig.studies == ["1.2", "1.1", "1.3"] * 2


def test_codes_are_the_same_in_small_letters():
    """Devices write Chest where the standard says CHEST, as routes know."""

    async def scenario(rig):
        rig.prefetcher.notice(Occasion("P1", modalities=frozenset(("CT",)), is_search=True))

    when = {"modalities": ["ct"]}
    rule = {"body_parts": ["Chest"], "modalities": ["ct"], "when": when}

    assert prefetched(scenario, rule).studies == ["1.1"]
