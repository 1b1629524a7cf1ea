"""The DIMSE answerer against archives of others: what they hold is found, and comes as it is."""

import asyncio
import contextlib
from types import SimpleNamespace

import peer_archives
import pytest
from answerer_rig import OPTIONS, MemorySink, all_of, question

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.answering.answerer import DimseAnswerer
from hilum.destinations.dimse.answering.settings import DimseArchiveSettings
from hilum.dicom import tags
from hilum.dicom.match_keys import matching_of
from hilum.dicom.matching import AnyOf, Key
from hilum.dicom.vrs import vr_of
from hilum.kernel.names import AETitle
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.sources.dimse.receiver import Receiver

pytestmark = pytest.mark.asyncio
MODALITIES_IN_STUDY = 0x00080061


@pytest.fixture(scope="module", params=["dcmqrscp", "orthanc"])
def archive(request, tmp_path_factory, peer_environment):
    files, studies = peer_archives.make_files(
        tmp_path_factory.mktemp("files"), compressed=request.param != "dcmqrscp"
    )
    folder = tmp_path_factory.mktemp("archive")
    more = {} if request.param == "dcmqrscp" else {"has_web": False}
    start = getattr(peer_archives, request.param)
    with start(folder, peer_environment, files, studies, **more) as running:
        yield running


class Home:
    """What stands in for the gateway's listener: all that comes goes to whoever expects."""

    def __init__(self):
        self._sink = None
        self._last = 0

    async def land(self, incoming):
        return await self._sink.land(incoming)

    @contextlib.asynccontextmanager
    async def expect(self, sink, **_):
        self._sink = sink
        self._last += 1
        yield SimpleNamespace(message_id=self._last)


@contextlib.asynccontextmanager
async def asking(archive, *, calling="HILUM", **settings):
    home = Home()
    address = Address("127.0.0.1", archive.port, AETitle(peer_archives.TITLE), AETitle(calling))
    async with contextlib.AsyncExitStack() as stack:
        if settings.get("retrieve") == "move":
            receiver = Receiver("127.0.0.1", archive.known_ports["HILUM"], home)
            await stack.enter_async_context(receiver.listening())
            settings |= {"associations_per_retrieval": 1}
        answerer = DimseAnswerer("pacs", address, OPTIONS, DimseArchiveSettings(**settings), home)
        stack.push_async_callback(answerer.aclose)
        yield answerer


def key(tag, text):
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text))


def _is_rewritten(data_set, given):
    """Tell whether it is the same but for lengths of sequences: Orthanc gives all of them one."""
    pixels = b"\xe0\x7f\x10\x00OB"
    there, here = data_set.index(pixels), given.index(pixels)
    return b"\xff\xff\xff\xff" in given[:here] and data_set[there:] == given[here:]


def texts(matches, tag):
    return sorted(match.attributes.text(tag) for match in matches)


@pytest.mark.parametrize("relational", ["auto", "never"])
async def test_every_level_is_found_with_its_names(archive, relational):
    async with asking(archive, relational=relational) as answerer:
        patients, _, _ = await all_of(answerer, question(Level.PATIENT, wanted=[tags.PATIENT_NAME]))
        studies, _, _ = await all_of(answerer, question(Level.STUDY, wanted=[tags.PATIENT_NAME]))
        series, _, _ = await all_of(answerer, question(Level.SERIES, wanted=[tags.PATIENT_NAME]))
        images, _, _ = await all_of(answerer, question(Level.IMAGE))

    names = sorted(name for name, *_ in peer_archives.STUDIES)
    assert texts(patients, tags.PATIENT_NAME) == texts(studies, tags.PATIENT_NAME) == names
    assert set(texts(series, tags.PATIENT_NAME)) == set(names)
    assert sorted(
        tuple(
            match.attributes.text(level.unique_tag)
            for level in (Level.STUDY, Level.SERIES, Level.IMAGE)
        )
        for match in images
    ) == sorted(archive.places())


@pytest.mark.parametrize(
    ("keys", "patients"),
    [
        ([(tags.PATIENT_NAME, "M*")], "P0 P1"),
        ([(tags.PATIENT_NAME, "Müller*")], "P0 P1"),
        ([(tags.PATIENT_NAME, "Щука")], "P2"),
        ([(tags.STUDY_DATE, "20250616-")], "P2 P3"),
        ([(tags.STUDY_DATE, "-20241231")], "P0"),
        ([(tags.ACCESSION_NUMBER, "A0\\A3")], "P0 P3"),
        ([(tags.PATIENT_ID, "P1")], "P1"),
        ([(MODALITIES_IN_STUDY, "MR")], "P1"),
        ([(tags.PATIENT_NAME, "Nobody*")], ""),
    ],
)
async def test_studies_are_found_by(archive, keys, patients):
    asked = question(Level.STUDY, *[key(*one) for one in keys], wanted=[tags.PATIENT_ID])
    async with asking(archive) as answerer:
        matches, ignored, _ = await all_of(answerer, asked)

    # Without accents is as good as with them to us; not every archive thinks so.
    assert set(texts(matches, tags.PATIENT_ID)) <= set(patients.split())
    assert len(matches) >= len(patients.split()) - ("Müller" in keys[0][1])
    assert ignored == ()


