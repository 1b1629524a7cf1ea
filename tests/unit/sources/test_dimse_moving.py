"""C-MOVE at the door: who is sent to, how what comes of it is counted, and when it stops."""

import asyncio

import pytest
from asking_rig import AskingRig
from dimse_asker import EXPLICIT
from test_dimse_finding import identifier
from test_dimse_getting import counts

from hilum.dimse.service.identifier import encode_identifier, read_identifier
from hilum.dimse.service.query import cancel_request
from hilum.dimse.service.retrieve import failed_of, move_request
from hilum.kernel.names import UID, AETitle
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.query.level import Model
from hilum.sources.dimse.settings import DimseLimits

MOVE = UID(Model.STUDY_ROOT.move_uid)
MOVING = (MOVE, [EXPLICIT])
GONE = Deferred("the association was lost", failing=Failing.UNREACHABLE)
UNTRIED = Deferred("not tried", failing=Failing.UNTRIED)


class Target:
    """A destination that does what it is told: `script` has an outcome for each try of a UID."""

    def __init__(self, *, held=False, syntaxes=()):
        self.syntaxes = syntaxes
        self.script = {}
        self.taken = []
        self.errands = []
        self.closed = 0
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    def session(self, errand, kinds):
        self.errands.append(errand)
        self.kinds = kinds
        return self

    async def deliver(self, parcels):
        lost = False
        for parcel in parcels:
            await self.go.wait()
            outcomes = self.script.get(parcel.sop_instance_uid, [])
            outcome = outcomes.pop(0) if outcomes and not lost else Delivered()
            if lost:
                yield parcel, UNTRIED
                continue
            lost = isinstance(outcome, Deferred) and outcome.failing is not Failing.BUSY
            if isinstance(outcome, Delivered):
                self.taken.append(parcel.sop_instance_uid)
            yield parcel, outcome

    async def aclose(self):
        self.closed += 1


def move(asker, study, *, to="STORAGE", message_id=1, priority=1):
    context = asker.context(MOVE)
    data = encode_identifier(identifier(STUDY_INSTANCE_UID=study), context.transfer_syntax)
    request = move_request(message_id, MOVE, destination=AETitle(to), priority=priority)
    asker.send(context.id, request, data)


@pytest.fixture
def visit(tmp_path):
    """Run a scenario with a rig that keeps some instances and knows STORAGE."""

    def runner(scenario, *, count=3, target=None, **more):
        async def main():
            rig = AskingRig(tmp_path, **more)
            kept = rig.keep(count)
            rig.movers.targets["STORAGE"] = target or Target()
            async with rig:
                await scenario(rig, kept, rig.movers.targets["STORAGE"])
            assert rig.events("OperationFailed") == []
            return rig

        return asyncio.run(main())

    return runner


def test_a_study_goes_to_the_destination_with_the_originator_and_the_priority(visit):
    async def scenario(rig, kept, target):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid, message_id=77, priority=2)
        *pending, (_, last, data) = await asker.responses()
        assert (last.status, counts(last), data) == (0, (3, 0, 0, None), None)
        assert counts(pending[0][1]) == (0, 0, 0, 3)
        assert counts(pending[-1][1]) == (3, 0, 0, 0)
        assert target.taken == [one.sop_instance_uid for one in kept]
        (errand,) = target.errands
        assert (errand.originator.ae_title, errand.originator.message_id) == ("WS", 77)
        assert errand.priority == 2
        assert target.closed == 1

    rig = visit(scenario)
    (event,) = rig.events("RetrieveEnded")
    assert (event.operation, event.destination, event.completed) == ("C-MOVE", "STORAGE", 3)


def test_an_unknown_destination_is_a801(visit):
    async def scenario(rig, kept, _):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid, to="NOBODY")
        ((_, last, _),) = await asker.responses()
        assert last.status == 0xA801

    rig = visit(scenario)
    assert "'NOBODY'" in rig.events("OperationRefused")[0].reason


def test_nothing_held_opens_no_association(visit):
    async def scenario(rig, _, target):
        asker = await rig.ask(MOVING)
        move(asker, "1.2.3")
        ((_, last, _),) = await asker.responses()
        assert (last.status, counts(last), target.errands) == (0, (0, 0, 0, None), [])

    visit(scenario)


