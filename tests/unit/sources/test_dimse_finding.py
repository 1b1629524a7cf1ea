"""C-FIND at the door: what is answered, in which order, and how it ends."""

import asyncio
import struct

import pytest
from asking_rig import AskingRig
from dimse_asker import EXPLICIT, IMPLICIT

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dimse.command import CommandField, encode_command
from hilum.dimse.message import Command
from hilum.dimse.service.identifier import encode_identifier, read_identifier
from hilum.dimse.service.query import cancel_request, find_request
from hilum.kernel.names import UID
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.archive.ports import Batch
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level, Model
from hilum.query.match import Match
from hilum.sources.dimse.settings import DimseLimits

FIND = UID(Model.STUDY_ROOT.find_uid)
FINDING = (FIND, [EXPLICIT, IMPLICIT])


def identifier(level="STUDY", charset="", **keys):
    builder = DataSetBuilder(charset).texts(QUERY_RETRIEVE_LEVEL, level)
    for name, value in keys.items():
        tag = getattr(tags, name.upper())
        builder.texts(tag, *([value] if isinstance(value, str) else value)) if value else (
            builder.empty(tag)
        )
    return builder.data_set


def question(asker, wanted, *, message_id=1, sop_class=FIND):
    context = asker.context(sop_class)
    data = encode_identifier(wanted, context.transfer_syntax)
    asker.send(context.id, find_request(message_id, sop_class), data)
    return context


async def answers(asker, wanted, **more):
    """Ask, and give the matches and the last command."""
    context = question(asker, wanted, **more)
    *pending, (_, last, _) = await asker.responses()
    return [
        (command.status, read_identifier(data, context.transfer_syntax))
        for _, command, data in pending
    ], last


class Fixed:
    """An archive that gives batches of so many matches, and remembers how far it was read."""

    def __init__(self, *, batches=1, size=1, ignored=()):
        self.batches, self.size, self.ignored = batches, size, ignored
        self.given = 0
        self.is_closed = False
        self.failure = None

    async def find(self, query, asker):
        self.asked = query, asker
        if self.failure is not None:
            raise self.failure
        try:
            for number in range(self.batches):
                self.given += 1
                builder = DataSetBuilder("")
                builder.texts(tags.STUDY_INSTANCE_UID, f"1.2.{number + 1}")
                builder.texts(tags.PATIENT_NAME, "X" * 60)
                yield Batch((Match(Level.STUDY, builder.data_set),) * self.size, self.ignored)
        finally:
            self.is_closed = True


@pytest.fixture
def visit(tmp_path):
    """Run a scenario with a rig; `archive` stands for the real one."""

    def runner(scenario, *, prepare=id, archive=None, **more):
        async def main():
            rig = AskingRig(tmp_path, **more)
            prepare(rig)
            rig.archive = archive or rig.archive
            async with rig:
                await scenario(rig)
            assert rig.events("ConnectionFailed") == []
            return rig

        return asyncio.run(main())

    return runner


@pytest.mark.parametrize("model", list(Model))
def test_every_model_answers_at_each_of_its_levels(visit, model):
    kept = []

    async def scenario(rig):
        asker = await rig.ask((model.find_uid, [IMPLICIT]))
        one = kept[0]
        keys = {}
        for level in model.levels:
            name = ("PATIENT_ID", "STUDY_INSTANCE_UID", "SERIES_INSTANCE_UID", "SOP_INSTANCE_UID")
            wanted = identifier(level.name, **keys, **{name[level]: ""})
            found, last = await answers(asker, wanted, sop_class=UID(model.find_uid))
            assert last.status == 0
            (_, match), *others = found
            assert others == []
            assert match.text(QUERY_RETRIEVE_LEVEL) == level.name
            keys[name[level]] = match.text(level.unique_tag)
        assert match.text(tags.STUDY_INSTANCE_UID) in ("", one.study_instance_uid)
        await asker.release()

    visit(scenario, prepare=lambda rig: kept.extend(rig.keep(1)))


