"""Stores that belong to a C-MOVE of ours, at the door: who gets them, and what is answered."""

import asyncio
import contextlib

import pytest
import pytest_asyncio
from asking_rig import AskingRig
from cache_rigs import StandingClock, VaultRig

from hilum.dimse.service.storage import MoveOriginator, store_request
from hilum.pipeline.answerers.homecoming import StoresComingHome
from hilum.pipeline.answerers.markers import Markers
from hilum.testing.datasets import CT, EXPLICIT_VR_LITTLE_ENDIAN, MR, instance

pytestmark = pytest.mark.asyncio

CONTEXT = (CT, (EXPLICIT_VR_LITTLE_ENDIAN,))


class Site:
    """A door that knows of homecomings, and the cache they land in."""

    def __init__(self, rig, cache_rig, home):
        self.rig, self.cache_rig, self.home = rig, cache_rig, home
        self.sink = cache_rig.cache.sink("pacs")

    def expect(self):
        return self.home.expect(self.sink, answerer="pacs", ae_title="HILUM")

    async def kept(self):
        self.sink.end()
        return [one.sop_instance_uid async for one in self.sink.kept()]

    def received(self):
        return [one.sop_instance_uid for one in self.rig.events("InstanceReceived")]


@pytest_asyncio.fixture
async def site(tmp_path):
    (tmp_path / "door").mkdir()
    clock = StandingClock()
    marks = Markers(tmp_path / "run", clock)
    marks.open()
    cache_rig = VaultRig(tmp_path / "cache", clock=clock)
    async with AskingRig(tmp_path / "door") as rig, cache_rig.running() as cache:
        home = StoresComingHome(marks, cache, cache_rig.vault, is_alone=True)
        rig.desk.homecomings = home
        yield Site(rig, cache_rig, home)


async def send(asker, one, number, *, ae_title="HILUM", data_set=None, message_id=1):
    """Send a store as a sub-operation of C-MOVE `number`; give its status."""
    originator = None if number is None else MoveOriginator(ae_title, number)
    request = store_request(
        message_id,
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        originator=originator,
    )
    context = asker.context(CT).id
    asker.send(context, request, one.data_set if data_set is None else data_set)
    async with asyncio.timeout(5):
        _, command, _ = await asker.message()
    assert command.message_id_being_responded_to == message_id
    return command.status


async def test_a_store_of_our_move_is_answered_by_its_sink_and_not_taken_in(site):
    asker = await site.rig.ask(CONTEXT)
    async with site.expect() as coming:
        statuses = [
            await send(asker, instance(seed=number, pixel_bytes=800_000), coming.message_id)
            for number in range(3)
        ]
    await asker.release()
    async with asyncio.timeout(5):
        await site.rig.desk.emptied.wait()

    assert statuses == [0, 0, 0]
    assert await site.kept() == [instance(seed=number).sop_instance_uid for number in range(3)]
    assert site.received() == []
    (closed,) = site.rig.events("AssociationClosed")
    assert (closed.stored, closed.refused) == (3, 0)


async def test_other_stores_on_the_same_association_are_arrivals(site):
    asker = await site.rig.ask(CONTEXT)
    async with site.expect() as coming:
        assert await send(asker, instance(seed=1), None) == 0
        assert await send(asker, instance(seed=2), coming.message_id, ae_title="WS") == 0
        assert await send(asker, instance(seed=3), coming.message_id) == 0
    await asker.release()

    assert site.received() == [instance(seed=number).sop_instance_uid for number in (1, 2)]
    assert await site.kept() == [instance(seed=3).sop_instance_uid]


async def test_a_move_by_somebody_else_under_our_title_is_an_arrival(site):
    """`hilum move`, and many other tools, count their messages from 1."""
    asker = await site.rig.ask(CONTEXT)
    async with site.expect():
        assert await send(asker, instance(seed=1), 1) == 0

    assert site.received() == [instance(seed=1).sop_instance_uid]


async def test_what_comes_late_is_refused_and_kept_nowhere(site):
    asker = await site.rig.ask(CONTEXT)
    async with site.expect() as coming:
        pass

    status = await send(asker, instance(seed=1), coming.message_id)
    await asker.release()

    assert status == 0x0124
    assert site.received() == []
    assert await site.kept() == []
    assert not site.cache_rig.files()


@pytest.mark.parametrize(
    ("data_set", "status"),
    [
        (instance(seed=1).data_set[:-5], 0xC000),
        (instance(seed=2).data_set, 0xA900),
        (instance(seed=1, sop_class=MR).data_set, 0xA900),
    ],
)
async def test_what_is_wrong_with_a_store_is_answered(site, data_set, status):
    asker = await site.rig.ask(CONTEXT)
    async with site.expect() as coming:
        answered = await send(asker, instance(seed=1), coming.message_id, data_set=data_set)
        again = await send(asker, instance(seed=1), coming.message_id)

    assert (answered, again) == (status, 0)
    assert await site.kept() == [instance(seed=1).sop_instance_uid]


async def test_without_room_a_store_is_answered_so(site):
    asker = await site.rig.ask(CONTEXT)
    site.cache_rig.fill_up()
    async with site.expect() as coming:
        assert await send(asker, instance(seed=1), coming.message_id) == 0xA700


async def test_an_archive_that_goes_away_in_the_middle_leaves_nothing(site):
    one = instance(seed=1, pixel_bytes=2_000_000)
    asker = await site.rig.ask(CONTEXT)
    async with site.expect() as coming:
        request = store_request(
            1,
            sop_class_uid=CT,
            sop_instance_uid=one.sop_instance_uid,
            originator=MoveOriginator("HILUM", coming.message_id),
        )
        context = asker.context(CT).id
        asker.send(context, request)
        fragments = asker.fragments.data(context, one.data_set[:1_000_000], is_last=False)
        asker.writer.writelines(fragments)
        await asker.writer.drain()
        await asker.close()
        async with asyncio.timeout(5):
            await site.rig.desk.emptied.wait()
            await site.rig.desk.operations.ended()

    assert await site.kept() == []
    incoming = site.cache_rig.vault.root / "incoming"
    assert not [path for path in incoming.rglob("*") if path.is_file()]


async def test_a_sink_that_fails_is_answered_and_the_association_goes_on(site):
    class Broken:
        async def land(self, incoming):
            raise RuntimeError(incoming)

    asker = await site.rig.ask(CONTEXT)
    with contextlib.suppress(RuntimeError):
        async with site.home.expect(Broken(), answerer="pacs", ae_title="HILUM") as coming:
            status = await send(asker, instance(seed=1, pixel_bytes=1_600_000), coming.message_id)
    assert status == 0x0110
    assert await send(asker, instance(seed=2), None) == 0
    assert site.rig.events("AnswerFailed")[0].sop_instance_uid == instance(seed=1).sop_instance_uid
