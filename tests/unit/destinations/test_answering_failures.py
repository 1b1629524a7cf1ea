import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from answerer_rig import OPTIONS, MemorySink, all_of, answering, question
from dimse_archive import DimseArchive
from query_peer import ABORT, FIND, GET, HANG_UP, MOVE, WAIT, QueryPeer, Say, match

from hilum.destinations.dimse.answering.ailing import ailment_of
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.service.ending import COMPLETE, Ending
from hilum.dimse.service.query import find_ended, find_match
from hilum.dimse.service.retrieve import retrieve_ended
from hilum.dimse.service.suboperations import SubOperations
from hilum.dimse.status import Service
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import AcseReason, PresentationReason, RejectResult, UserReason
from hilum.kernel.errors import Full, LocalProtocolError, Rejected, RemoteProtocolError, Unreachable
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, Lost
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance

pytestmark = pytest.mark.asyncio

HELD = [instance(seed=n, study=4) for n in (1, 2)]
STUDY = HELD[0].study_instance_uid
FETCH = Fetch(Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)}), HELD)
QUICK = replace(OPTIONS, response_timeout_seconds=0.1, association_timeout_seconds=0.1)


class Home:
    """Homecomings to which nothing comes."""

    def __init__(self):
        self.number = 0

    def expect(self, _, *, answerer, ae_title):
        assert (answerer, ae_title) == ("pacs", "US")
        home = self

        class Coming:
            async def __aenter__(self):
                home.number += 1
                return SimpleNamespace(message_id=1000 + home.number)

            async def __aexit__(self, *_):
                pass

        return Coming()


async def ailment(doing):
    with pytest.raises(AnswererFailed) as failed:
        await doing
    assert failed.value.answerer == "pacs"
    return failed.value.ailment


def searching(answerer):
    return all_of(answerer, question(Level.STUDY))


REJECTS = [
    (RejectResult.PERMANENT, UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED, Lost.REJECTED),
    (RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED, Lost.REJECTED),
    (RejectResult.PERMANENT, UserReason.NO_REASON_GIVEN, Lost.REJECTED),
    (RejectResult.PERMANENT, UserReason.APPLICATION_CONTEXT_NOT_SUPPORTED, Lost.REJECTED),
    (RejectResult.PERMANENT, AcseReason.NO_REASON_GIVEN, Lost.REJECTED),
    (RejectResult.PERMANENT, AcseReason.PROTOCOL_VERSION_NOT_SUPPORTED, Lost.REJECTED),
    (RejectResult.PERMANENT, PresentationReason.LOCAL_LIMIT_EXCEEDED, Lost.BUSY),
    (RejectResult.TRANSIENT, PresentationReason.TEMPORARY_CONGESTION, Lost.BUSY),
    (RejectResult.TRANSIENT, UserReason.NO_REASON_GIVEN, Lost.BUSY),
]


@pytest.mark.parametrize(("result", "reason", "expected"), REJECTS)
async def test_a_rejected_association_is_told_as_what_it_is(result, reason, expected):
    peer = QueryPeer(greets=lambda _: AssociateReject(result, reason))
    async with answering(DimseArchive(), peer=peer) as (answerer, _):
        assert await ailment(searching(answerer)) is expected
        assert await ailment(answerer.fetch(FETCH, MemorySink())) is expected
        assert await ailment(answerer.verify()) is expected
        assert answerer.figures().open == 0


@pytest.mark.parametrize(
    ("greeting", "expected"), [(ABORT, Lost.ABORTED), (HANG_UP, Lost.ABORTED), (WAIT, Lost.LATE)]
)
async def test_an_association_that_is_not_answered_is_no_answer(greeting, expected):
    peer = QueryPeer(greets=lambda _: greeting)
    async with answering(DimseArchive(), peer=peer, options=QUICK) as (answerer, _):
        assert await ailment(searching(answerer)) is expected
        assert answerer.figures().open == 0


async def test_nobody_who_listens_is_unreachable():
    async with answering(DimseArchive()) as (answerer, peer):
        closed = answerer
    answerer = type(closed)(
        "pacs", replace(closed._address, port=peer.port), OPTIONS, closed._settings
    )

    assert await ailment(searching(answerer)) is Lost.UNREACHABLE


@pytest.mark.parametrize(
    "status",
    [0x0110, 0x0117, 0x0122, 0x0124, 0x0211, 0xA700, 0xA710, 0xA900, 0xC000, 0xC123, 0xFE00],
)
async def test_each_failure_of_a_search_is_told_with_its_status(status):
    archive = DimseArchive(HELD, find_ending=Ending(status))
    async with answering(archive) as (answerer, peer):
        assert await ailment(searching(answerer)) == DimseAnswer(status, Service.FIND)
        assert await ailment(answerer.expect(FETCH.retrieval)) == DimseAnswer(status, Service.FIND)
        assert len(peer.requests) == 1


STATUSES = [0x0110, 0x0122, 0x0124, 0xA701, 0xA702, 0xA801, 0xA900, 0xAA02, 0xC000, 0xC001]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("way", ["get", "move"])
async def test_each_failure_of_a_retrieval_is_told_with_its_status(status, way):
    def script(asked):
        yield Say(retrieve_ended(asked.command, Ending(status), SubOperations(0)))

    async with answering(
        DimseArchive(), peer=QueryPeer(script), retrieve=way, homecomings=Home()
    ) as (answerer, _):
        told = await ailment(answerer.fetch(FETCH, MemorySink()))

    assert told == DimseAnswer(status, Service.GET if way == "get" else Service.MOVE)


