"""A study is brought before anybody has listed it, and what it may lack is never a secret."""

import pytest
from answerer_rig import MemorySink, answering
from dimse_archive import DimseArchive
from query_peer import ABORT, QueryPeer

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.service.ending import Ending
from hilum.dimse.status import Service
from hilum.kernel.errors import Full
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, Lost
from hilum.pipeline.answerers.ports import UNNAMED, Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import CT, MR, instance

pytestmark = pytest.mark.asyncio

HELD = [
    instance(seed=10 * series + n, study=7, series=series, sop_class=(CT, MR)[series % 2])
    for series in range(3)
    for n in (1, 2, 3)
]
STUDY = Retrieval(Level.STUDY, {Level.STUDY: (HELD[0].study_instance_uid,)})
SERIES = Retrieval(Level.SERIES, {**STUDY.keys, Level.SERIES: (HELD[3].series_instance_uid,)})
JPEG = UID("1.2.840.10008.1.2.4.50")


def by_uid(held=HELD):
    return {one.sop_instance_uid: one.data_set for one in held}


def levels(identifiers):
    return [one.text(0x00080052) for one in identifiers]


@pytest.mark.parametrize(("retrieval", "count"), [(STUDY, 9), (SERIES, 3)])
async def test_instances_are_counted_by_one_question_about_series(retrieval, count):
    archive = DimseArchive(HELD, counts=True)
    async with answering(archive) as (answerer, _):
        assert await answerer.count(retrieval) == count

    assert levels(archive.queries) == ["SERIES"]


async def test_what_is_not_there_is_counted_as_nothing():
    async with answering(DimseArchive(HELD, counts=True)) as (answerer, _):
        assert await answerer.count(Retrieval(Level.STUDY, {Level.STUDY: ("1.2.3",)})) == 0


async def test_an_archive_that_does_not_count_is_listed_and_not_asked_for_numbers_again():
    archive = DimseArchive(HELD)
    async with answering(archive) as (answerer, _):
        assert [await answerer.count(STUDY) for _ in range(3)] == [None] * 3

    assert len(archive.queries) == 1


async def test_a_part_of_the_series_is_no_count():
    async with answering(DimseArchive(HELD, counts=True, limit=2)) as (answerer, _):
        assert await answerer.count(STUDY) is None


@pytest.mark.parametrize(("way", "count"), [("get", None), ("move", 9)])
async def test_a_c_get_of_a_modality_whose_classes_are_not_known_takes_a_list(way, count):
    archive = DimseArchive(HELD, counts=True)
    for row in archive.rows[3:6]:
        row.elements[0x00080060] = ("CS", b"ODD ")
    async with answering(archive, retrieve=way) as (answerer, _):
        assert await answerer.count(STUDY) == count


async def test_every_byte_of_a_study_comes_and_no_instance_is_listed():
    archive, sink = DimseArchive(HELD, counts=True), MemorySink()
    async with answering(archive) as (answerer, _):
        await answerer.count(STUDY)
        missing = await answerer.fetch(Fetch(STUDY, None), sink)

    assert (missing, sink.kept) == ({}, by_uid())
    assert levels(archive.queries) == ["SERIES"]
    assert levels(archive.gets) == ["SERIES"] * 3


async def test_what_nobody_has_counted_is_looked_for_when_it_is_fetched():
    archive, sink = DimseArchive(HELD), MemorySink()
    async with answering(archive) as (answerer, _):
        assert await answerer.fetch(Fetch(SERIES, None), sink) == {}

    assert sink.kept == by_uid(HELD[3:6])


async def test_what_comes_twice_is_kept_once():
    archive, sink = DimseArchive([*HELD, *HELD[:2]], counts=True), MemorySink()
    async with answering(archive) as (answerer, _):
        assert await answerer.fetch(Fetch(STUDY, None), sink) == {}

    assert sorted(sink.begun) == sorted(by_uid())
    assert set(archive.stores_answered) == {0}


