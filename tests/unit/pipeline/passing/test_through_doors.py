"""Both doors before an archive elsewhere: requests of many, deadlines, senders that go away."""

import asyncio

import pytest
from through_rig import CONTEXTS, ThroughRig

from hilum.destinations.dimse.requestor import Requestor
from hilum.dicomweb.store_result import (
    FailedInstance,
    StoredInstance,
    StoreResult,
    store_result_json,
)
from hilum.kernel.errors import Unreachable
from hilum.testing.datasets import instance
from hilum.testing.http_server import Reply, Silence
from hilum.testing.peer import Silence as PeerSilence

pytestmark = pytest.mark.asyncio
JSON = {"Content-Type": "application/dicom+json"}
IMAGE = instance(seed=1)


def answering(reasons, warnings=()):
    """Answer about all that a request brings: these fail, these have warnings."""
    reasons, warnings = dict(reasons), dict(warnings)

    def on_request(request):
        uids = [part.sop_instance_uid for part in request.parts]
        result = StoreResult(
            {u: StoredInstance(warning=warnings.get(u)) for u in uids if u not in reasons},
            {u: FailedInstance(reason=reasons[u]) for u in uids if u in reasons},
        )
        return Reply(200 if not result.failed else 202, JSON, store_result_json(result))

    return on_request


def silent(_):
    raise Silence


async def until(holds) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def begin_store(rig: ThroughRig) -> tuple[Requestor, asyncio.Task]:
    requestor = await rig.associate()
    return requestor, asyncio.ensure_future(rig.c_store(IMAGE, requestor))


async def test_a_request_of_many_is_answered_instance_by_instance(tmp_path):
    made = [instance(seed=seed) for seed in range(40)]
    failed = {made[3].sop_instance_uid: 0xA700, made[30].sop_instance_uid: 0xC000}

    async with ThroughRig(tmp_path).open() as rig:
        rig.server.on_request = answering(failed, {made[5].sop_instance_uid: 0xB000})
        rig.use_server()

        answered = await rig.stow(*made)

        assert answered.status == 202
        assert answered.failed == failed
        assert set(answered.stored) == {one.sop_instance_uid for one in made} - set(failed)
        assert len(rig.server.requests) < 40  # instances shared requests


async def test_a_request_that_the_archive_takes_with_warnings_is_202(tmp_path):
    async with ThroughRig(tmp_path).open() as rig:
        rig.server.on_request = answering({}, {IMAGE.sop_instance_uid: 0xB006})
        rig.use_server()

        answered = await rig.stow(IMAGE)

        assert answered.status == 202
        item = answered.json["00081199"]["Value"][0]
        assert item["00081196"]["Value"] == [0xB006]


async def test_instances_of_one_request_reach_a_peer_and_are_told_apart(tmp_path):
    made = [instance(seed=seed) for seed in range(20)]
    bad = made[7].sop_instance_uid

    async with ThroughRig(tmp_path).open() as rig:
        rig.peer.on_store = lambda stored: 0xC000 if stored.sop_instance_uid == bad else 0
        rig.use_peer()

        answered = await rig.stow(*made)

        assert (answered.status, answered.failed) == (202, {bad: 0xC000})
        assert len(rig.peer.stored) == 20
        assert len(rig.peer.requests) == 1  # association


async def test_one_association_serves_stores_that_follow_each_other(tmp_path):
    async with ThroughRig(tmp_path).open() as rig:
        rig.use_peer()
        requestor = await rig.associate()

        for seed in range(5):
            assert (await rig.c_store(instance(seed=seed), requestor))[0] == 0

        assert len(rig.peer.requests) == 1
        await requestor.release()


async def test_another_entity_keeps_what_it_is_brought(tmp_path):
    async with ThroughRig(tmp_path).open() as rig:
        rig.use_peer()
        requestor = await rig.associate("HILUM")

        assert (await rig.c_store(IMAGE, requestor))[0] == 0

        assert rig.peer.stored == []
        assert rig.ledger.counts().instances == 1
        await requestor.release()


