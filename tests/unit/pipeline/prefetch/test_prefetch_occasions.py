"""Which searches set off prefetching, and which rules."""

import asyncio

import pytest

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.matching import AnyOf, Key
from hilum.ledger.entry import Origin
from hilum.pipeline.archive.ports import Batch
from hilum.pipeline.prefetch.occasion import MODALITIES_IN_STUDY, Occasion, sets_off
from hilum.pipeline.prefetch.settings import PrefetchRule
from hilum.pipeline.prefetch.watching import WatchedArchive
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query

ASKER = Origin("WS1", "HILUM", "", "10.1.2.3", "HILUM", "a-1")


def study(uid, patient="P1", modalities=("CT",), issuer=""):
    builder = DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, uid)
    builder.texts(tags.PATIENT_ID, patient).texts(tags.ISSUER_OF_PATIENT_ID, issuer)
    return Match(Level.STUDY, builder.texts(MODALITIES_IN_STUDY, *modalities).data_set)


class Answers:
    def __init__(self, *batches):
        self._batches = batches

    async def find(self, _query, _asker):
        for one in self._batches:
            yield Batch(one)


def noticed(*batches, query=Query(Level.STUDY)):  # noqa: B008 - a value
    occasions = []
    watched = WatchedArchive(Answers(*batches), occasions.append)

    async def main():
        return [batch async for batch in watched.find(query, ASKER)]

    assert [one.matches for one in asyncio.run(main())] == list(batches)
    return occasions


def test_a_search_that_finds_one_patient_is_noticed_with_what_it_found():
    found = noticed((study("1.1"),), (study("1.2", modalities=("MR", "SR")),))

    modalities = frozenset(("CT", "MR", "SR"))
    assert found == [Occasion("P1", "", "", modalities, frozenset(), "WS1", is_search=True)]


def test_the_only_study_that_is_found_is_remembered():
    assert noticed((study("1.1"),))[0].study == "1.1"


@pytest.mark.parametrize(
    "batch",
    [(), (study("1.1"), study("1.2", "P2")), (study("1.1"), study("1.2", issuer="OTHER"))],
)
def test_a_search_that_finds_nobody_or_several_is_not_noticed(batch):
    assert noticed(batch) == []


def test_a_search_for_patients_is_not_noticed():
    assert noticed((study("1.1"),), query=Query(Level.PATIENT)) == []


def test_a_patient_who_was_asked_by_need_not_be_told():
    key = Key(tags.PATIENT_ID, "LO", AnyOf(("P7",)))

    assert noticed((study("1.1", ""),), query=Query(Level.STUDY, (key,)))[0].patient_id == "P7"
    assert noticed((study("1.1", ""),)) == []


def rule(**settings):
    return PrefetchRule.model_validate({"name": "r", "from": "pacs", **settings})


CT = Occasion("P1", modalities=frozenset(("CT",)), caller="WS1", is_search=True)


@pytest.mark.parametrize(
    ("settings", "fires"),
    [
        ({}, True),
        ({"on": ["api"]}, False),
        ({"when": {"modalities": ["MR", "CT"]}}, True),
        ({"when": {"modalities": ["MR"]}}, False),
        ({"when": {"body_parts": ["CHEST"]}}, False),
        ({"when": {"callers": ["WS*"]}}, True),
        ({"when": {"callers": ["CT*"]}}, False),
    ],
)
def test_a_rule_fires_when_all_its_conditions_hold(settings, fires):
    assert sets_off(rule(**settings), CT) is fires


def test_a_call_sets_off_rules_that_take_calls_whatever_they_want_of_searches():
    call = Occasion("P1")

    assert sets_off(rule(when={"modalities": ["MR"]}), call)
    assert not sets_off(rule(on=["find"]), call)
