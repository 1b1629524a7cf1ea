"""A C-MOVE to ourselves at archives of others: its stores land in the cache, none is an arrival."""

import asyncio
import contextlib

import peer_archives
import pytest
from answerer_rig import OPTIONS
from asking_rig import AskingRig
from cache_rigs import StandingClock, VaultRig, read_all

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.answering.answerer import DimseAnswerer
from hilum.destinations.dimse.answering.settings import DimseArchiveSettings
from hilum.kernel.names import AETitle
from hilum.pipeline.answerers.homecoming import StoresComingHome
from hilum.pipeline.answerers.markers import Markers
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module", params=["dcmqrscp", "orthanc"])
def archive(request, tmp_path_factory, peer_environment):
    files, studies = peer_archives.make_files(tmp_path_factory.mktemp("files"), compressed=False)
    folder = tmp_path_factory.mktemp("archive")
    more = {} if request.param == "dcmqrscp" else {"has_web": False}
    start = getattr(peer_archives, request.param)
    with start(folder, peer_environment, files, studies, **more) as running:
        yield running


def home_of(folder, rig, clock, *, is_alone):
    marks = Markers(folder / "run", clock)
    marks.open()
    return StoresComingHome(marks, rig.cache, rig.vault, is_alone=is_alone)


@pytest.mark.parametrize("where", ["the same process", "another process"])
async def test_a_study_comes_home(archive, tmp_path, where):
    is_alone = where == "the same process"
    (tmp_path / "door").mkdir()
    clock = StandingClock()
    async with contextlib.AsyncExitStack() as stack:
        asks = VaultRig(tmp_path, clock=clock)
        hears = asks if is_alone else VaultRig(tmp_path, clock=clock)
        for rig in {id(one): one for one in (asks, hears)}.values():
            await stack.enter_async_context(rig.running())
        door = await stack.enter_async_context(
            AskingRig(tmp_path / "door", port=archive.known_ports["HILUM"])
        )
        door.desk.homecomings = home_of(tmp_path, hears, clock, is_alone=is_alone)
        home = door.desk.homecomings if is_alone else home_of(tmp_path, asks, clock, is_alone=False)
        address = Address("127.0.0.1", archive.port, AETitle(peer_archives.TITLE), AETitle("HILUM"))
        settings = DimseArchiveSettings(retrieve="move")
        answerer = DimseAnswerer("pacs", address, OPTIONS, settings, home)
        stack.push_async_callback(answerer.aclose)
        for study in archive.studies:
            retrieval = Retrieval(Level.STUDY, {Level.STUDY: (study,)})
            sink = asks.cache.sink("pacs")

            async with asyncio.timeout(30):
                expected = await answerer.expect(retrieval)
                missing = await answerer.fetch(Fetch(retrieval, expected), sink)
            sink.end()
            holdings = [one async for one in sink.kept()]

            given = archive.data_sets(study=study)
            assert missing == {}
            assert {one.sop_instance_uid for one in holdings} == given.keys()
            for one in holdings:
                data_set = read_all(asks.open_payload(one.path))
                assert data_set[-1000:] == given[one.sop_instance_uid][-1000:]
                assert one.size == len(data_set)
            assert (await asks.cache.held("pacs", expected)).keys() == given.keys()
        assert door.events("InstanceReceived") == []