async def test_a_move_has_the_message_id_of_its_homecoming_and_our_title_as_destination():
    archive = DimseArchive()
    async with answering(archive, retrieve="move", homecomings=Home()) as (answerer, peer):
        await ailment(answerer.fetch(FETCH, MemorySink()))

    assert [(a.command.message_id, a.command.move_destination) for a in peer.asked] == [
        (1001, "US"),
        (1002, "US"),
    ]


async def test_an_archive_that_offers_no_c_get_is_asked_to_move():
    archive = DimseArchive()
    peer = QueryPeer(archive.script, refuses=frozenset(GET))
    async with answering(archive, peer=peer, homecomings=Home()) as (answerer, _):
        told = await ailment(answerer.fetch(FETCH, MemorySink()))
        again = await ailment(answerer.fetch(FETCH, MemorySink()))

    assert told == again == DimseAnswer(0xA801, Service.MOVE)
    assert len(peer.requests) == 2  # it was not asked for C-GET again


async def test_a_failure_of_c_get_is_told_even_if_nobody_moves_either():
    archive = DimseArchive(HELD, get_ending=Ending(0xA701))
    async with answering(archive, homecomings=Home()) as (answerer, peer):
        told = await ailment(answerer.fetch(FETCH, MemorySink()))

    assert told == DimseAnswer(0xA701, Service.GET)
    assert peer.asked[-1].command.affected_sop_class_uid in MOVE


@pytest.mark.parametrize(
    ("end", "expected"), [(ABORT, Lost.ABORTED), (HANG_UP, Lost.ABORTED), (WAIT, Lost.LATE)]
)
@pytest.mark.parametrize("way", ["find", "get", "move"])
async def test_an_end_in_the_middle_is_told(way, end, expected):
    def script(asked):
        if asked.command.affected_sop_class_uid in FIND:
            named = DataSetBuilder("").texts(tags.STUDY_INSTANCE_UID, "1.2.3").data_set
            yield match(asked, named)
        yield end

    peer = QueryPeer(script)
    settings = {} if way == "find" else {"retrieve": way}
    # Only who is late is waited for: on a busy machine others take a tenth of a second, too.
    options = QUICK if end is WAIT else OPTIONS
    async with answering(
        DimseArchive(), peer=peer, options=options, homecomings=Home(), **settings
    ) as (answerer, _):
        doing = searching(answerer) if way == "find" else answerer.fetch(FETCH, MemorySink())
        assert await ailment(doing) is expected
        assert answerer.figures().in_use == ()


async def test_a_match_that_is_no_data_set_is_broken():
    def script(asked):
        yield Say(find_match(asked.command), b"\x08\x00\x05\x00CS\xff\xffnonsense")
        yield WAIT

    async with answering(DimseArchive(), peer=QueryPeer(script)) as (answerer, _):
        assert await ailment(searching(answerer)) is Lost.BROKEN


async def test_matches_without_their_unique_key_are_left_out_and_told():
    def script(asked):
        for uid in ("", "1.2.3"):
            yield match(asked, DataSetBuilder("").texts(tags.STUDY_INSTANCE_UID, uid).data_set)
        yield Say(find_ended(asked.command, COMPLETE))

    async with answering(DimseArchive(), peer=QueryPeer(script)) as (answerer, _):
        matches, _, warnings = await searching(answerer)

    assert [one.attributes.text(tags.STUDY_INSTANCE_UID) for one in matches] == ["1.2.3"]
    assert len(warnings) == 1


async def test_an_archive_without_c_find_offers_none():
    peer = QueryPeer(refuses=frozenset(FIND))
    async with answering(DimseArchive(), peer=peer) as (answerer, _):
        assert await ailment(searching(answerer)) is Lost.NOT_OFFERED
        assert await ailment(answerer.verify()) is Lost.NOT_OFFERED


async def test_an_archive_without_c_get_and_c_move_offers_none():
    peer = QueryPeer(refuses=frozenset(GET | MOVE))
    async with answering(DimseArchive(), peer=peer, homecomings=Home()) as (answerer, _):
        assert await ailment(answerer.fetch(FETCH, MemorySink())) is Lost.NOT_OFFERED


@pytest.mark.parametrize("refused", [frozenset(), frozenset({VERIFICATION})])
async def test_whether_it_answers_is_found_out_without_a_question(refused):
    peer = QueryPeer(refuses=refused)
    async with answering(DimseArchive(), peer=peer) as (answerer, _):
        await answerer.verify()

    assert peer.echoes == (not refused)


async def test_whoever_waits_too_long_for_an_association_is_told_that_it_is_busy():
    asked = asyncio.Event()

    def script(_):
        asked.set()
        yield WAIT

    async with answering(
        DimseArchive(), peer=QueryPeer(script), associations_max=1, wait_seconds=0.05
    ) as (answerer, _):
        first = asyncio.create_task(searching(answerer))
        await asked.wait()

        assert await ailment(searching(answerer)) is Lost.BUSY
        assert [one.what for one in answerer.figures().in_use] == ["C-FIND STUDY"]
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unreachable("x"), Lost.UNREACHABLE),
        (Rejected("x"), Lost.REJECTED),
        (RemoteProtocolError("x"), Lost.BROKEN),
        (LocalProtocolError("x"), Lost.BROKEN),
        (Full("x"), Lost.BUSY),
    ],
)
async def test_each_kind_of_error_is_an_ailment(error, expected):
    assert ailment_of(error, Service.FIND) is expected
