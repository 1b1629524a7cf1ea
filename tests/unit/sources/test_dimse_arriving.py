"""C-GET and C-MOVE of what an archive elsewhere has: sent as it comes, stopped when unwanted."""

import asyncio

import pytest
from asking_rig import AskingRig
from dimse_asker import EXPLICIT, IMPLICIT
from scripted_supply import Named, ScriptedArchive, ScriptedSupply, holdings_of
from test_dimse_getting import GET, GET_RSP, STORE_RQ, asking, counts, fetch, proposal
from test_dimse_moving import GONE, MOVE, MOVING, Target, move

from hilum.dicom.syntaxes import UNCOMPRESSED
from hilum.dimse.service.identifier import read_identifier
from hilum.dimse.service.query import cancel_request
from hilum.dimse.service.retrieve import failed_of
from hilum.dimse.service.storage import store_response
from hilum.dimse.status import Service
from hilum.kernel.names import UID
from hilum.kernel.outcome import Deferred, Delivered, Failing
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.sources.dimse.settings import DimseLimits

JPEG = UID("1.2.840.10008.1.2.4.70")
LATE = AnswererFailed("no answer within 5 s", answerer="pacs", ailment=Lost.LATE)


class Elsewhere:
    """A rig whose archive is elsewhere, with the holdings that come from there."""

    def __init__(self, rig, count):
        self.kept = rig.keep(count)
        self.study = self.kept[0].study_instance_uid
        self.holdings = list(holdings_of(rig, self.study))
        self.archive = rig.archive = ScriptedArchive()
        self.supply = self.archive.supplied = ScriptedSupply(
            [Named(one.sop_instance_uid) for one in self.holdings]
        )


@pytest.fixture
def visit(tmp_path):
    """Run a scenario with a rig, and what its archive will bring."""

    def runner(scenario, *, count=3, **more):
        async def main():
            rig = AskingRig(tmp_path, **more)
            there = Elsewhere(rig, count)
            async with rig, asyncio.timeout(15):
                await scenario(rig, there)
            assert rig.events("ConnectionFailed") == []
            assert rig.events("OperationFailed") == []
            return rig

        return asyncio.run(main())

    return runner


def test_an_instance_leaves_before_the_next_one_is_here(visit):
    async def scenario(rig, there):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, there.study)
        _, first, _ = await asker.message()
        assert counts(first) == (0, 0, 0, 3)
        for number, holding in enumerate(there.holdings):
            there.supply.bring(holding)
            _, command, data = await asker.store()
            assert command.command_field == STORE_RQ
            assert data == there.kept[number].data_set
        there.supply.end()
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (3, 0, 0, None))
        assert there.supply.done_with == there.holdings
        await asyncio.wait_for(there.supply.closed.wait(), 1)

    visit(scenario)


def test_what_cannot_be_had_is_a_failed_suboperation_and_is_named(visit):
    async def scenario(rig, there):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, there.study)
        there.supply.bring(there.holdings[0])
        there.supply.miss(there.holdings[1].sop_instance_uid)
        there.supply.bring(there.holdings[2])
        there.supply.end()
        *_, (context, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xB000, (2, 1, 0, None))
        assert failed_of(read_identifier(data, context.transfer_syntax)) == (
            there.holdings[1].sop_instance_uid,
        )

    rig = visit(scenario)
    assert rig.events("RetrieveEnded")[0].remark == "it is gone there"


def test_what_is_promised_and_never_comes_has_failed(visit):
    async def scenario(rig, there):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, there.study)
        there.supply.bring(there.holdings[0], there.holdings[0])
        there.supply.end()
        *_, (_, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xB000, (1, 2, 0, None))
        assert len(failed_of(read_identifier(data, EXPLICIT))) == 2
        assert len(there.supply.done_with) == 2

    visit(scenario)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
def test_a_cancel_ends_the_wait_and_the_work_behind_it(visit, service):
    async def scenario(rig, there):
        asker = await _begin(rig, there, service)
        there.supply.bring(there.holdings[0])
        context = asker.context(GET if service == "C-GET" else MOVE)
        await _until(lambda: there.supply.done_with or service == "C-GET")
        if service == "C-GET":
            await asker.message()
            await asker.store()
        asker.send(context.id, cancel_request(1))
        async with asyncio.timeout(1):
            await there.supply.stopped.wait()
            *_, (_, last, _) = await asker.responses()
            await there.supply.closed.wait()
        assert (last.status, counts(last)) == (0xFE00, (1, 0, 0, 2))

    visit(scenario)