@pytest.mark.parametrize("door", ["dimse", "web"])
@pytest.mark.parametrize("kind", ["server", "peer"])
async def test_no_sender_waits_beyond_the_deadline(tmp_path, door, kind):
    async with ThroughRig(tmp_path, answer_seconds=30).open(deadline_seconds=0.3) as rig:
        rig.server.on_request = silent
        rig.peer.on_store = _mute
        rig.use_server() if kind == "server" else rig.use_peer()
        began = asyncio.get_running_loop().time()

        if door == "dimse":
            assert (await rig.c_store(IMAGE))[0] == 0xA700
        else:
            answered = await rig.stow(IMAGE)
            assert (answered.status, answered.stored) == (502, [])

        assert asyncio.get_running_loop().time() - began < 1.5
        assert rig.drafts() == 0


def _mute(_):
    raise PeerSilence


@pytest.mark.parametrize("kind", ["server", "peer"])
async def test_a_lost_association_ends_the_delivery_within_a_second(tmp_path, kind):
    async with ThroughRig(tmp_path, answer_seconds=30).open(deadline_seconds=30) as rig:
        rig.server.on_request = silent
        rig.peer.on_store = _mute
        rig.use_server() if kind == "server" else rig.use_peer()
        requestor, storing = await begin_store(rig)
        await until(lambda: rig.server.requests or rig.peer.stored)
        began = asyncio.get_running_loop().time()

        requestor.abort()
        await until(lambda: not (rig.server.open_now or rig.peer.open_now or rig.drafts()))

        assert asyncio.get_running_loop().time() - began < 1.0
        with pytest.raises(Unreachable):
            await storing
        await requestor.release()


async def test_a_release_waits_for_what_is_under_way(tmp_path):
    async with ThroughRig(tmp_path).open() as rig:
        rig.use_peer()

        assert (await rig.c_store(IMAGE))[0] == 0  # releases behind it
        await until(lambda: not rig.desk.associations)


@pytest.mark.parametrize("kind", ["server", "peer"])
async def test_a_client_that_closes_its_request_ends_the_delivery(tmp_path, kind):
    async with ThroughRig(tmp_path, answer_seconds=30).open(deadline_seconds=30) as rig:
        rig.server.on_request = silent
        rig.peer.on_store = _mute
        rig.use_server() if kind == "server" else rig.use_peer()
        storing = asyncio.ensure_future(rig.stow(IMAGE))
        await until(lambda: rig.server.requests or rig.peer.stored)
        began = asyncio.get_running_loop().time()

        storing.cancel()  # as a visit is that its client leaves
        await asyncio.gather(storing, return_exceptions=True)
        await until(lambda: not (rig.server.open_now or rig.peer.open_now or rig.drafts()))

        assert asyncio.get_running_loop().time() - began < 1.0


async def test_associations_to_store_are_turned_away_while_nothing_can_go_through(tmp_path):
    async with ThroughRig(tmp_path).open() as rig:
        rig.use_peer()
        rig.obstacle = "the ledger cannot be written"

        with pytest.raises(Unreachable, match="congestion"):
            await rig.associate()
        answered = await rig.stow(IMAGE)
        assert answered.status == 503
        requestor = await rig.associate("HILUM")  # where instances are kept, they can be
        await requestor.release()


async def test_a_quota_of_what_is_held_bars_only_who_keeps(tmp_path):
    async with ThroughRig(tmp_path).open() as rig:
        rig.use_peer()
        rig.intake.bar("the quota is used up")

        assert (await rig.c_store(IMAGE))[0] == 0
        with pytest.raises(Unreachable, match="congestion"):
            await rig.associate("HILUM")


async def test_contexts_of_the_test_are_those_of_its_instances():
    assert IMAGE.sop_class_uid == CONTEXTS[0].abstract_syntax
