"""What a cache of fetched payloads promises (`pipeline.answerers.ports.Cache`), asked of each.

A new one joins with a rig: see `cache_rigs`.
"""

import asyncio
import json
from contextlib import aclosing

import pytest
from cache_rigs import RIGS, fetched, incoming_of, land, read_all, series

from hilum.kernel.errors import CorruptPayload, Full, NotAllowed
from hilum.pipeline.answerers.ports import Expected
from hilum.testing.datasets import MR, instance

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize("kind", RIGS, ids=lambda kind: kind.name),
]


async def test_what_landed_is_given_as_it_came_and_held_afterwards(kind, tmp_path):
    rig = kind(tmp_path)
    instances = series(5)
    async with rig.running() as cache:
        given = await fetched(cache, *instances)

        held = await cache.held("pacs", given)

        assert [one.sop_instance_uid for one in given] == [
            one.sop_instance_uid for one in instances
        ]
        assert {uid: one.path for uid, one in held.items()} == {
            one.sop_instance_uid: one.path for one in given
        }
        for one, holding in zip(instances, given, strict=True):
            assert read_all(rig.open_payload(holding.path)) == one.data_set
            assert holding.size == len(one.data_set)
            assert holding.sop_class_uid == one.sop_class_uid
            assert holding.transfer_syntax_uid == one.transfer_syntax_uid
            assert holding.study_instance_uid == one.study_instance_uid
            assert holding.series_instance_uid == one.series_instance_uid
            assert len(holding.digest) == 16


async def test_an_instance_is_given_before_the_next_one_is_here(kind, tmp_path):
    async with kind(tmp_path).running() as cache:
        sink = cache.sink("pacs")
        async with aclosing(sink.kept()) as kept:
            for one in series(3):
                await land(sink, one)

                holding = await asyncio.wait_for(anext(kept), 5)

                assert holding.sop_instance_uid == one.sop_instance_uid


async def test_only_what_was_wanted_is_given(kind, tmp_path):
    async with kind(tmp_path).running() as cache:
        first, second, third = await fetched(cache, *series(3))
        elsewhere = Expected("", third.sop_instance_uid, "", "1.2.3")
        unknown = Expected("", "1.2.3.4", "", first.study_instance_uid)

        held = await cache.held("pacs", [first, second, elsewhere, unknown])

        assert set(held) == {first.sop_instance_uid, second.sop_instance_uid}


async def test_answerers_do_not_see_what_others_brought(kind, tmp_path):
    async with kind(tmp_path).running() as cache:
        given = await fetched(cache, *series(2))

        assert await cache.held("other", given) == {}


async def test_a_data_set_that_is_cut_is_refused_and_leaves_nothing(kind, tmp_path):
    one = instance(seed=1)
    async with kind(tmp_path).running() as cache:
        sink = cache.sink("pacs")

        with pytest.raises(CorruptPayload):
            await land(sink, one, data_set=one.data_set[:-100])

        sink.end()
        assert [holding async for holding in sink.kept()] == []
        assert await cache.held("pacs", [one]) == {}


@pytest.mark.parametrize("other", [instance(seed=2), instance(seed=1, sop_class=MR)])
async def test_another_instance_than_was_announced_is_refused(kind, tmp_path, other):
    async with kind(tmp_path).running() as cache:
        sink = cache.sink("pacs")

        with pytest.raises(NotAllowed):
            await land(sink, instance(seed=1), data_set=other.data_set)


async def test_what_is_dropped_is_not_kept(kind, tmp_path):
    one = instance(seed=1)
    async with kind(tmp_path).running() as cache:
        sink = cache.sink("pacs")
        landing = await sink.land(incoming_of(one))
        await landing.take(one.data_set)

        await landing.drop()

        assert await cache.held("pacs", [one]) == {}


async def test_without_room_nothing_lands(kind, tmp_path):
    rig = kind(tmp_path)
    async with rig.running() as cache:
        rig.fill_up()

        with pytest.raises(Full):
            await land(cache.sink("pacs"), instance(seed=1))