def test_a_cancel_stops_the_archive_while_the_peer_still_thinks(visit):
    async def scenario(rig, there):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, there.study)
        there.supply.bring(there.holdings[0])
        await asker.message()
        context, store, _ = await asker.message()
        asker.send(asker.context(GET).id, cancel_request(1))
        await asyncio.wait_for(there.supply.stopped.wait(), 1)
        assert there.supply.done_with == []
        asker.send(context.id, store_response(store, 0))
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0xFE00, (1, 0, 0, 2))

    visit(scenario)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
@pytest.mark.parametrize("leave", ["release", "close"])
def test_a_peer_that_leaves_stops_the_archive(visit, service, leave):
    async def scenario(rig, there):
        asker = await _begin(rig, there, service)
        await asker.message()
        await getattr(asker, leave)()
        async with asyncio.timeout(1):
            await there.supply.stopped.wait()
            await there.supply.closed.wait()
        await _until(lambda: rig.events("RetrieveEnded"))

    rig = visit(scenario)
    (event,) = rig.events("RetrieveEnded")
    assert (event.ending, event.remaining, event.failed) == ("abandoned", 3, 0)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
@pytest.mark.parametrize("leave", ["release", "close", "cancel"])
def test_a_peer_that_leaves_stops_the_counting(visit, service, leave):
    async def scenario(rig, there):
        there.archive.counting.clear()
        asker = await _begin(rig, there, service)
        await _until(lambda: there.archive.asked)
        if leave == "cancel":
            asker.send(asker.context(GET if service == "C-GET" else MOVE).id, cancel_request(1))
            ((_, last, _),) = await asker.responses()
            assert last.status == 0xFE00
        else:
            await getattr(asker, leave)()
        await asyncio.wait_for(there.archive.was_cancelled.wait(), 1)

    visit(scenario)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
def test_progress_is_told_while_the_archive_is_waited_for(visit, service, monkeypatch):
    for module in ("getting", "moving"):
        monkeypatch.setattr(f"hilum.sources.dimse.{module}.PROGRESS_SECONDS", 0.01)

    async def scenario(rig, there):
        asker = await _begin(rig, there, service)
        told = [(await asker.message())[1] for _ in range(4)]
        assert [(one.status, counts(one)) for one in told] == [(0xFF00, (0, 0, 0, 3))] * 4
        there.supply.bring(*there.holdings)
        assert (await asker.responses())[-1][1].status == 0

    visit(scenario)


def test_a_peer_sees_life_while_the_archive_counts(visit, monkeypatch):
    for name in ("COUNTING_SECONDS", "PROGRESS_SECONDS"):
        monkeypatch.setattr(f"hilum.sources.dimse.retrieving.{name}", 0.01)

    async def scenario(rig, there):
        there.archive.counting.clear()
        asker = await _begin(rig, there, "C-GET")
        told = [(await asker.message())[1] for _ in range(3)]
        assert [(one.command_field, one.status) for one in told] == [(GET_RSP, 0xFF00)] * 3
        there.archive.counting.set()
        there.supply.bring(*there.holdings)
        assert (await asker.responses())[-1][1].status == 0

    visit(scenario)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("ailment", "status"),
    [
        (Lost.LATE, 0xA702),
        (HttpAnswer(403), 0x0124),
        (DimseAnswer(0xA900, Service.MOVE), 0xA900),
    ],
)
def test_an_archive_that_fails_is_told_by_the_table(visit, service, at_once, ailment, status):
    failure = AnswererFailed("it does not", answerer="pacs", ailment=ailment)

    async def scenario(rig, there):
        if at_once:
            there.archive.failure = failure
        else:
            there.supply.fail(failure)
        asker = await _begin(rig, there, service)
        *_, (_, last, data) = await asker.responses()
        assert last.status == status
        if not at_once:
            assert last.failed_suboperations == 3
            assert len(failed_of(read_identifier(data, EXPLICIT))) == 3

    rig = visit(scenario)
    assert bool(rig.events("OperationRefused")) == at_once


