"""C-GET at the door: what comes back, in which syntax, and how it is counted."""

import asyncio
import ssl

import pytest
from asking_rig import RULES, AskingRig
from dimse_asker import EXPLICIT, IMPLICIT, Over
from test_admission import known
from test_dimse_finding import identifier
from tls_files import make_authority, make_tls_files

from hilum.dicom.reencode import Reencoder
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.command import CommandField, encode_command
from hilum.dimse.message import Command
from hilum.dimse.service.identifier import encode_identifier, read_identifier
from hilum.dimse.service.query import cancel_request
from hilum.dimse.service.retrieve import failed_of, get_request
from hilum.dimse.service.storage import store_response
from hilum.dimse.upper.pdu import ContextResult
from hilum.kernel.names import UID
from hilum.query.level import Model
from hilum.sources.dimse.admission import Rules
from hilum.sources.dimse.settings import DimseLimits
from hilum.testing.datasets import CT, MR
from hilum.testing.payloads import MemoryPayloads

GET = UID(Model.STUDY_ROOT.get_uid)
STORE_RQ, STORE_RSP, GET_RSP = 0x0001, 0x8001, 0x8010


def proposal(*syntaxes, sop_class=CT):
    """Propose C-GET, and a context of its own for each syntax."""
    return (GET, [EXPLICIT]), *((sop_class, [one]) for one in syntaxes)


def fetch(asker, study, *, message_id=1, level="STUDY", **keys):
    wanted = identifier(level, STUDY_INSTANCE_UID=study, **keys)
    context = asker.context(GET)
    data = encode_identifier(wanted, context.transfer_syntax)
    asker.send(context.id, get_request(message_id, GET), data)


def stores(messages):
    return [
        (context, command, data)
        for context, command, data in messages
        if data is not None and command.command_field == STORE_RQ
    ]


def counts(command):
    return (
        command.completed_suboperations,
        command.failed_suboperations,
        command.warning_suboperations,
        command.remaining_suboperations,
    )


@pytest.fixture
def visit(tmp_path):
    """Run a scenario with a rig in which `keep` has kept something."""

    def runner(scenario, *, keep=lambda rig: rig.keep(3), **more):
        async def main():
            rig = AskingRig(tmp_path, **more)
            kept = keep(rig)
            async with rig:
                await scenario(rig, kept)
            assert rig.events("ConnectionFailed") == []
            assert rig.events("OperationFailed") == []
            return rig

        return asyncio.run(main())

    return runner


async def asking(rig, *contexts, sop_class=CT, **more):
    return await rig.ask(*contexts, roles=[(sop_class, False, True)], **more)


