"""A DICOMweb server as an archive: what it is asked, and what comes of it, when all is well."""

import pytest
from scripted_archive import MemorySink, ScriptedArchive, shape_of

from hilum.dicom import tags
from hilum.dicom.matching import AnyOf, Key, Like
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance

STUDIES = [instance(seed=n, study=s, series=r) for s in (1, 2) for r in (1, 2) for n in (1, 2, 3)]
FIRST = STUDIES[0]


def query(level, *keys, **how):
    wanted = (
        Wanted(tags.PATIENT_NAME, "PN"),
        Wanted(tags.STUDY_INSTANCE_UID, "UI"),
        Wanted(0x00081030, "LO"),
        Wanted(0x00204000, "LT"),
    )
    return Query(level, tuple(keys), wanted, **how)


async def found(answerer, asked):
    return [match async for batch in answerer.find(asked) for match in batch.matches]


def uids(matches):
    return [match.attributes.text(match.level.unique_tag) for match in matches]


@pytest.mark.asyncio
async def test_studies_are_found_with_what_is_wanted_of_them():
    archive = ScriptedArchive(STUDIES)
    async with archive.answering() as answerer:
        matches = await found(
            answerer, query(Level.STUDY, Key(tags.PATIENT_ID, "LO", Like("GEN*1")))
        )

    assert uids(matches) == [FIRST.study_instance_uid]
    assert matches[0].answerer == "cloud"
    assert matches[0].attributes.text(tags.PATIENT_NAME) == "GENERATED^PERSON1"
    assert 0x00204000 in matches[0].attributes
    assert 0x00081190 not in matches[0].attributes
    tags_wanted = ("00100010", "0020000D", "00081030", "00204000", "00100020")
    included = "".join(f"&includefield={tag}" for tag in tags_wanted)
    assert archive.targets == [f"/studies?00100020=GEN*1{included}&limit=1000"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("level", "keys", "shape"),
    [
        (Level.SERIES, {tags.STUDY_INSTANCE_UID: FIRST.study_instance_uid}, "/studies/{}/series"),
        (Level.SERIES, {}, "/series"),
        (Level.IMAGE, {}, "/instances"),
        (
            Level.IMAGE,
            {tags.STUDY_INSTANCE_UID: FIRST.study_instance_uid},
            "/studies/{}/instances",
        ),
        (
            Level.IMAGE,
            {
                tags.STUDY_INSTANCE_UID: FIRST.study_instance_uid,
                tags.SERIES_INSTANCE_UID: FIRST.series_instance_uid,
            },
            "/studies/{}/series/{}/instances",
        ),
    ],
)
async def test_the_path_names_what_is_known(level, keys, shape):
    archive = ScriptedArchive(STUDIES)
    asked = [Key(tag, "UI", AnyOf((uid,))) for tag, uid in keys.items()]
    async with archive.answering() as answerer:
        matches = await found(answerer, query(level, *asked))

    assert shape_of(archive.targets[0].partition("?")[0]) == shape
    assert len(matches) == len(uids(matches)) == len(set(uids(matches)))
    assert all(match.attributes.text(tags.STUDY_INSTANCE_UID) for match in matches)


@pytest.mark.asyncio
@pytest.mark.parametrize(("level", "count"), [(Level.SERIES, 4), (Level.IMAGE, 12)])
async def test_a_resource_that_is_missing_is_walked_to(level, count):
    archive = ScriptedArchive(STUDIES)
    archive.cannot = {"/series", "/instances", "/studies/{}/instances"}
    async with archive.answering() as answerer:
        matches = await found(answerer, query(level))
        again = await found(answerer, query(level))

    assert len(matches) == count
    assert uids(again) == uids(matches)
    assert archive.targets[0].startswith(("/series", "/instances"))
    assert sum(one.startswith(("/series", "/instances")) for one in archive.targets) == 1


@pytest.mark.asyncio
async def test_patients_are_those_of_studies():
    archive = ScriptedArchive(STUDIES)
    archive.cannot = {"/patients"}
    async with archive.answering() as answerer:
        matches = await found(answerer, query(Level.PATIENT))

    assert uids(matches) == ["GEN00000001", "GEN00000002"]
    assert not matches[0].attributes.text(tags.STUDY_INSTANCE_UID)


@pytest.mark.asyncio
async def test_pages_are_read_behind_the_scene():
    archive = ScriptedArchive(STUDIES)
    async with archive.answering(archive={"page_matches_max": 5}) as answerer:
        matches = await found(answerer, query(Level.IMAGE))
        page = await found(answerer, query(Level.IMAGE, offset=4, limit=3))

    assert len(matches) == 12
    assert uids(page) == uids(matches)[4:7]


@pytest.mark.asyncio
async def test_no_match_is_an_empty_batch():
    archive = ScriptedArchive(STUDIES)
    async with archive.answering() as answerer:
        asked = query(Level.STUDY, Key(tags.PATIENT_ID, "LO", AnyOf(("nobody",))))
        batches = [batch async for batch in answerer.find(asked)]

    assert [batch.matches for batch in batches] == [()]


@pytest.mark.asyncio
async def test_instances_are_expected_by_series_and_number():
    archive = ScriptedArchive(reversed(STUDIES))
    async with archive.answering() as answerer:
        expected = await answerer.expect(
            Retrieval(Level.STUDY, {Level.STUDY: (FIRST.study_instance_uid,)})
        )

    assert [one.sop_instance_uid for one in expected] == [
        one.sop_instance_uid for one in STUDIES[:6]
    ]
    assert expected[0].sop_class_uid == FIRST.sop_class_uid
    assert expected[0].series_instance_uid == FIRST.series_instance_uid


@pytest.mark.asyncio
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.IMAGE])
async def test_what_is_fetched_is_what_is_held(level):
    archive = ScriptedArchive(STUDIES)
    keys = {
        Level.STUDY: (FIRST.study_instance_uid,),
        Level.SERIES: (FIRST.series_instance_uid,),
        Level.IMAGE: (FIRST.sop_instance_uid,),
    }
    retrieval = Retrieval(level, {key: uid for key, uid in keys.items() if key <= level})
    sink = MemorySink()
    async with archive.answering() as answerer:
        expected = await answerer.expect(retrieval)
        missing = await answerer.fetch(Fetch(retrieval, expected), sink)

    assert missing == {}
    assert len(sink.kept) == {Level.STUDY: 6, Level.SERIES: 3, Level.IMAGE: 1}[level]
    held = {one.sop_instance_uid: one.data_set for one in STUDIES}
    assert all(sink.kept[uid] == held[uid] for uid in sink.kept)
    assert len(archive.accepted) == 1
    assert not sink.open