def test_what_came_before_a_failure_is_counted(visit):
    async def scenario(rig, there):
        there.supply.bring(there.holdings[0])
        there.supply.fail(LATE)
        asker = await _begin(rig, there, "C-GET")
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0xB000, (1, 2, 0, None))

    visit(scenario)


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ([JPEG], (JPEG,)),
        ([JPEG, IMPLICIT], (JPEG, IMPLICIT, EXPLICIT, *UNCOMPRESSED[2:])),
    ],
)
def test_the_archive_is_told_what_the_requestor_takes_by_itself_or_by_us(visit, taken, told):
    async def scenario(rig, there):
        there.supply.bring(*there.holdings)
        asker = await asking(rig, *proposal(*taken))
        fetch(asker, there.study)
        await asker.responses()
        ((*_, syntaxes),) = there.archive.asked
        assert syntaxes == told

    visit(scenario)


def test_an_archive_is_asked_for_what_a_destination_may_be_sent(visit):
    async def scenario(rig, there):
        rig.movers.targets["STORAGE"] = Target(syntaxes=[JPEG])
        there.supply.bring(*there.holdings)
        await (await _begin(rig, there, "C-MOVE")).responses()
        ((*_, syntaxes),) = there.archive.asked
        assert syntaxes == (JPEG,)

    visit(scenario)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
def test_a_part_that_could_not_say_what_it_has_makes_no_success(visit, service):
    async def scenario(rig, there):
        there.supply.warnings = ["old-pacs: no answer within its deadline"]
        there.supply.bring(*there.holdings)
        *_, (_, last, data) = await (await _begin(rig, there, service)).responses()
        assert (last.status, counts(last), data) == (0xB000, (3, 0, 0, None), None)
        assert last.error_comment == "partial: old-pacs: no answer within its deadline"

    rig = visit(scenario)
    assert rig.events("RetrieveEnded")[0].remark == "old-pacs: no answer within its deadline"


def test_what_is_here_already_is_let_go_of_one_by_one_too(visit):
    async def scenario(rig, there):
        there.supply.holdings = there.holdings
        asker = await _begin(rig, there, "C-GET")
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (3, 0, 0, None))
        assert there.supply.done_with == there.holdings
        assert there.supply.given == []
        await there.supply.closed.wait()

    visit(scenario)


@pytest.mark.parametrize(
    ("limit", "most", "given"),
    [("work._READY_MAX", 2, 3), ("getting.Getting.ready_bytes_max", 1, 2)],
)
def test_an_archive_is_not_far_ahead_of_who_is_sent_to(visit, monkeypatch, limit, most, given):
    monkeypatch.setattr(f"hilum.sources.dimse.{limit}", most)

    async def scenario(rig, there):
        there.supply.bring(*there.holdings)
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, there.study)
        await asker.message()
        await asker.message()  # it is not answered
        await asyncio.sleep(0.05)
        assert len(there.supply.given) == given

    visit(scenario, count=10)


def test_a_move_begins_with_the_first_instance(visit):
    async def scenario(rig, there):
        target = rig.movers.targets["STORAGE"] = Target()
        asker = await rig.ask(MOVING)
        move(asker, there.study)
        await asker.message()
        assert target.errands == []
        there.supply.bring(there.holdings[0])
        await _until(lambda: target.taken == [there.holdings[0].sop_instance_uid])
        there.supply.bring(*there.holdings[1:])
        there.supply.end()
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (3, 0, 0, None))
        assert (len(target.errands), target.closed) == (1, 1)
        held = there.holdings[0]
        assert target.kinds[0] == (held.sop_class_uid, held.transfer_syntax_uid)
        assert len(target.kinds) == 6  # and what else is likely
        assert there.supply.done_with == there.holdings

    visit(scenario)


def test_a_move_that_falls_behind_opens_more_associations(visit):
    async def scenario(rig, there):
        target = rig.movers.targets["STORAGE"] = Target(held=True)
        there.supply.bring(*there.holdings)
        asker = await rig.ask(MOVING)
        move(asker, there.study)
        await _until(lambda: len(target.errands) == 3)
        target.go.set()
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (100, 0, 0, None))
        assert (len(target.errands), target.closed) == (3, 3)

    visit(scenario, count=100, limits=DimseLimits(move_associations_max=3))


def test_a_destination_that_wants_nothing_stops_the_archive(visit):
    refusal = Deferred("it rejected our association", failing=Failing.UNWELCOME)

    async def scenario(rig, there):
        target = rig.movers.targets["STORAGE"] = Target()
        target.script[there.holdings[0].sop_instance_uid] = [refusal]
        there.supply.bring(there.holdings[0])
        asker = await rig.ask(MOVING)
        move(asker, there.study)
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0xA702, (0, 3, 0, None))
        assert last.error_comment == "it rejected our association"
        assert there.supply.stopped.is_set()
        assert len(there.supply.done_with) == 1

    visit(scenario)