@pytest.mark.parametrize(
    ("outcome", "status", "counted"),
    [
        (Refused("no", 0xA900), 0xB000, (2, 1, 0, None)),
        (Deferred("full", failing=Failing.BUSY), 0xB000, (2, 1, 0, None)),
        (Delivered(warning=0xB007), 0xB000, (2, 0, 1, None)),
    ],
)
def test_what_becomes_of_one_instance_is_counted(visit, outcome, status, counted):
    async def scenario(rig, kept, target):
        target.script[kept[1].sop_instance_uid] = [outcome]
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        *_, (context, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (status, counted)
        if counted[1]:
            assert failed_of(read_identifier(data, context.transfer_syntax)) == (
                kept[1].sop_instance_uid,
            )

    visit(scenario)


def test_a_destination_that_cannot_be_reached_fails_all_and_says_why(visit):
    async def scenario(rig, kept, target):
        for one in kept:
            target.script[one.sop_instance_uid] = [GONE] * 9
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        *_, (_, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xA702, (0, 3, 0, None))
        assert last.error_comment == "the association was lost"
        assert set(failed_of(read_identifier(data, EXPLICIT))) == {
            one.sop_instance_uid for one in kept
        }

    visit(scenario)


def test_a_destination_that_does_not_want_us_is_not_asked_twice(visit):
    async def scenario(rig, kept, target):
        refusal = Deferred("it rejected our association", failing=Failing.UNWELCOME)
        target.script[kept[0].sop_instance_uid] = [refusal]
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0xA702, (0, 3, 0, None))

    visit(scenario)


def test_an_association_that_is_lost_in_the_middle_is_opened_again(visit):
    async def scenario(rig, kept, target):
        target.script[kept[1].sop_instance_uid] = [GONE]
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (3, 0, 0, None))

    visit(scenario)


def test_an_instance_that_costs_the_association_twice_fails_and_the_others_arrive(visit):
    async def scenario(rig, kept, target):
        target.script[kept[1].sop_instance_uid] = [GONE, GONE]
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        *_, (_, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xB000, (2, 1, 0, None))
        assert failed_of(read_identifier(data, EXPLICIT)) == (kept[1].sop_instance_uid,)

    visit(scenario)


def test_a_cancel_stops_behind_the_instance_under_way(visit):
    async def scenario(rig, kept, target):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid, message_id=4)
        await asker.message()
        asker.send(asker.context(MOVE).id, cancel_request(4))
        (connection,) = rig.desk.connections()
        operations = connection.conversation.operations
        async with asyncio.timeout(5):
            while not operations._current.is_canceled:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        target.go.set()
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0xFE00, (1, 0, 0, 2))
        assert target.closed == 1

    visit(scenario, target=Target(held=True))


def test_progress_is_told_while_an_instance_takes_long(visit, monkeypatch):
    monkeypatch.setattr("hilum.sources.dimse.moving.PROGRESS_SECONDS", 0.01)

    async def scenario(rig, kept, target):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        told = [(await asker.message())[1] for _ in range(4)]
        assert [counts(one) for one in told] == [(0, 0, 0, 3)] * 4
        target.go.set()
        assert (await asker.responses())[-1][1].status == 0

    visit(scenario, target=Target(held=True))


def test_a_long_move_does_not_make_the_association_idle(visit, monkeypatch):
    monkeypatch.setattr("hilum.sources.dimse.door._WATCH_SECONDS", 0.01)

    async def scenario(rig, kept, target):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        asyncio.get_running_loop().call_later(0.3, target.go.set)
        assert (await asker.responses())[-1][1].status == 0

    visit(scenario, target=Target(held=True), limits=DimseLimits(idle_seconds=0.05))


def test_a_peer_that_vanishes_stops_the_move(visit):
    async def scenario(rig, kept, target):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        await asker.message()
        await asker.close()
        async with asyncio.timeout(5):
            while not target.closed:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        assert target.taken == []

    rig = visit(scenario, target=Target(held=True))
    assert rig.events("RetrieveEnded")[0].ending == "abandoned"


def test_several_associations_share_the_work(visit):
    async def scenario(rig, kept, target):
        asker = await rig.ask(MOVING)
        move(asker, kept[0].study_instance_uid)
        *_, (_, last, _) = await asker.responses()
        assert (last.status, counts(last)) == (0, (100, 0, 0, None))
        assert (len(target.errands), target.closed) == (3, 3)
        assert sorted(target.taken) == sorted(one.sop_instance_uid for one in kept)

    visit(scenario, count=100, limits=DimseLimits(move_associations_max=3))
