"""Searches of servers that understand less of QIDO-RS, or read it in ways of their own."""

import json

import pytest
from scripted_archive import ScriptedArchive

from hilum.destinations.dicomweb.archive.search_words import search_of
from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.json_writer import to_json
from hilum.dicom.match_keys import KeyRules, matching_of
from hilum.dicom.matching import AnyOf, ItemWith, Key
from hilum.dicom.vrs import vr_of
from hilum.dicomweb.media_types import DICOM_JSON
from hilum.query.level import Level
from hilum.query.query import Query, Wanted, combined
from hilum.testing.datasets import instance
from hilum.testing.http_server import Reply

STUDIES = [instance(seed=1, study=number, series=1) for number in range(1, 8)]
UIDS = [one.study_instance_uid for one in STUDIES]
NAMES = (Wanted(tags.PATIENT_NAME, "PN"),)
STUDY_DATE, STUDY_TIME, MODALITIES = 0x00080020, 0x00080030, 0x00080061


def key(tag, text, **rules):
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text, KeyRules(**rules)))


def study_keys(*uids):
    return Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf(uids))


async def found(answerer, query):
    return [
        match.attributes.text(match.level.unique_tag)
        async for batch in answerer.find(query)
        for match in batch.matches
    ]


async def asked(archive, *keys, level=Level.STUDY, wanted=NAMES, settings=None, **more):
    async with archive.answering(archive=settings or {}) as answerer:
        return await found(answerer, Query(level, keys, wanted, **more))


def words(*keys, **more):
    """Give the parameters of a search."""
    search = search_of(Query(Level.STUDY, keys, **more), "tag")
    return dict(search.parameters)


@pytest.mark.parametrize(
    ("tag", "text", "written"),
    [
        (tags.PATIENT_NAME, "Müller^J*", "Müller^J*"),
        # Servers that count bytes take ? for half a letter: asked wider, and looked at by us.
        (tags.PATIENT_NAME, "M?ller^J?*", "M*ller^J*"),
        (tags.PATIENT_ID, "12?4", "12?4"),
        (tags.PATIENT_NAME, '""', '""'),
        (STUDY_DATE, "20240131", "20240131"),
        (STUDY_DATE, "20240131-", "20240131-"),
        (STUDY_DATE, "-20240131", "-20240131"),
        (STUDY_TIME, "1015", "101500.000000-101559.999999"),
        (0x00201206, "03", "3"),
        (MODALITIES, "CT", "CT"),
        (tags.STUDY_INSTANCE_UID, "1.2\\1.3", "1.2,1.3"),
        (0x00081030, "a,b", "a,b"),
    ],
)
def test_a_key_is_written_in_words_of_the_standard(tag, text, written):
    assert words(key(tag, text)) == {f"{tag:08X}": written}


def test_a_date_with_its_time_is_asked_for_by_the_day():
    keys = combined((key(STUDY_DATE, "20240131-20240202"), key(STUDY_TIME, "1200-")), None)

    assert words(*keys) == {"00080020": "20240131-20240202"}


def test_sequences_are_paths_and_names_that_sound_alike_are_said_to():
    step = Key(0x00400275, "SQ", ItemWith((key(0x00400009, "S1"),)))
    name = key(tags.PATIENT_NAME, "meier", fuzzy_names=True)

    assert words(step) == {"00400275.00400009": "S1"}
    assert words(name, fuzzy_names=True) == {"00100010": "meier", "fuzzymatching": "true"}


def test_keywords_may_be_written_instead_of_tags():
    search = search_of(Query(Level.STUDY, (key(tags.PATIENT_ID, "1"),)), "keyword")

    assert search.address("wanted", limit=5, offset=10) == (
        "/studies?PatientID=1&includefield=PatientID&limit=5&offset=10"
    )


@pytest.mark.asyncio
async def test_what_there_are_no_words_for_is_ignored_and_said_so():
    archive = ScriptedArchive(STUDIES)
    private = PrivateAttribute(0x0009, "ACME", 0x01)
    query = Query(Level.STUDY, (Key(private, "LO", matching_of("LO", "x")),), NAMES)
    async with archive.answering() as answerer:
        batches = [batch async for batch in answerer.find(query)]

    assert {batch.ignored for batch in batches} == {(private,)}
    assert sum(len(batch.matches) for batch in batches) == 7


@pytest.mark.asyncio
async def test_keys_that_a_server_leaves_out_count_nevertheless():
    archive = ScriptedArchive(STUDIES)

    def forgetful(request):
        request.target = request.target.replace("00100020=", "x=").replace("00080020=", "y=")

    archive.quirk = forgetful
    assert await asked(archive, key(tags.PATIENT_ID, "GEN00000003")) == [UIDS[2]]
    assert await asked(archive, key(STUDY_DATE, "19000101")) == []


@pytest.mark.asyncio
async def test_case_of_texts_does_not_speak_against_a_match():
    archive = ScriptedArchive()
    objects = [{"0020000D": uid("1.2"), "00080050": {"vr": "SH", "Value": ["abc"]}}]
    archive.quirk = lambda _: answer(objects)

    assert await asked(archive, key(0x00080050, "ABC")) == ["1.2"]
    assert await asked(archive, key(0x00080050, "ABD")) == []


def uid(text):
    return {"vr": "UI", "Value": [text]}


