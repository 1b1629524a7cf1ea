"""Fetched instances that are handed on from memory: their files are written behind, or never."""

import pytest
from cache_rigs import VaultRig, fetched, incoming_of, land, read_all, series

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.caching.at_hand import AT_HAND_BYTES_MAX, AT_HAND_INSTANCE_BYTES_MAX
from hilum.pipeline.caching.events import CacheObstructed, PayloadCached
from hilum.testing.datasets import instance
from hilum.vault.held import HeldReader
from hilum.vault.payload import OpenPayload

pytestmark = pytest.mark.asyncio


async def landed(rig, *instances, is_passing=False):
    """Let instances land, and look before anything was done behind the scene."""
    sink = rig.cache.sink("pacs")
    sink.is_passing = is_passing
    for one in instances:
        await land(sink, one)
    sink.end()
    return [holding async for holding in sink.kept()]


def left(rig):
    return rig.cache._at_hand.budget.left


async def test_what_is_let_go_of_before_it_is_kept_is_never_written(tmp_path, monkeypatch):
    rig = VaultRig(tmp_path, keeps=False)
    async with rig.running() as cache:
        monkeypatch.setattr(rig.vault._disk, "create", pytest.fail)
        (holding,) = await landed(rig, instance(seed=1))
        await cache.settle()
        assert not rig.files()

        assert read_all(rig.open_payload(holding.path)) == instance(seed=1).data_set
        cache.unpin(holding)

        assert left(rig) == AT_HAND_BYTES_MAX
        with pytest.raises(FileNotFoundError):
            rig.open_payload(holding.path)
        assert await cache.held("pacs", [holding]) == {}