async def test_what_the_archive_could_not_send_is_told_without_a_name():
    archive, sink = DimseArchive(HELD, not_sent={HELD[4].sop_instance_uid}), MemorySink()
    async with answering(archive) as (answerer, _):
        missing = await answerer.fetch(Fetch(STUDY, None), sink)

    assert list(missing) == [UNNAMED]
    assert missing[UNNAMED].reason.startswith("PACS could not send it")
    assert len(sink.kept) == 8


async def test_an_archive_that_says_it_has_sent_more_than_came_is_not_believed():
    sink = MemorySink()
    async with answering(DimseArchive(HELD, boasts=1)) as (answerer, _):
        missing = await answerer.fetch(Fetch(SERIES, None), sink)

    assert list(missing) == [UNNAMED]
    assert len(sink.kept) == 3


async def test_what_the_sink_refuses_is_missing_by_its_name_and_something_else_may_be():
    refused = HELD[2].sop_instance_uid
    sink = MemorySink(lambda one: Full("x") if one.sop_instance_uid == refused else None)
    async with answering(DimseArchive(HELD)) as (answerer, _):
        missing = await answerer.fetch(Fetch(STUDY, None), sink)

    assert "no room" in missing[refused].reason
    assert len(sink.kept) == 8


async def test_what_came_before_an_abort_is_kept_and_the_rest_has_no_name():
    archive, sink = DimseArchive(HELD), MemorySink()

    def script(asked):
        inner = archive.script(asked)
        if asked.identifier.text(0x00080052) == "SERIES" and archive_is_asked_to_get(asked):
            yield inner.send((yield next(inner)))
            yield ABORT
        else:
            yield from inner

    async with answering(archive, peer=QueryPeer(script), associations_max=1) as (answerer, _):
        missing = await answerer.fetch(Fetch(SERIES, None), sink)

    assert list(missing) == [UNNAMED]
    assert 0 < len(sink.kept) < 3


def archive_is_asked_to_get(asked):
    return asked.command.command_field == 0x0010


async def test_a_failure_of_everything_is_told_as_it_was_answered():
    archive = DimseArchive(HELD, get_ending=Ending(0xA701))
    async with answering(archive, retrieve="get") as (answerer, _):
        with pytest.raises(AnswererFailed) as failed:
            await answerer.fetch(Fetch(STUDY, None), MemorySink())

    assert failed.value.ailment == DimseAnswer(0xA701, Service.GET)


async def test_an_archive_without_c_get_and_no_way_home_does_not_offer_it():
    archive = DimseArchive(HELD)
    peer = QueryPeer(archive.script, refuses=frozenset({"1.2.840.10008.5.1.4.1.2.2.3"}))
    async with answering(archive, peer=peer) as (answerer, _):
        with pytest.raises(AnswererFailed) as failed:
            await answerer.fetch(Fetch(STUDY, None), MemorySink())

    assert failed.value.ailment is Lost.NOT_OFFERED


async def test_what_cannot_be_sent_as_it_is_wished_for_comes_as_it_is():
    archive, sink = DimseArchive(HELD), MemorySink()
    fetch = Fetch(STUDY, None, (JPEG,))
    async with answering(archive) as (answerer, _):
        assert await answerer.fetch(fetch, sink) == {}

    assert sink.kept == by_uid()
    assert len(archive.gets) == 6


async def test_a_wish_that_is_fulfilled_is_asked_for_once():
    archive, sink = DimseArchive(HELD), MemorySink()
    fetch = Fetch(STUDY, None, (EXPLICIT_VR_LITTLE_ENDIAN.uid,))
    async with answering(archive) as (answerer, _):
        assert await answerer.fetch(fetch, sink) == {}

    assert len(archive.gets) == 3


async def test_nothing_at_all_is_something_missing():
    async with answering(DimseArchive(HELD)) as (answerer, _):
        fetch = Fetch(Retrieval(Level.STUDY, {Level.STUDY: ("1.2.3",)}), None)
        assert list(await answerer.fetch(fetch, MemorySink())) == [UNNAMED]
