"""The faces of the gateway at the DIMSE door: who is called, what is open there, who answers."""

import asyncio

import pytest
from asking_rig import OPEN, RULES, AskingRig
from dimse_asker import EXPLICIT
from scripted_supply import ScriptedArchive
from test_admission import known
from test_dimse_finding import FIND, FINDING, answers, identifier, question
from test_dimse_getting import GET
from test_dimse_moving import MOVE, MOVING

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT, associate
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID
from hilum.dimse.upper.pdu import ContextResult
from hilum.kernel.errors import Rejected
from hilum.kernel.names import UID, AETitle
from hilum.pipeline.archive.ports import Batch
from hilum.pipeline.entities import Entities, Entity
from hilum.query.via import tell_via
from hilum.sources.dimse.admission import Rules
from hilum.testing.datasets import CT

FACE = b"fedcba9876543210"


@pytest.fixture
def visit(tmp_path):
    """Run a scenario with a rig that has the default entity and OLD, whose archive is another."""

    def runner(scenario, *, services=OPEN, rules=RULES):
        async def main():
            rig = AskingRig(tmp_path, rules=rules)
            old = ScriptedArchive()
            old.batches.put_nowait(Batch(()))
            old.batches.put_nowait(None)
            async with rig, asyncio.timeout(15):
                here = Entity("HILUM", "HILUM", OPEN, rig.archive)
                there = Entity("old", "OLD", services, old)
                rig.desk.entities = Entities(here, {"HILUM": here, "OLD": there})
                await scenario(rig, old)
            assert rig.events("OperationFailed") == []
            return rig

        return asyncio.run(main())

    return runner


def test_the_archive_of_the_title_that_was_called_is_asked(visit):
    async def scenario(rig, old):
        asker = await rig.ask(FINDING, called="OLD")
        await answers(asker, identifier(PATIENT_ID=""))
        ((_, origin),) = old.asked
        assert (origin.called_ae_title, origin.entity) == ("OLD", "old")
        ours = await rig.ask(FINDING, called="HILUM")
        await answers(ours, identifier(PATIENT_ID=""))
        assert len(old.asked) == 1

    visit(scenario)


def test_a_title_of_nobody_is_not_recognized(visit):
    async def scenario(rig, _):
        address = Address("127.0.0.1", rig.port, AETitle("NEW"), AETitle("WS"))
        with pytest.raises(Rejected):
            await associate(address, (VERIFICATION_CONTEXT,), RequestorOptions())

    rig = visit(scenario)
    assert "(HILUM, OLD)" in rig.events("AssociationRejected")[0].reason


@pytest.mark.parametrize(
    ("closed", "abstract_syntax"), [("find", FIND), ("move", MOVE), ("get", GET), ("store", CT)]
)
def test_a_service_that_is_not_open_there_is_not_accepted_and_is_named(
    visit, closed, abstract_syntax
):
    services = OPEN - {closed} - ({"get"} if closed == "store" else set())

    async def scenario(rig, _):
        proposed = [(VERIFICATION, [EXPLICIT]), (abstract_syntax, [EXPLICIT])]
        asker = await rig.ask(*proposed, called="OLD")
        results = [one.result for one in asker.accept.contexts]
        assert results == [ContextResult.ACCEPTANCE, ContextResult.USER_REJECTION]
        asker = await rig.ask(*proposed, called="HILUM")
        assert asker.accept.contexts[1].result is ContextResult.ACCEPTANCE

    rig = visit(scenario, services=services)
    (event,) = rig.events("ContextsRefused")
    assert event.remedy == f'add "{closed}" to entities.old.services'


def test_what_a_peer_may_not_is_closed_where_it_is_open_for_others(visit):
    peer = known(may=["echo"], host=["127.0.0.1"], ae_title="WS")

    async def scenario(rig, _):
        asker = await rig.ask((VERIFICATION, [EXPLICIT]), FINDING, called="OLD")
        assert asker.accept.contexts[1].result is ContextResult.USER_REJECTION

    rig = visit(scenario, rules=Rules(RULES.own_titles, True, (peer,), "refuse", 50))
    assert rig.events("ContextsRefused")[0].remedy == 'add "find" to peers.ct1.may'


def test_an_association_keeps_the_entity_it_began_with(visit):
    async def scenario(rig, old):
        asker = await rig.ask(FINDING, called="OLD")
        here = rig.desk.entities.default
        rig.desk.entities = Entities(here, {"HILUM": here})
        await answers(asker, identifier(PATIENT_ID=""))
        assert len(old.asked) == 1

    visit(scenario)


def test_who_is_here_and_what_it_asks_for_is_listed(visit):
    async def scenario(rig, old):
        old.batches.get_nowait()
        old.batches.get_nowait()
        idle = await rig.ask(MOVING, calling="OTHER")
        asker = await rig.ask(FINDING, called="OLD")
        question(asker, identifier(PATIENT_ID=""))
        question(asker, identifier(PATIENT_ID=""), message_id=2)
        async with asyncio.timeout(5):
            while not (rig.desk.live()[1].operation or old.asked):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.005)
        first, second = rig.desk.live()
        assert (first.calling_ae_title, first.entity, first.operation) == ("OTHER", "HILUM", None)
        assert (second.calling_ae_title, second.entity) == ("WS", "old")
        assert (second.operation.name, second.operation.query_level) == ("C-FIND", "study")
        assert second.since <= second.operation.since
        await idle.release()

    visit(scenario)


def test_an_operator_aborts_an_association_and_what_it_asked_for(visit):
    async def scenario(rig, old):
        old.batches.get_nowait()
        old.batches.get_nowait()
        asker = await rig.ask(FINDING, called="OLD")
        question(asker, identifier(PATIENT_ID=""))
        async with asyncio.timeout(5):
            while not old.asked:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        (one,) = rig.desk.live()
        assert rig.desk.abort(one.association_id)
        assert not rig.desk.abort(one.association_id)
        await asyncio.wait_for(old.was_cancelled.wait(), 1)
        assert rig.desk.live() == []

    rig = visit(scenario)
    assert rig.events("AssociationClosed")[0].ending == "operator"


@pytest.mark.parametrize(
    ("implementation", "told"), [(IMPLEMENTATION_CLASS_UID, [FACE]), (UID("1.2.3"), [])]
)
def test_only_gateways_like_us_hear_what_an_entity_goes_by(visit, implementation, told):
    async def scenario(rig, old):
        default = rig.desk.entities.default
        there = Entity("old", "OLD", OPEN, old, pseudonym=FACE.decode())
        rig.desk.entities = Entities(default, {"HILUM": default, "OLD": there})
        asker = await rig.ask(FINDING, called="OLD", implementation=implementation)
        extended = asker.accept.user_information.extended
        assert [one.application_information for one in extended] == told
        ours = await rig.ask(FINDING, called="HILUM", implementation=implementation)
        assert ours.accept.user_information.extended == ()

    visit(scenario)


def test_an_archive_hears_through_whom_a_question_came(visit):
    async def scenario(rig, old):
        default = rig.desk.entities.default
        there = Entity("old", "OLD", OPEN, old, pseudonym=FACE.decode())
        rig.desk.entities = Entities(default, {"HILUM": default, "OLD": there})
        asked = identifier(PATIENT_ID="")
        tell_via(asked, ("0123456789abcdef",))
        _, last = await answers(await rig.ask(FINDING, called="OLD"), asked)
        ((query, origin),) = old.asked
        assert origin.via == ("0123456789abcdef", FACE.decode())
        assert (query.unsupported, last.status) == ((), 0)

    visit(scenario)
