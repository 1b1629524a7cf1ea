"""The cache on a file system: restarts, other processes, damage, and what leaves when."""

import asyncio
import contextlib
import gc
import tracemalloc

import pytest
from cache_rigs import VaultRig, fetched, incoming_of, land, read_all, series

from hilum.kernel.errors import CorruptPayload, Full
from hilum.pipeline.caching.at_hand import AT_HAND_INSTANCE_BYTES_MAX
from hilum.pipeline.caching.events import CacheConsulted, CachedPayloadLost, PayloadsEvicted
from hilum.pipeline.caching.eviction import ROOM_MARGIN_BYTES
from hilum.testing.datasets import instance
from hilum.vault.inventory import payload_files

pytestmark = pytest.mark.asyncio

MINUTE = 60.0
DAY = 86_400.0


@contextlib.asynccontextmanager
async def two(folder, **settings):
    """Two processes of a gateway, as far as the cache can tell."""
    first = VaultRig(folder, **settings)
    second = VaultRig(folder, clock=first.clock, **settings)
    async with first.running(), second.running():
        yield first, second


def unpin_all(rig, holdings):
    for one in holdings:
        rig.cache.unpin(one)


async def stored(rig, count=3, **kinds):
    """Let a study land and be let go of."""
    holdings = await fetched(rig.cache, *series(count, **kinds))
    unpin_all(rig, holdings)
    return holdings


async def held(rig, holdings, answerer="pacs"):
    return set(await rig.cache.held(answerer, holdings))


async def test_another_process_gives_what_one_fetched(tmp_path):
    async with two(tmp_path) as (first, second):
        holdings = await fetched(first.cache, *series(3))

        found = await second.cache.held("pacs", holdings)

        assert list(found.values()) == holdings
        assert read_all(second.open_payload(holdings[0].path)) == instance(seed=0).data_set


async def test_what_comes_later_is_seen_by_a_process_that_has_looked_before(tmp_path):
    async with two(tmp_path) as (first, second):
        instances = series(3)
        await fetched(first.cache, instances[0])
        await held(second, instances)

        await fetched(first.cache, *instances[1:])

        assert len(await held(second, instances)) == 3


async def test_a_restart_finds_what_was_there(tmp_path):
    before = VaultRig(tmp_path)
    async with before.running():
        holdings = await stored(before)

    after = VaultRig(tmp_path)
    async with after.running():
        assert await held(after, holdings) == {one.sop_instance_uid for one in holdings}


async def test_another_start_of_the_machine_finds_nothing(tmp_path):
    """Nothing was synced: what lies there may be anything."""
    before = VaultRig(tmp_path, boot_id="one")
    async with before.running():
        holdings = await stored(before)

    after = VaultRig(tmp_path, boot_id="two")
    async with after.running() as cache:
        assert await held(after, holdings) == set()
        await cache.look()
        assert not after.files()
        assert not list((after.folder / ".going").iterdir())


async def test_where_starts_cannot_be_told_apart_nothing_is_trusted(tmp_path):
    before = VaultRig(tmp_path, boot_id="")
    async with before.running():
        holdings = await stored(before)

    after = VaultRig(tmp_path, boot_id="")
    async with after.running():
        assert await held(after, holdings) == set()


