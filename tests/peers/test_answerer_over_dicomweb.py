"""The DICOMweb answerer against real archives: what they hold is found, and comes as it is."""

import contextlib
import subprocess

import peer_archives
import pytest
from answerer_rig import MemorySink, all_of, question
from trials.gateway import HILUM, Settings
from trials.targets import GatewayTarget

from hilum.destinations.dicomweb.archive.answerer import WebAnswerer
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.dicom import tags
from hilum.dicom.match_keys import matching_of
from hilum.dicom.matching import AnyOf, ItemWith, Key
from hilum.dicom.vrs import vr_of
from hilum.pipeline.answerers.ailments import AnswererFailed, HttpAnswer, Lost
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.service.clock import SystemClock

pytestmark = pytest.mark.asyncio
MODALITIES_IN_STUDY = 0x00080061
STUDY_DATE = 0x00080020
STUDY_TIME = 0x00080030
ACCESSION_NUMBER = 0x00080050
NOBODY = "2.25.404"


class Ours(peer_archives.PeerArchive):
    """A gateway."""


@contextlib.contextmanager
def gateway(folder, _environment, files, studies):
    """Run a gateway of ours with these files."""
    target = GatewayTarget(folder, Settings())
    target.start()
    try:
        paths = [str(path) for path, _ in files.values()]
        command = [str(HILUM), "send", f"{target.called}@127.0.0.1:{target.port}", *paths]
        subprocess.run(command, check=True, capture_output=True, timeout=100)
        held = {
            uid: peer_archives.data_set_of(path.read_bytes()) for uid, (path, _) in files.items()
        }
        yield Ours(target.port, target.web_port, files, studies, {}, held)
    finally:
        target.stop()


STARTS = {"orthanc": peer_archives.orthanc, "hilum": gateway}


@pytest.fixture(scope="module", params=STARTS)
def archive(request, tmp_path_factory, peer_environment):
    files, studies = peer_archives.make_files(tmp_path_factory.mktemp("files"))
    folder = tmp_path_factory.mktemp("archive")
    with STARTS[request.param](folder, peer_environment, files, studies) as running:
        yield running


@contextlib.asynccontextmanager
async def asking(archive, **settings):
    made = DicomWebDestinationSettings(
        type="dicomweb", url=settings.pop("url", archive.root), archive=settings
    )
    answerer = WebAnswerer("cloud", made, SystemClock())
    try:
        yield answerer
    finally:
        await answerer.aclose()


def key(tag, text):
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text))


def texts(matches, tag):
    return sorted(match.attributes.text(tag) for match in matches)


async def studies_found(archive, *keys, **settings):
    async with asking(archive, **settings) as answerer:
        matches, _, _ = await all_of(
            answerer, question(Level.STUDY, *keys, wanted=[tags.PATIENT_NAME])
        )
    return [archive.studies.index(uid) for uid in texts(matches, tags.STUDY_INSTANCE_UID)]


async def test_it_is_there(archive):
    async with asking(archive) as answerer:
        await answerer.verify()


@pytest.mark.parametrize("page", [1000, 2])
@pytest.mark.parametrize("style", ["tag", "keyword"])
async def test_every_level_is_found_with_its_names(archive, page, style):
    async with asking(archive, keys=style, page_matches_max=page) as answerer:
        found = {}
        for level in Level:
            found[level], _, _ = await all_of(answerer, question(level, wanted=[tags.PATIENT_NAME]))

    names = [name for name, *_ in peer_archives.STUDIES]
    assert texts(found[Level.PATIENT], tags.PATIENT_NAME) == sorted(names)
    assert texts(found[Level.STUDY], tags.STUDY_INSTANCE_UID) == sorted(archive.studies)
    assert set(texts(found[Level.STUDY], tags.PATIENT_NAME)) == set(names)
    assert len(found[Level.SERIES]) == sum(series for *_, series, _ in peer_archives.STUDIES)
    assert texts(found[Level.IMAGE], tags.SOP_INSTANCE_UID) == sorted(archive.files)
    assert all(match.attributes.text(tags.STUDY_INSTANCE_UID) for match in found[Level.IMAGE])


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (tags.PATIENT_NAME, "Müller*", {0, 1}),  # accents do not count
        (tags.PATIENT_NAME, "M*ller^*", {0, 1}),
        (tags.PATIENT_NAME, "Щука", {2}),
        (tags.PATIENT_NAME, "Nobody", set()),
        (tags.PATIENT_ID, "P1", {1}),
        (tags.PATIENT_ID, "P?", {0, 1, 2, 3}),
        (STUDY_DATE, "20250101-20251231", {1, 2}),
        (STUDY_DATE, "-20250615", {0, 1}),
        (STUDY_DATE, "20250701-", {2, 3}),
        (STUDY_DATE, "20240131", {0}),
        (ACCESSION_NUMBER, "A2", {2}),
        (MODALITIES_IN_STUDY, "MR", {1}),
        (MODALITIES_IN_STUDY, "MR\\CT", {0, 1}),
    ],
)
async def test_keys_find_what_they_mean(archive, tag, text, expected):
    found = set(await studies_found(archive, key(tag, text)))

    assert found == expected