async def test_lists_of_uids_and_keys_of_studies_are_found_at_lower_levels(archive):
    several = Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf(tuple(archive.studies[:3])))
    async with asking(archive) as answerer:
        studies, _, _ = await all_of(answerer, question(Level.STUDY, several))
        series, _, _ = await all_of(
            answerer,
            question(Level.SERIES, several, key(tags.STUDY_DATE, "20250101-")),
        )

    assert texts(studies, tags.STUDY_INSTANCE_UID) == sorted(archive.studies[:3])
    assert texts(series, tags.STUDY_INSTANCE_UID) == sorted(archive.studies[1:3])


@pytest.mark.parametrize("way", ["get", "move"])
async def test_each_study_comes_as_it_is_stored(archive, way):
    async with asking(archive, retrieve=way) as answerer:
        for study in archive.studies:
            retrieval = Retrieval(Level.STUDY, {Level.STUDY: (study,)})
            sink = MemorySink()

            expected = await answerer.expect(retrieval)
            missing = await answerer.fetch(Fetch(retrieval, expected), sink)

            assert {one.sop_instance_uid for one in expected} == set(archive.data_sets(study=study))
            given = archive.data_sets(study=study)
            assert (missing, sink.kept.keys()) == ({}, given.keys())
            for uid, data_set in sink.kept.items():
                assert data_set == given[uid] or _is_rewritten(data_set, given[uid])


@pytest.mark.parametrize("way", ["get", "move"])
async def test_single_instances_come_by_their_uid(archive, way):
    study, series, uid = archive.places()[1]
    keys = {Level.STUDY: (study,), Level.SERIES: (series,), Level.IMAGE: (uid,)}
    retrieval, sink = Retrieval(Level.IMAGE, keys), MemorySink()
    async with asking(archive, retrieve=way) as answerer:
        expected = await answerer.expect(retrieval)
        missing = await answerer.fetch(Fetch(retrieval, expected), sink)

    assert (missing, list(sink.kept)) == ({}, [uid])


@pytest.mark.parametrize("way", ["get", "move"])
async def test_a_fetch_that_is_cancelled_ends_and_the_next_one_is_served(archive, way):
    retrieval = Retrieval(Level.STUDY, {Level.STUDY: (archive.studies[0],)})
    begun = asyncio.Event()

    async def pace(_):
        begun.set()
        await asyncio.sleep(0.01)

    sink = MemorySink(pace=pace)
    async with asking(archive, retrieve=way, associations_per_retrieval=1) as answerer:
        expected = await answerer.expect(retrieval)
        fetching = asyncio.create_task(answerer.fetch(Fetch(retrieval, expected), sink))
        await begun.wait()
        fetching.cancel()
        async with asyncio.timeout(2):
            with pytest.raises(asyncio.CancelledError):
                await fetching
        again = MemorySink()

        assert answerer.figures().in_use == ()
        assert await answerer.fetch(Fetch(retrieval, expected), again) == {}

    assert again.kept == archive.data_sets(study=archive.studies[0])


async def test_a_move_to_somebody_unknown_there_is_a_failure_of_the_archive(archive):
    retrieval = Retrieval(Level.STUDY, {Level.STUDY: (archive.studies[0],)})
    async with asking(archive, retrieve="move", move_to="STRANGER") as answerer:
        expected = await answerer.expect(retrieval)
        with pytest.raises(AnswererFailed) as failed:
            await answerer.fetch(Fetch(retrieval, expected), MemorySink())

    assert failed.value.ailment.status in (0xA801, 0xC000)


async def test_a_search_that_is_left_early_is_cancelled_and_its_association_serves_the_next(
    archive,
):
    async with asking(archive, associations_max=1) as answerer:
        for _ in range(5):
            matches, _, _ = await all_of(answerer, question(Level.STUDY, limit=1))
            assert len(matches) == 1
        assert len((await all_of(answerer, question(Level.STUDY)))[0]) == 4
        assert answerer.figures().open == 1