async def test_landing_again_gives_the_instance_again(kind, tmp_path):
    rig = kind(tmp_path)
    one = instance(seed=1)
    async with rig.running() as cache:
        await fetched(cache, one)

        (again,) = await fetched(cache, one)

        assert read_all(rig.open_payload(again.path)) == one.data_set


async def test_what_is_not_to_be_kept_goes_with_its_last_pin(kind, tmp_path):
    rig = kind(tmp_path, keeps=False)
    async with rig.running() as cache:
        (holding,) = await fetched(cache, instance(seed=1))
        cache.pin(holding)

        cache.unpin(holding)
        await rig.settle()
        rig.open_payload(holding.path).close()
        cache.unpin(holding)
        await rig.settle()

        assert await cache.held("pacs", [holding]) == {}
        with pytest.raises(FileNotFoundError):
            rig.open_payload(holding.path)


async def test_what_only_passes_is_found_by_nobody_and_goes_with_its_last_pin(kind, tmp_path):
    rig = kind(tmp_path)
    async with rig.running() as cache:
        sink = cache.sink("pacs")
        sink.is_passing = True
        await land(sink, one := instance(seed=1))
        sink.is_passing = False
        await land(sink, other := instance(seed=2))
        sink.end()
        passing, kept = [holding async for holding in sink.kept()]

        assert read_all(rig.open_payload(passing.path)) == one.data_set
        assert set(await cache.held("pacs", [one, other])) == {other.sop_instance_uid}
        for holding in (passing, kept):
            cache.unpin(holding)
        await rig.settle()

        assert set(await cache.held("pacs", [one, other])) == {other.sop_instance_uid}
        with pytest.raises(FileNotFoundError):
            rig.open_payload(passing.path)


async def test_nothing_of_a_study_is_here_while_all_of_it_passes(kind, tmp_path):
    async with kind(tmp_path).running() as cache:
        sink = cache.sink("pacs")
        sink.is_passing = True
        await land(sink, one := instance(seed=1))

        assert not await cache.has_any("pacs", one.study_instance_uid)


async def test_what_is_kept_stays_without_a_pin(kind, tmp_path):
    rig = kind(tmp_path)
    async with rig.running() as cache:
        (holding,) = await fetched(cache, instance(seed=1))

        cache.unpin(holding)
        await rig.settle()

        assert set(await cache.held("pacs", [holding])) == {holding.sop_instance_uid}


async def test_who_closes_early_lets_go_of_what_was_not_given(kind, tmp_path):
    rig = kind(tmp_path, keeps=False)
    async with rig.running() as cache:
        sink = cache.sink("pacs")
        instances = series(3)
        async with aclosing(sink.kept()) as kept:
            for one in instances:
                await land(sink, one)
            first = await anext(kept)

        await rig.settle()

        assert set(await cache.held("pacs", instances)) == {first.sop_instance_uid}


async def test_metadata_is_made_of_each_with_addresses_of_bulk_data(kind, tmp_path):
    async with kind(tmp_path).running() as cache:
        holdings = await fetched(cache, *series(3))

        once = [one async for one in cache.metadata(holdings, "http://gw/rs")]
        again = [one async for one in cache.metadata(holdings[::-1], "http://other/rs")]

        for holding, text in zip(holdings, once, strict=True):
            described = json.loads(text)
            assert described["00080018"]["Value"] == [holding.sop_instance_uid]
            assert described["7FE00010"]["BulkDataURI"] == (
                f"http://gw/rs/studies/{holding.study_instance_uid}/series/"
                f"{holding.series_instance_uid}/instances/{holding.sop_instance_uid}"
                "/bulkdata/7FE00010"
            )
        assert again[::-1] == [one.replace(b"http://gw/", b"http://other/") for one in once]


async def test_what_is_forgotten_is_given_to_nobody(kind, tmp_path):
    rig = kind(tmp_path)
    async with rig.running() as cache:
        first, second = await fetched(cache, *series(2))

        cache.forget(first)
        await rig.settle()

        assert set(await cache.held("pacs", [first, second])) == {second.sop_instance_uid}
        assert len([one async for one in cache.metadata([first, second], "")]) == 1