def test_a_study_comes_back_byte_for_byte_and_is_counted(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        *got, (_, last, _) = await asker.responses()
        assert [data for _, _, data in stores(got)] == [one.data_set for one in kept]
        assert [c.affected_sop_instance_uid for _, c, _ in stores(got)] == [
            one.sop_instance_uid for one in kept
        ]
        assert (last.status, counts(last)) == (0, (3, 0, 0, None))
        pending = [c for _, c, _ in got if c.command_field == GET_RSP]
        assert counts(pending[0]) == (0, 0, 0, 3)
        assert counts(pending[-1]) == (3, 0, 0, 0)
        await asker.release()

    rig = visit(scenario)
    (event,) = rig.events("RetrieveEnded")
    assert (event.completed, event.failed, event.ending) == (3, 0, "success")
    assert event.size > 3 * 8192


@pytest.mark.parametrize("pixel_bytes", [1 << 19, 3 << 19])
def test_an_instance_longer_than_our_buffer_comes_whole(visit, pixel_bytes):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        got = await asker.responses()
        assert [data for _, _, data in stores(got)] == [one.data_set for one in kept]

    visit(scenario, keep=lambda rig: rig.keep(2, pixel_bytes=pixel_bytes))


def test_the_stored_syntax_goes_before_one_that_needs_a_conversion(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(IMPLICIT, EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        got = await asker.responses()
        assert {context.transfer_syntax for context, _, _ in stores(got)} == {EXPLICIT}

    visit(scenario)


def test_what_the_peer_does_not_take_as_stored_is_put_into_what_it_takes(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(IMPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        *got, (_, last, _) = await asker.responses()
        assert last.status == 0
        for one, (_, _, data) in zip(kept, stores(got), strict=True):
            reencoder = Reencoder(transfer_syntax(EXPLICIT), transfer_syntax(IMPLICIT))
            assert data == b"".join([*reencoder.feed(one.data_set), *reencoder.finish()])

    visit(scenario)


def test_a_context_with_several_syntaxes_takes_explicit_before_implicit(visit):
    async def scenario(rig, _):
        asker = await asking(rig, (GET, [EXPLICIT]), (CT, [IMPLICIT, EXPLICIT]))
        assert asker.context(CT).transfer_syntax == EXPLICIT

    visit(scenario)


def test_an_instance_without_a_context_fails_alone_and_is_named(visit):
    def keep(rig):
        return [*rig.keep(1), *rig.keep(1, first=9, series=2, sop_class=MR)]

    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        *got, (context, last, data) = await asker.responses()
        assert len(stores(got)) == 1
        assert (last.status, counts(last)) == (0xB000, (1, 1, 0, None))
        assert failed_of(read_identifier(data, context.transfer_syntax)) == (
            kept[1].sop_instance_uid,
        )

    visit(scenario, keep=keep)


def test_without_any_context_to_send_on_everything_fails(visit):
    async def scenario(rig, kept):
        asker = await rig.ask(*proposal(EXPLICIT))  # no role: the peer does not take what we send
        fetch(asker, kept[0].study_instance_uid)
        *_, (_, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xA702, (0, 3, 0, None))
        assert len(failed_of(read_identifier(data, EXPLICIT))) == 3

    visit(scenario)


@pytest.mark.parametrize(
    ("status", "ending", "counted"),
    [(0xB007, 0xB000, (0, 0, 3, None)), (0xA700, 0xA702, (0, 3, 0, None))],
)
def test_what_the_peer_answers_is_counted(visit, status, ending, counted):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        *_, (_, last, _) = await asker.responses(status=status)
        assert (last.status, counts(last)) == (ending, counted)

    visit(scenario)


def test_nothing_held_is_a_success_with_nothing_completed(visit):
    async def scenario(rig, _):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, "1.2.3.4")
        ((_, last, data),) = await asker.responses()
        assert (last.status, counts(last), data) == (0, (0, 0, 0, None), None)

    visit(scenario)


def test_a_cancel_stops_behind_the_instance_under_way(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid, message_id=5)
        await asker.message()
        context, store, _ = await asker.message()
        asker.send(asker.context(GET).id, cancel_request(5))
        asker.send(context.id, store_response(store, 0))
        *got, (_, last, _) = await asker.responses()
        assert stores(got) == []
        assert (last.status, counts(last)) == (0xFE00, (1, 0, 0, 2))

    visit(scenario)


def test_an_image_level_list_gets_the_instances_it_names(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(
            asker,
            kept[0].study_instance_uid,
            level="IMAGE",
            SERIES_INSTANCE_UID=kept[0].series_instance_uid,
            SOP_INSTANCE_UID=[kept[0].sop_instance_uid, kept[2].sop_instance_uid],
        )
        got = await asker.responses()
        assert [data for _, _, data in stores(got)] == [kept[0].data_set, kept[2].data_set]

    visit(scenario)


def test_a_response_to_nothing_breaks_the_protocol(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        await asker.message()
        context, store, _ = await asker.message()
        store.message_id += 1
        asker.send(context.id, store_response(store, 0))
        with pytest.raises(Over):
            await asker.responses()

    rig = visit(scenario)
    assert rig.events("AssociationClosed")[0].ending == "violation"
    assert rig.events("RetrieveEnded")[0].ending == "abandoned"


def test_a_peer_that_does_not_answer_a_store_is_idle(visit, monkeypatch):
    monkeypatch.setattr("hilum.sources.dimse.door._WATCH_SECONDS", 0.02)

    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        await asker.message()
        await asker.message()
        with pytest.raises(Over):
            await asker.message()

    rig = visit(scenario, limits=DimseLimits(idle_seconds=0.2))
    assert rig.events("AssociationClosed")[0].ending == "idle"


def test_a_peer_that_does_not_read_costs_one_buffer(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        (connection,) = rig.desk.connections()
        async with asyncio.timeout(10):
            while not connection.outbox.is_waiting:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        assert connection._channel._unsent_bytes <= 513 * 1024

    visit(scenario, keep=lambda rig: rig.keep(1, pixel_bytes=32 << 20))


def test_a_release_in_the_middle_ends_the_retrieval(visit):
    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        await asker.message()
        await asker.message()
        await asker.release()

    rig = visit(scenario)
    assert rig.events("RetrieveEnded")[0].remaining == 3


def test_a_response_that_is_due_waits_for_the_end_of_our_message(visit):
    async def scenario(rig, kept):
        verification = UID("1.2.840.10008.1.1")
        asker = await asking(rig, *proposal(EXPLICIT), (verification, [IMPLICIT]))
        fetch(asker, kept[0].study_instance_uid)
        await asker.message()
        (connection,) = rig.desk.connections()
        async with asyncio.timeout(10):
            while not connection.outbox.is_waiting:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        echo = Command(CommandField.C_ECHO_RQ, message_id=7, affected_sop_class_uid=verification)
        asker.send(asker.context(verification).id, encode_command(echo))
        got = await asker.responses()
        assert [data for _, _, data in stores(got)] == [one.data_set for one in kept]
        assert [c.status for _, c, _ in got if c.command_field == 0x8030] == [0]

    visit(scenario, keep=lambda rig: rig.keep(1, pixel_bytes=32 << 20))


def test_a_payload_that_is_gone_fails_alone(visit):
    async def scenario(rig, kept):
        (rig.store_folder.vault.root / "instances/2.dcm").unlink()
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        *got, (_, last, data) = await asker.responses()
        assert (last.status, counts(last)) == (0xB000, (2, 1, 0, None))
        assert failed_of(read_identifier(data, EXPLICIT)) == (kept[1].sop_instance_uid,)
        assert len(stores(got)) == 2

    visit(scenario)


def test_a_payload_that_ends_in_the_middle_ends_the_association(visit):
    payloads = MemoryPayloads()

    def keep(rig):
        kept = rig.keep(1, pixel_bytes=2 << 20)
        payloads.put("instances/1.dcm", kept[0].data_set)
        payloads.shorten("instances/1.dcm", by=100)
        return kept

    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT))
        fetch(asker, kept[0].study_instance_uid)
        with pytest.raises(Over):
            await asker.responses()

    rig = visit(scenario, keep=keep, payloads=payloads)
    assert rig.events("AssociationClosed")[0].ending == "spoiled"
    assert payloads.open_now == 0


def test_instances_come_over_tls_as_they_are_stored(visit, tmp_path):
    authority = make_authority(tmp_path, "hospital")
    files = make_tls_files(tmp_path, "gateway", authority=authority)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(files.certificate, files.key)
    theirs = ssl.create_default_context(cafile=authority.certificate)

    async def scenario(rig, kept):
        asker = await asking(rig, *proposal(EXPLICIT), tls=theirs)
        fetch(asker, kept[0].study_instance_uid)
        got = await asker.responses()
        assert [data for _, _, data in stores(got)] == [one.data_set for one in kept]
        await asker.release()

    visit(scenario, keep=lambda rig: rig.keep(2, pixel_bytes=6 << 20), tls=ours)


@pytest.mark.parametrize(
    ("roles", "result"),
    [
        ([(CT, False, True)], ContextResult.ACCEPTANCE),
        ([(CT, True, True)], ContextResult.ACCEPTANCE),
        ([], ContextResult.USER_REJECTION),
        ([(CT, True, False)], ContextResult.USER_REJECTION),
    ],
)
def test_who_may_get_and_not_store_has_storage_contexts_only_to_receive(visit, roles, result):
    peer = known(may=["get"], host=["127.0.0.1"], ae_title="WS")

    async def scenario(rig, kept):
        asker = await rig.ask(*proposal(EXPLICIT), roles=roles)
        assert asker.accept.contexts[1].result is result
        if result is ContextResult.ACCEPTANCE:
            assert not asker.context(CT).we_are_scu
            fetch(asker, kept[0].study_instance_uid)
            *_, (_, last, _) = await asker.responses()
            assert last.completed_suboperations == 3

    visit(scenario, rules=Rules(RULES.own_titles, True, (peer,), "refuse", 50))