async def test_a_list_of_uids_finds_all_of_them(archive):
    wanted = (archive.studies[0], archive.studies[2], NOBODY)
    listed = Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf(wanted))

    assert set(await studies_found(archive, listed)) == {0, 2}


async def test_a_key_in_a_sequence_that_nobody_has_finds_nothing_else(archive):
    inner = key(0x00400009, "STEP1")

    found = await studies_found(archive, Key(0x00400275, "SQ", ItemWith((inner,))))

    assert set(found) in (set(), {0, 1, 2, 3})  # Orthanc does not look into sequences of studies


@pytest.mark.parametrize("level", Level)
async def test_every_level_comes_as_it_is_held(archive, level):
    instance, (_, (study, series)) = next(iter(archive.files.items()))
    keys = {
        Level.PATIENT: ("P0",),
        Level.STUDY: (study,),
        Level.SERIES: (series,),
        Level.IMAGE: (instance,),
    }
    below = {one: uids for one, uids in keys.items() if one == level or 0 < one <= level}
    retrieval = Retrieval(level, below)
    sink = MemorySink()
    async with asking(archive) as answerer:
        expected = await answerer.expect(retrieval)
        missing = await answerer.fetch(Fetch(retrieval, expected), sink)

    held = archive.data_sets(study=study, series=series if level >= Level.SERIES else None)
    assert missing == {}
    assert {one.sop_instance_uid for one in expected} == sink.kept.keys()
    wanted = {instance} if level == Level.IMAGE else held.keys()
    assert {uid: bytes(one) for uid, one in sink.kept.items()} == {uid: held[uid] for uid in wanted}


async def test_every_study_comes_in_the_syntax_it_is_stored_in(archive):
    for study in archive.studies:
        retrieval = Retrieval(Level.STUDY, {Level.STUDY: (study,)})
        sink = MemorySink()
        async with asking(archive) as answerer:
            expected = await answerer.expect(retrieval)
            assert await answerer.fetch(Fetch(retrieval, expected), sink) == {}

        held = archive.data_sets(study=study)
        assert sink.kept.keys() == held.keys()
        for uid, one in sink.kept.items():
            # Orthanc gives sequences a length, and all else as it was.
            pixels = b"\xe0\x7f\x10\x00OB"
            assert bytes(one).partition(pixels)[2] == held[uid].partition(pixels)[2]
            assert bytes(one) == held[uid] or not isinstance(archive, Ours)


async def test_what_is_nowhere_is_no_error(archive):
    async with asking(archive) as answerer:
        for level in (Level.STUDY, Level.SERIES, Level.IMAGE):
            keys = {one: (NOBODY,) for one in Level if 0 < one <= level}
            assert list(await answerer.expect(Retrieval(level, keys))) == []


async def test_a_wrong_address_is_told(archive):
    async with asking(archive, url=f"http://127.0.0.1:{archive.web_port}/nowhere") as answerer:
        with pytest.raises(AnswererFailed) as failed:
            await answerer.verify()

    assert failed.value.ailment in (HttpAnswer(404), HttpAnswer(405), Lost.REJECTED)