def test_no_match_is_a_success_without_pending_responses(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        found, last = await answers(asker, identifier(PATIENT_ID="NOBODY"))
        assert (found, last.status, last.has_data_set) == ([], 0, False)

    rig = visit(scenario)
    (event,) = rig.events("QueryAnswered")
    assert (event.matches, event.ending, event.query_level) == (0, "success", "study")


@pytest.mark.parametrize(
    ("wanted", "status", "offending"),
    [
        (DataSetBuilder("").data_set, 0xA900, (QUERY_RETRIEVE_LEVEL,)),
        (identifier("PATIENT"), 0xA900, (QUERY_RETRIEVE_LEVEL,)),
        (identifier("SERIES"), 0xA900, (tags.STUDY_INSTANCE_UID,)),
    ],
)
def test_a_question_that_is_none_names_the_offending_element(visit, wanted, status, offending):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        found, last = await answers(asker, wanted)
        assert (found, last.status, last.offending_elements) == ([], status, offending)
        assert await answers(asker, identifier(PATIENT_ID="NOBODY"), message_id=2)

    rig = visit(scenario)
    assert len(rig.events("OperationRefused")) == 1


def test_an_identifier_that_is_no_data_set_cannot_be_processed(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        context = asker.context(FIND)
        asker.send(context.id, find_request(1, FIND), b"\x08\0\x52\0CS\xff\xff")
        ((_, command, _),) = await asker.responses()
        assert command.status == 0xC000

    visit(scenario)


@pytest.mark.parametrize(
    ("failure", "status"), [(LedgerUnavailable("busy"), 0xA700), (KeyError("secret"), 0xC001)]
)
def test_an_archive_that_fails_is_a_status_and_the_association_goes_on(visit, failure, status):
    archive = Fixed()
    archive.failure = failure

    async def scenario(rig):
        asker = await rig.ask(FINDING)
        _, last = await answers(asker, identifier(PATIENT_ID=""))
        assert last.status == status
        assert "secret" not in last.error_comment
        archive.failure = None
        found, last = await answers(asker, identifier(PATIENT_ID=""), message_id=2)
        assert (len(found), last.status) == (1, 0)

    rig = visit(scenario, archive=archive)
    assert len(rig.events("OperationFailed")) == (status == 0xC001)


def test_keys_that_narrow_nothing_are_a_warning_in_each_response(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        found, _ = await answers(asker, identifier(PATIENT_ID=""))
        assert [status for status, _ in found] == [0xFF01, 0xFF01]

    visit(scenario, archive=Fixed(size=2, ignored=(0x00102160,)))


def test_more_matches_than_allowed_end_with_their_number_and_b001(visit):
    archive = Fixed(batches=3, size=20)

    async def scenario(rig):
        asker = await rig.ask(FINDING)
        found, last = await answers(asker, identifier(PATIENT_ID=""))
        assert (len(found), last.status) == (25, 0xB001)
        assert archive.asked[0].limit == 26
        assert archive.is_closed

    visit(scenario, archive=archive, limits=DimseLimits(find_matches_max=25))


def test_as_many_matches_as_allowed_are_a_success(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        found, last = await answers(asker, identifier(PATIENT_ID=""))
        assert (len(found), last.status) == (40, 0)

    limits = DimseLimits(find_matches_max=40)
    visit(scenario, archive=Fixed(batches=2, size=20), limits=limits)


def test_a_cancel_is_seen_within_a_batch(visit):
    archive = Fixed(batches=1, size=100_000)

    async def scenario(rig):
        asker = await rig.ask(FINDING)
        context = question(asker, identifier(PATIENT_ID=""), message_id=9)
        await asker.message()
        asker.send(context.id, cancel_request(9))
        got = await asker.responses()
        assert got[-1][1].status == 0xFE00
        assert len(got) < 90_000

    rig = visit(scenario, archive=archive)
    assert archive.is_closed
    assert rig.events("QueryAnswered")[0].ending == "cancel"


def test_others_have_their_turn_within_a_batch(visit):
    archive = Fixed(size=320)

    async def scenario(rig):
        asker = await rig.ask(FINDING)
        question(asker, identifier(PATIENT_ID=""))
        turns = 0
        async with asyncio.timeout(10):
            while not rig.events("QueryAnswered"):
                await asyncio.sleep(0)
                turns += archive.given
        assert turns >= 320 / 16

    visit(scenario, archive=archive)


def test_a_peer_that_does_not_read_stops_the_search(visit):
    archive = Fixed(batches=10_000, size=100)

    async def scenario(rig):
        asker = await rig.ask(FINDING)
        question(asker, identifier(PATIENT_ID=""))
        (connection,) = rig.desk.connections()
        async with asyncio.timeout(10):
            while not connection.outbox.is_waiting:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        given = archive.given
        await asyncio.sleep(0.05)
        assert archive.given == given < 2000
        assert connection._channel._unsent_bytes < 64 * 1024

    visit(scenario, archive=archive)
    assert archive.is_closed


def test_a_peer_that_vanishes_ends_the_search(visit):
    archive = Fixed(batches=10_000, size=100)

    async def scenario(rig):
        asker = await rig.ask(FINDING)
        question(asker, identifier(PATIENT_ID=""))
        await asker.message()
        await asker.close()
        async with asyncio.timeout(10):
            while not archive.is_closed:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)

    visit(scenario, archive=archive)


def test_operations_of_one_association_are_answered_one_after_the_other(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        for number in (1, 2, 3):
            question(asker, identifier(PATIENT_ID=""), message_id=number)
        got = [await asker.responses() for _ in range(3)]
        numbers = [[c.message_id_being_responded_to for _, c, _ in one] for one in got]
        assert numbers == [[1] * 31, [2] * 31, [3] * 31]

    visit(scenario, archive=Fixed(batches=3, size=10))


def test_too_many_operations_at_a_time_are_refused(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        for number in range(1, 9):
            question(asker, identifier(PATIENT_ID=""), message_id=number)
        got = [await asker.responses() for _ in range(8)]
        assert sorted(one[-1][1].status for one in got) == [0] * 5 + [0xA700] * 3

    visit(scenario, archive=Fixed(batches=30, size=100))


def test_a_release_is_answered_behind_what_was_asked_for(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        question(asker, identifier(PATIENT_ID=""))
        await asker.release()

    rig = visit(scenario, archive=Fixed(batches=3, size=10))
    assert rig.events("QueryAnswered")[0].matches == 30
    assert rig.events("AssociationClosed")[0].ending == "released"


def test_an_echo_is_answered_while_matches_are_on_their_way(visit):
    verification = "1.2.840.10008.1.1"

    async def scenario(rig):
        asker = await rig.ask(FINDING, (verification, [IMPLICIT]))
        question(asker, identifier(PATIENT_ID=""))
        echo = Command(
            CommandField.C_ECHO_RQ, message_id=7, affected_sop_class_uid=UID(verification)
        )
        asker.send(asker.context(verification).id, encode_command(echo))
        got = []
        while not got or got[-1].status != 0 or got[-1].command_field != 0x8020:
            got.append((await asker.message())[1])
        assert 0x8030 in [command.command_field for command in got]

    visit(scenario, archive=Fixed(batches=30, size=100))


def test_the_answer_is_in_the_character_set_of_the_question(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        found, _ = await answers(
            asker, identifier(charset="ISO_IR 100", PATIENT_NAME="", STUDY_INSTANCE_UID="")
        )
        (_, match) = found[0]
        assert match.text(tags.SPECIFIC_CHARACTER_SET) in ("", "ISO_IR 100")

    visit(scenario, prepare=lambda rig: rig.keep(1))


def test_relational_questions_need_their_negotiation(visit):
    async def scenario(rig):
        wanted = identifier("SERIES", MODALITY="CT")
        plain = await rig.ask(FINDING)
        assert (await answers(plain, wanted))[1].status == 0xA900
        agreed = await rig.ask(FINDING, extended=[(FIND, b"\1\1\1\1\1")])
        (answer,) = agreed.accept.user_information.extended
        assert answer.application_information == b"\1\1\1\1\0"
        found, last = await answers(agreed, wanted)
        assert (len(found), last.status) == (1, 0)

    visit(scenario, prepare=lambda rig: rig.keep(1))


def test_questions_are_answered_while_nothing_can_be_stored(visit):
    async def scenario(rig):
        rig.bench.intake.learn_room(0, 1 << 41)
        asker = await rig.ask(FINDING, ("1.2.840.10008.5.1.4.1.1.2", [EXPLICIT]))
        _, last = await answers(asker, identifier(PATIENT_ID="NOBODY"))
        assert last.status == 0

    visit(scenario)


def test_a_command_of_another_service_on_a_find_context_is_not_recognized(visit):
    async def scenario(rig):
        asker = await rig.ask(FINDING)
        command = Command(
            CommandField.C_GET_RQ, has_data_set=True, message_id=1, affected_sop_class_uid=FIND
        )
        asker.send(asker.context(FIND).id, encode_command(command), struct.pack("<HHL", 8, 5, 0))
        ((_, command, _),) = await asker.responses()
        assert command.status == 0x0211

    visit(scenario)