def answer(objects, **headers):
    return Reply(200, {"Content-Type": DICOM_JSON, **headers}, json.dumps(objects).encode())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("refused", "count"),
    [("includefield=0", 7), ("includefield", 7), ("limit=1000", 7), ("00100020", 0)],
)
async def test_refused_words_are_left_out(refused, count):
    archive = ScriptedArchive(STUDIES)
    archive.quirk = lambda request: Reply(400) if refused in request.target else None
    async with archive.answering() as answerer:
        if count:
            assert len(await found(answerer, Query(Level.STUDY, (), NAMES))) == count
            tries = len(archive.targets)
            await found(answerer, Query(Level.STUDY, (), NAMES))
            assert len(archive.targets) == tries + 1  # what worked is remembered
        else:
            with pytest.raises(Exception, match="400"):
                await found(answerer, Query(Level.STUDY, (key(tags.PATIENT_ID, "1"),), NAMES))


@pytest.mark.asyncio
@pytest.mark.parametrize("lists", ["refused", "unknown", "known"])
async def test_a_list_of_uids_is_asked_for_one_by_one_where_needed(lists):
    archive = ScriptedArchive(STUDIES)

    def picky(request):
        if "," in request.target:
            return {"refused": Reply(400), "unknown": Reply(204), "known": None}[lists]
        return None

    archive.quirk = picky
    matches = await asked(archive, study_keys(*UIDS[:3]))

    assert set(matches) == set(UIDS[:3])


@pytest.mark.asyncio
async def test_several_values_are_asked_for_one_by_one():
    archive = ScriptedArchive([*STUDIES, STUDIES[0]])
    matches = await asked(archive, key(MODALITIES, "CT\\MR"))

    assert sorted(matches) == sorted(UIDS)
    assert ["=CT&" in archive.targets[0], "=MR&" in archive.targets[1]] == [True, True]


@pytest.mark.asyncio
async def test_a_server_with_a_limit_of_its_own_is_read_to_its_end():
    archive = ScriptedArchive([instance(seed=1, study=n) for n in range(1, 120)], limit_max=50)

    assert len(await asked(archive)) == 119


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["offset", "limit", "both"])
async def test_a_server_that_ignores_pages_is_read_once(what):
    archive = ScriptedArchive(STUDIES)

    def deaf(request):
        if what in {"offset", "both"}:
            request.target = request.target.replace("&offset=", "&x=")
        if what in {"limit", "both"}:
            request.target = request.target.replace("&limit=", "&y=")

    archive.quirk = deaf
    matches = await asked(archive, settings={"page_matches_max": 7 if what == "offset" else 3})

    assert sorted(matches) == sorted(UIDS)
    assert len(archive.targets) <= 3


@pytest.mark.asyncio
async def test_more_that_is_promised_and_not_given_is_a_warning():
    archive = ScriptedArchive()
    more = "299 x: There are 3 additional results that can be requested"
    archive.quirk = lambda _: answer([{"0020000D": uid("1.2")}], Warning=more)
    async with archive.answering() as answerer:
        batches = [batch async for batch in answerer.find(Query(Level.STUDY))]

    assert sum(len(batch.matches) for batch in batches) == 1
    assert batches[-1].warnings


@pytest.mark.asyncio
async def test_one_object_without_its_array_is_a_match():
    archive = ScriptedArchive()
    archive.quirk = lambda request: (
        answer({"0020000D": uid("1.2")}) if "offset" not in request.target else Reply(204)
    )

    assert await asked(archive) == ["1.2"]


@pytest.mark.asyncio
async def test_an_attribute_that_cannot_be_read_does_not_hide_a_match():
    archive = ScriptedArchive()
    bad = {"0020000D": uid("1.2"), "00201206": {"vr": "US", "Value": ["many"]}, "zzz": 4}
    archive.quirk = lambda _: answer([bad])

    assert await asked(archive) == ["1.2"]


@pytest.mark.asyncio
async def test_what_a_server_does_not_decode_is_asked_with_wild_cards():
    archive = ScriptedArchive(STUDIES)

    def literal(request):
        request.target = request.target.replace("%5E", "%255E")

    archive.quirk = literal
    name = key(tags.PATIENT_NAME, "GENERATED^PERSON3")
    async with archive.answering() as answerer:
        assert await found(answerer, Query(Level.STUDY, (name,), NAMES)) == [UIDS[2]]
        assert await found(answerer, Query(Level.STUDY, (name,), NAMES)) == [UIDS[2]]

    assert len(archive.targets) == 3


@pytest.mark.asyncio
async def test_series_of_studies_of_a_modality_are_walked_to():
    archive = ScriptedArchive(STUDIES)

    matches = await asked(archive, key(MODALITIES, "CT"), level=Level.SERIES)
    others = await asked(archive, key(MODALITIES, "MR"), level=Level.SERIES)

    assert len(matches) == 7
    assert others == []
    assert not any(one.startswith("/series") for one in archive.targets)


@pytest.mark.asyncio
async def test_thousands_of_matches_stream_through():
    one = to_json(matched("1.2.3"))[:-1]
    archive = ScriptedArchive()
    many = b",".join(
        b'%s,"0020000D":{"vr":"UI","Value":["1.2.%d"]}}' % (one, n) for n in range(3000)
    )
    archive.quirk = lambda request: (
        Reply(200, {"Content-Type": DICOM_JSON}, b"[" + many + b"]")
        if "offset" not in request.target
        else Reply(204)
    )
    count = 0
    async with archive.answering() as answerer:
        async for batch in answerer.find(Query(Level.STUDY)):
            assert len(batch.matches) <= 64
            count += len(batch.matches)

    assert count == 3000


def matched(text):
    from hilum.dicom.building import DataSetBuilder

    return DataSetBuilder().texts(tags.PATIENT_ID, text).data_set