def test_a_lost_association_is_opened_again_for_what_comes(visit):
    async def scenario(rig, there):
        target = rig.movers.targets["STORAGE"] = Target()
        target.script[there.holdings[1].sop_instance_uid] = [GONE, Delivered()]
        asker = await rig.ask(MOVING)
        move(asker, there.study)
        for one in there.holdings:
            there.supply.bring(one)
            await asyncio.sleep(0)
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (3, 0, 0, None))

    visit(scenario)


async def _begin(rig, there, service):
    if service == "C-GET":
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, there.study)
    else:
        rig.movers.targets.setdefault("STORAGE", Target())
        asker = await rig.ask(MOVING)
        move(asker, there.study)
    return asker


async def _until(holds):
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
@pytest.mark.parametrize("told", [1, 3, 7])
def test_what_nobody_has_listed_is_counted_as_it_comes(visit, service, told):
    async def scenario(rig, there):
        there.supply.expected, there.supply.count = (), told
        there.supply.bring(*there.holdings, there.holdings[0])
        there.supply.end()
        asker = await _begin(rig, there, service)
        responses = await asker.responses()
        assert all((one.remaining_suboperations or 0) >= 0 for _, one, _ in responses)
        assert (responses[-1][1].status, counts(responses[-1][1])) == (0, (3, 0, 0, None))
        assert len(there.supply.done_with) == 4

    visit(scenario)


@pytest.mark.parametrize("service", ["C-GET", "C-MOVE"])
def test_what_nobody_has_listed_and_is_missing_is_named(visit, service):
    async def scenario(rig, there):
        there.supply.expected, there.supply.count = (), 3
        there.supply.bring(*there.holdings[:2])
        there.supply.miss(there.holdings[2].sop_instance_uid)
        there.supply.end()
        asker = await _begin(rig, there, service)
        *_, (context, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xB000, (2, 1, 0, None))
        named = failed_of(read_identifier(data, context.transfer_syntax))
        assert named == (there.holdings[2].sop_instance_uid,)

    visit(scenario)


@pytest.mark.parametrize("brought", [1, 3])
def test_what_nobody_could_list_in_the_end_makes_no_success(visit, brought):
    async def scenario(rig, there):
        there.supply.expected, there.supply.count = (), 3
        there.supply.bring(*there.holdings[:brought])
        there.supply.fail(LATE)
        asker = await _begin(rig, there, "C-GET")
        *_, (_, last, _) = await asker.responses()
        assert last.status == 0xB000
        assert counts(last) == (brought, max(3 - brought, 1), 0, None)

    visit(scenario)


def test_an_unlisted_supply_that_fails_at_once_is_told_by_the_table(visit):
    async def scenario(rig, there):
        there.supply.expected, there.supply.count = (), 3
        there.supply.fail(LATE)
        asker = await _begin(rig, there, "C-GET")
        *_, (_, last, _) = await asker.responses()
        assert last.status >> 8 in {0xA7, 0xC0, 0xC5}

    visit(scenario)


def test_a_cancel_of_what_nobody_has_listed_tells_what_remains(visit):
    async def scenario(rig, there):
        there.supply.expected, there.supply.count = (), 3
        there.supply.bring(there.holdings[0])
        asker = await _begin(rig, there, "C-MOVE")
        await _until(lambda: there.supply.done_with)
        asker.send(asker.context(MOVE).id, cancel_request(1))
        async with asyncio.timeout(1):
            *_, (_, last, _) = await asker.responses()
            await there.supply.closed.wait()
        assert (last.status, counts(last)) == (0xFE00, (1, 0, 0, 2))

    visit(scenario)


def test_a_destination_that_wants_nothing_of_what_nobody_has_listed(visit):
    refusal = Deferred("it rejected our association", failing=Failing.UNWELCOME)

    async def scenario(rig, there):
        there.supply.expected, there.supply.count = (), 3
        target = rig.movers.targets["STORAGE"] = Target()
        target.script[there.holdings[0].sop_instance_uid] = [refusal]
        there.supply.bring(there.holdings[0])
        asker = await rig.ask(MOVING)
        move(asker, there.study)
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0xA702, (0, 3, 0, None))
        assert there.supply.stopped.is_set()
        held = there.holdings[0]
        assert target.kinds[0] == (held.sop_class_uid, held.transfer_syntax_uid)
        assert len(target.kinds) == 6

    visit(scenario)