async def test_what_passes_is_never_written_although_others_are_kept(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        (passing,) = await landed(rig, instance(seed=1), is_passing=True)
        (kept,) = await landed(rig, instance(seed=2))
        await cache.settle()
        cache.unpin(passing)
        cache.unpin(kept)

        assert len(rig.files()) == 1
        assert left(rig) == AT_HAND_BYTES_MAX
        assert [one.sop_instance_uid for one in rig.telemetry.of(PayloadCached)] == [
            kept.sop_instance_uid
        ]


async def test_nothing_is_begun_in_the_vault_for_what_passes(tmp_path, monkeypatch):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        monkeypatch.setattr(rig.vault, "begin", pytest.fail)
        first, second = await landed(rig, instance(seed=1), instance(seed=1), is_passing=True)

        assert first.path != second.path
        cache.unpin(first)
        assert read_all(rig.open_payload(second.path)) == instance(seed=1).data_set
        cache.unpin(second)
        assert left(rig) == AT_HAND_BYTES_MAX
        with pytest.raises(FileNotFoundError):
            rig.open_payload(second.path)


async def test_what_passes_and_is_not_whole_leaves_nothing_behind(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        sink = cache.sink("pacs")
        sink.is_passing = True
        landing = await sink.land(incoming_of(instance(seed=1)))
        await landing.take(instance(seed=1).data_set[:-10])
        with pytest.raises(CorruptPayload):
            await landing.keep()
        await landing.drop()

        assert left(rig) == AT_HAND_BYTES_MAX
        assert not rig.files()


async def test_what_passes_and_is_long_goes_through_its_file_and_is_kept(tmp_path):
    rig = VaultRig(tmp_path)
    long = instance(seed=1, pixel_bytes=AT_HAND_INSTANCE_BYTES_MAX)
    async with rig.running() as cache:
        (holding,) = await landed(rig, long, is_passing=True)
        cache.unpin(holding)
        await rig.settle()

        assert set(await cache.held("pacs", [holding])) == {holding.sop_instance_uid}
        assert len(rig.telemetry.of(PayloadCached)) == 1


async def test_who_has_it_open_reads_on_after_it_was_let_go_of(tmp_path):
    rig = VaultRig(tmp_path, keeps=False)
    async with rig.running() as cache:
        (holding,) = await landed(rig, instance(seed=1))
        payload = rig.open_payload(holding.path)
        cache.unpin(holding)

        assert read_all(payload) == instance(seed=1).data_set


async def test_what_is_kept_is_in_its_file_after_its_last_pin(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        (holding,) = await landed(rig, instance(seed=1))
        assert isinstance(rig.open_payload(holding.path), HeldReader)
        await cache.settle()
        cache.unpin(holding)

        payload = rig.open_payload(holding.path)
        assert isinstance(payload, OpenPayload)
        assert read_all(payload) == instance(seed=1).data_set
        assert left(rig) == AT_HAND_BYTES_MAX


async def test_memory_is_given_back_when_it_is_let_go_of_before_its_file_is_written(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        (holding,) = await landed(rig, instance(seed=1))
        cache.unpin(holding)
        await cache.settle()

        assert left(rig) == AT_HAND_BYTES_MAX
        assert len(rig.files()) == 1


async def test_it_is_found_before_its_file_is_written(tmp_path, monkeypatch):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        monkeypatch.setattr(cache._at_hand, "write", lambda _: None)
        (holding,) = await landed(rig, instance(seed=1))

        assert await cache.held("pacs", [holding]) == {holding.sop_instance_uid: holding}
        assert await cache.has_any("pacs", holding.study_instance_uid)
        assert await cache.held("another", [holding]) == {}
        assert not await cache.has_any("another", holding.study_instance_uid)


async def test_what_is_too_old_is_not_given_from_memory_either(tmp_path):
    rig = VaultRig(tmp_path, age_max=60)
    async with rig.running() as cache:
        (holding,) = await landed(rig, instance(seed=1))
        rig.clock.seconds += 61

        assert await cache.held("pacs", [holding]) == {}


async def test_what_is_long_goes_through_its_file(tmp_path):
    rig = VaultRig(tmp_path, keeps=False)
    long = instance(seed=1, pixel_bytes=AT_HAND_INSTANCE_BYTES_MAX)
    async with rig.running() as cache:
        (holding,) = await landed(rig, long)

        assert len(rig.files()) == 1
        assert left(rig) == AT_HAND_BYTES_MAX
        assert read_all(rig.open_payload(holding.path)) == long.data_set
        cache.unpin(holding)
        await rig.settle()
        assert not rig.files()


async def test_what_finds_no_room_in_memory_goes_through_its_file(tmp_path):
    rig = VaultRig(tmp_path, keeps=False)
    async with rig.running() as cache:
        cache._at_hand.budget.left = room = 350_000
        one, other = series(2, pixel_bytes=300_000)
        holdings = await landed(rig, one, other)

        assert len(rig.files()) == 1
        assert [read_all(rig.open_payload(each.path)) for each in holdings] == [
            one.data_set,
            other.data_set,
        ]
        for each in holdings:
            cache.unpin(each)
        await rig.settle()
        assert not rig.files()
        assert left(rig) == room


@pytest.mark.parametrize("pixel_bytes", [1000, 400_000])
async def test_what_is_refused_or_dropped_leaves_no_memory_behind(tmp_path, pixel_bytes):
    rig = VaultRig(tmp_path, keeps=False)
    one = instance(seed=1, pixel_bytes=pixel_bytes)
    async with rig.running() as cache:
        landing = await cache.sink("pacs").land(incoming_of(one))
        await landing.take(one.data_set[:-2])
        with pytest.raises(CorruptPayload):
            await landing.keep()
        await landing.drop()

        assert left(rig) == AT_HAND_BYTES_MAX
        assert not len(cache._at_hand)


async def test_a_file_that_cannot_be_written_behind_is_told_and_not_given_later(
    tmp_path, monkeypatch
):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(rig.vault._disk, "write", full)
        (holding,) = await landed(rig, instance(seed=1))
        await cache.settle()

        assert read_all(rig.open_payload(holding.path)) == instance(seed=1).data_set
        cache.unpin(holding)
        assert await cache.held("pacs", [holding]) == {}
        assert rig.telemetry.of(CacheObstructed)
        assert rig.room.obstacle is not None
        assert left(rig) == AT_HAND_BYTES_MAX
        assert not [one for one in (rig.vault.root / "incoming").rglob("*") if one.is_file()]


async def test_what_is_forgotten_is_given_to_nobody(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        (holding,) = await landed(rig, instance(seed=1))
        cache.forget(holding)
        await rig.settle()

        assert await cache.held("pacs", [holding]) == {}
        assert not rig.files()
        assert left(rig) == AT_HAND_BYTES_MAX


async def test_other_processes_are_given_files(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        sink = cache.handover("pacs")
        await land(sink, instance(seed=1))

        assert len(rig.files()) == 1


async def test_metadata_waits_for_the_file_beside_which_it_is_kept(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        holdings = await landed(rig, *series(2))

        assert len([one async for one in cache.metadata(holdings, "/rs")]) == 2
        assert list(rig.folder.glob("*/*/*/metadata*"))
        assert await fetched(cache) == []