async def test_a_torn_line_of_the_index_costs_its_own_instance_only(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running():
        first, second = await fetched(rig.cache, *series(2))
        (index,) = rig.folder.glob("*/*/index")
        index.write_bytes(index.read_bytes()[:-20])
        (third,) = await fetched(rig.cache, instance(seed=2))

        after = VaultRig(tmp_path)
        async with after.running():
            assert await held(after, [first, second, third]) == {
                first.sop_instance_uid,
                third.sop_instance_uid,
            }


@pytest.mark.parametrize("damage", ["cut", "gone", "longer"])
async def test_a_payload_that_is_not_as_it_was_is_forgotten_and_fetched_again(tmp_path, damage):
    rig = VaultRig(tmp_path)
    async with rig.running():
        holdings = await stored(rig)
        file = rig.vault.root / holdings[1].path
        content = file.read_bytes()
        match damage:
            case "gone":
                file.unlink()
            case "cut":
                file.write_bytes(content[:-1])
            case _:
                file.write_bytes(content + b"\0")

        found = await held(rig, holdings)
        await rig.settle()
        again = await stored(rig)

        assert len(found) == 2
        assert holdings[1].sop_instance_uid not in found
        assert [one.path for one in rig.telemetry.of(CachedPayloadLost)] == [holdings[1].path]
        assert len(await held(rig, again)) == 3
        assert len(rig.telemetry.of(CachedPayloadLost)) == 1


async def test_a_payload_whose_head_is_damaged_is_forgotten_when_it_is_described(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        first, second = await stored(rig, 2)
        file = rig.vault.root / first.path
        file.write_bytes(bytes(file.stat().st_size))

        texts = [text async for text in cache.metadata([first, second], "")]
        await asyncio.sleep(0)
        await rig.settle()

        assert len(texts) == 1
        assert await held(rig, [first, second]) == {second.sop_instance_uid}


async def test_hits_and_misses_are_counted(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running():
        holdings = await stored(rig)
        await held(rig, [*holdings, instance(seed=7)])

        assert rig.telemetry.of(CacheConsulted) == [CacheConsulted("pacs", 3, 1)]


async def test_what_was_used_longest_ago_goes_first(tmp_path):
    size = len(instance(seed=0).data_set)
    rig = VaultRig(tmp_path, bytes_max=11 * size)
    async with rig.running() as cache:
        studies = []
        for study in range(4):
            studies.append(await stored(rig, study=study))
            rig.clock.seconds += MINUTE
        await held(rig, studies[0])
        rig.clock.seconds += MINUTE

        await cache.look()

        there = [len(await held(rig, one)) for one in studies]
        assert there == [3, 0, 3, 3]
        assert cache.looked.payloads == 9
        (gone,) = rig.telemetry.of(PayloadsEvicted)
        assert (gone.answerer, gone.cause, gone.payloads) == ("pacs", "room", 3)
        assert len(rig.files()) == 9


async def test_what_is_pinned_stays_however_full_it_is(tmp_path):
    rig = VaultRig(tmp_path, bytes_max=1)
    async with rig.running() as cache:
        holdings = await fetched(rig.cache, *series(3))
        rig.clock.seconds += MINUTE

        await cache.look()
        kept = await held(rig, holdings)
        unpin_all(rig, holdings)
        await cache.look()
        still = len(rig.files())
        rig.clock.seconds += MINUTE
        await cache.look()

        assert len(kept) == 3
        assert still == 3  # it was let go of a moment ago
        assert not rig.files()


async def test_what_another_process_has_pinned_stays(tmp_path):
    async with two(tmp_path, bytes_max=1) as (first, second):
        holdings = await fetched(first.cache, *series(3))
        for _ in range(10):
            first.clock.seconds += MINUTE / 4
            await first.cache.look()
            await second.cache.look()

        assert len(first.files()) == 3
        assert not second.telemetry.of(PayloadsEvicted)

        unpin_all(first, holdings)
        first.clock.seconds += MINUTE
        await second.cache.look()

        assert not first.files()


async def test_what_was_listed_a_moment_ago_stays_for_who_is_about_to_pin_it(tmp_path):
    async with two(tmp_path, bytes_max=1) as (first, second):
        holdings = await stored(first)
        first.clock.seconds += MINUTE
        await held(first, holdings)

        await second.cache.look()

        assert len(first.files()) == 3


async def test_of_a_study_in_use_that_is_too_large_what_was_let_go_of_goes(tmp_path):
    rig = VaultRig(tmp_path, bytes_max=1)
    async with rig.running() as cache:
        holdings = await fetched(rig.cache, *series(5))
        unpin_all(rig, holdings[:3])
        rig.clock.seconds += MINUTE

        await cache.look()

        assert await held(rig, holdings) == {one.sop_instance_uid for one in holdings[3:]}
        assert len(rig.files()) == 2


async def test_what_is_too_old_is_not_given_and_goes(tmp_path):
    rig = VaultRig(tmp_path, age_max=DAY)
    async with rig.running() as cache:
        holdings = await stored(rig)
        rig.clock.seconds += DAY + 1

        given = await held(rig, holdings)
        rig.clock.seconds += MINUTE
        await cache.look()

        assert given == set()
        assert not rig.files()
        (gone,) = rig.telemetry.of(PayloadsEvicted)
        assert gone.cause == "age"


async def test_the_cache_makes_way_when_the_disk_fills_up(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        holdings = await stored(rig)
        rig.clock.seconds += MINUTE
        rig.room.refresh(ROOM_MARGIN_BYTES // 2, 1 << 41)

        await cache.look()

        assert await held(rig, holdings) == set()


async def test_the_cache_makes_way_before_retention_takes_what_is_held(tmp_path):
    free_min = 100 << 30
    rig = VaultRig(tmp_path, free_bytes_min=free_min)
    async with rig.running() as cache:
        holdings = await stored(rig)
        rig.clock.seconds += MINUTE
        rig.room.refresh(free_min + 2 * ROOM_MARGIN_BYTES, 1 << 41)
        await cache.look()
        there = len(rig.files())
        rig.room.refresh(free_min + ROOM_MARGIN_BYTES - 1, 1 << 41)

        await cache.look()

        assert there == len(holdings)
        assert not rig.files()


async def test_two_processes_evict_at_once_and_take_no_more_than_is_needed(tmp_path):
    size = len(instance(seed=0).data_set)
    async with two(tmp_path, bytes_max=7 * size) as (first, second):
        studies = []
        for study in range(4):
            studies.append(await stored(first, study=study))
            first.clock.seconds += MINUTE

        await asyncio.gather(first.cache.look(), second.cache.look())

        assert [len(await held(second, one)) for one in studies] == [0, 0, 3, 3]
        evicted = [*first.telemetry.of(PayloadsEvicted), *second.telemetry.of(PayloadsEvicted)]
        assert sum(one.payloads for one in evicted) == 6


async def test_leftovers_of_a_crash_go_with_their_study(tmp_path):
    """A process may have died between the file and its line in the index."""
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        await stored(rig)
        (index,) = rig.folder.glob("*/*/index")
        index.unlink()
        rig.clock.seconds += MINUTE

        await cache.look()

        assert not rig.files()


async def test_cached_payloads_are_no_payloads_of_the_archive(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running():
        await stored(rig)

        assert list(payload_files(rig.vault.root)) == []


async def test_names_of_answerers_never_lead_out_of_the_cache(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        for answerer in ("../../etc", ".going", "", "a/b", "x" * 300):
            (holding,) = await fetched(cache, instance(seed=1), answerer=answerer)

            assert len(holding.path.split("/")) == 5
            assert (rig.vault.root / holding.path).resolve().is_relative_to(rig.folder.resolve())
            assert await held(rig, [holding], answerer)


async def test_a_quota_of_what_is_held_does_not_keep_fetched_payloads_out(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running():
        rig.room.bar = "retention.quota_bytes is reached"

        assert len(await stored(rig)) == 3


async def test_a_disk_that_is_full_refuses_and_leaves_nothing(tmp_path, monkeypatch):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(rig.vault._disk, "write", full)
        landing = await cache.handover("pacs").land(incoming_of(instance(seed=1)))
        await landing.take(instance(seed=1).data_set)
        with pytest.raises(Full):
            await landing.keep()
        await landing.drop()

        assert rig.room.obstacle is not None
        assert not rig.files()
        assert not [one for one in (rig.vault.root / "incoming").rglob("*") if one.is_file()]


async def test_a_long_instance_costs_no_memory_of_its_length(tmp_path):
    one = instance(seed=1, pixel_bytes=48 << 20)  # what is short, or begins, may be in memory
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        sink = cache.sink("pacs")
        landing = await sink.land(incoming_of(one))
        gc.collect()
        tracemalloc.start()
        for at in range(0, len(one.data_set), 1 << 17):
            await landing.take(one.data_set[at : at + (1 << 17)])
        await landing.keep()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < AT_HAND_INSTANCE_BYTES_MAX + (1 << 20)


async def test_what_is_refused_at_its_end_was_never_seen(tmp_path):
    rig = VaultRig(tmp_path)
    one = instance(seed=1, pixel_bytes=400_000)
    async with rig.running() as cache:
        sink = cache.sink("pacs")
        landing = await sink.land(incoming_of(one))
        with pytest.raises(CorruptPayload):
            await land(sink, one, data_set=one.data_set[:-2])
        await landing.drop()

        assert not rig.files()


async def test_metadata_is_made_once_for_all_processes(tmp_path, monkeypatch):
    async with two(tmp_path) as (first, second):
        holdings = await fetched(first.cache, *series(3))
        once = [text async for text in first.cache.metadata(holdings, "x")]

        monkeypatch.setattr(second.vault, "open_payload", None)
        again = [text async for text in second.cache.metadata(holdings, "x")]

        assert once == again
        assert len(once) == 3


async def test_metadata_that_was_torn_is_made_again(tmp_path):
    rig = VaultRig(tmp_path)
    async with rig.running() as cache:
        holdings = await fetched(cache, *series(3))
        once = [text async for text in cache.metadata(holdings, "x")]
        (kept,) = rig.folder.glob("*/*/*/metadata")
        kept.write_bytes(kept.read_bytes()[:-30])

        again = [text async for text in cache.metadata(holdings, "x")]

        after = VaultRig(tmp_path)
        async with after.running():
            assert once == again
            assert [one async for one in after.cache.metadata(holdings, "x")] == once


async def test_what_is_let_go_of_while_it_is_looked_for_is_not_given(tmp_path):
    rig = VaultRig(tmp_path, keeps=False)
    async with rig.running() as cache:
        (holding,) = await fetched(cache, instance(seed=1))
        looking = asyncio.ensure_future(cache.held("pacs", [holding]))
        await asyncio.sleep(0)  # a thread looks
        cache.unpin(holding)

        assert await looking == {}


async def test_what_was_not_taken_before_it_was_asked_for_is_let_go_of(tmp_path):
    rig = VaultRig(tmp_path, keeps=False)
    async with rig.running() as cache:
        sink = cache.sink("pacs")
        await land(sink, instance(seed=1))
        await sink.kept().aclose()
        await rig.settle()

        assert not rig.files()
