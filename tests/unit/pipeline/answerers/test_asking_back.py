"""Who is asked on behalf of gateways that ask us: nobody who has asked already."""

from dataclasses import replace

import pytest
from bridging import ASKER, STUDIES, bridge, drained, retrieval_of, study, uids, virtually
from test_ourselves import Vault

from hilum.pipeline.answerers.ourselves import Ourselves
from hilum.pipeline.archive.ports import Purpose
from hilum.query.via import VIA_MAX
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

OURS, THEIRS = study(1, 2), study(2, 3, first=10)


def by_way_of(*via):
    return replace(ASKER, via=via)


def archives():
    """Our own archive, and a gateway that is called "away" by others."""
    away = MemoryAnswerer("away", THEIRS)
    away.pseudonym = "away"
    return Ourselves(Vault(OURS)), away


async def searched(at, asker):
    found = [one async for batch in at.archive.find(STUDIES, asker) for one in batch.matches]
    return {one.identity[-1] for one in found}


async def got(at, instances, asker, purpose=Purpose.GET):
    supply = await at.archive.supply(retrieval_of(instances), asker, purpose)
    return await drained(supply)


@pytest.mark.parametrize(
    ("via", "studies"),
    [
        (("us",), {1, 2}),
        (("away", "us"), {1}),  # it has what it has itself
        (("away", "third", "us"), {1}),
        (("third", "us"), {1, 2}),
        (("us", "third", "us"), set()),  # we have asked everybody, and have given ours
        ((*tuple("abcdefgh"[: VIA_MAX - 1]), "us"), {1, 2}),
        ((*tuple("abcdefgh"[:VIA_MAX]), "us"), {1}),
    ],
)
def test_a_question_is_asked_of_nobody_twice(via, studies):
    ours, away = archives()
    expected = {held[0].study_instance_uid for n, held in ((1, OURS), (2, THEIRS)) if n in studies}

    async def run(clock):
        at = bridge(clock, away, ours=ours)
        found = await searched(at, by_way_of(*via))
        came = await got(at, THEIRS, by_way_of(*via))
        return found, came

    found, came = virtually(run)

    assert found == expected
    assert came == (uids(THEIRS) if 2 in studies else [], [])
    asked = [*away.asked.finds, *away.asked.expects, *away.asked.fetches]
    assert bool(asked) is (2 in studies)


def test_who_is_asked_hears_who_has_asked():
    _, away = archives()

    async def run(clock):
        at = bridge(clock, away)
        await searched(at, by_way_of("third", "us"))
        await got(at, THEIRS, by_way_of("third", "us"))

    virtually(run)

    told = [*away.asked.finds, *away.asked.expects, *[one.retrieval for one in away.asked.fetches]]
    assert {one.via for one in told} == {("third", "us")}


def test_what_a_gateway_was_told_to_be_there_is_no_list_for_others():
    """Its list has nothing of what the gateway has itself."""
    _, away = archives()

    async def run(clock):
        at = bridge(clock, away)
        await got(at, THEIRS, by_way_of("third", "us"), Purpose.METADATA)
        await got(at, THEIRS, by_way_of("us"), Purpose.METADATA)

    virtually(run)

    assert [one.via for one in away.asked.expects] == [("third", "us"), ("us",)]


def test_an_entity_of_one_archive_asks_it_whoever_asks():
    """Unless a gateway asks, who knows of others: who asks there means just that archive."""
    _, away = archives()
    away.has_asked = lambda _: True

    async def run(clock):
        at = bridge(clock, away)
        return await searched(at, by_way_of("us")), await searched(at, by_way_of("third", "us"))

    assert virtually(run) == ({THEIRS[0].study_instance_uid}, set())


def test_a_study_of_one_archive_is_still_fetched_whole():
    """Who asks back is left out, and one holder is left."""
    _, away = archives()
    other = MemoryAnswerer("other", THEIRS, Behaviour(counts=True))

    async def run(clock):
        at = bridge(clock, away, other)
        return await got(at, THEIRS, by_way_of("away", "us"))

    assert virtually(run) == (uids(THEIRS), [])
    assert [one.wanted for one in other.asked.fetches] == [None]
    assert other.asked.expects == []
