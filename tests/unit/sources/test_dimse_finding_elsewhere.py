"""C-FIND of what archives elsewhere have: how it is told, also in part, and when it is given up."""

import asyncio

import pytest
from asking_rig import AskingRig
from dimse_asker import EXPLICIT
from scripted_supply import ScriptedArchive
from test_dimse_finding import FINDING, answers, identifier, question

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dimse.service.query import cancel_request
from hilum.dimse.status import Service
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.pipeline.archive.ports import Batch
from hilum.pipeline.entities import Entities, Entity
from hilum.query.level import Level
from hilum.query.match import Match

AVAILABILITY, RETRIEVE_AE_TITLE = 0x00080056, 0x00080054


def match(charset="ISO_IR 192", *, answerer="pacs", **values):
    builder = DataSetBuilder(charset).texts(tags.STUDY_INSTANCE_UID, "1.2.3")
    builder.texts(RETRIEVE_AE_TITLE, "THEIRS")
    for name, value in values.items():
        builder.texts(AVAILABILITY if name == "availability" else getattr(tags, name), value)
    return Match(Level.STUDY, builder.data_set, answerer)


@pytest.fixture
def visit(tmp_path):
    """Run a scenario with a rig whose archive says what the test puts in."""

    def runner(scenario, *batches, profile="standard"):
        async def main():
            rig = AskingRig(tmp_path)
            archive = rig.archive = ScriptedArchive()
            for batch in batches:
                archive.batches.put_nowait(batch)
            async with rig, asyncio.timeout(15):
                services = frozenset({"find"})
                rig.desk.entities = Entities(
                    Entity("Archive", "HILUM", services, archive, status_profile=profile), {}
                )
                await scenario(rig, archive)
            assert rig.events("OperationFailed") == []
            return rig

        return asyncio.run(main())

    return runner


def test_a_match_from_elsewhere_is_to_be_fetched_from_us_and_says_where_it_is(visit):
    async def scenario(rig, _):
        asker = await rig.ask(FINDING)
        wanted = identifier(PATIENT_ID="", ACCESSION_NUMBER="", STUDY_DATE="")
        ((status, found), *_), last = await answers(asker, wanted)
        assert (status, last.status, last.error_comment) == (0xFF00, 0, "")
        assert found.text(RETRIEVE_AE_TITLE) == "HILUM"
        assert found.text(AVAILABILITY) == "NEARLINE"
        assert found.text(tags.PATIENT_ID) == "7"
        for missing in (tags.ACCESSION_NUMBER, tags.STUDY_DATE):
            assert found.raw(missing) == b""

    batch = Batch((match(PATIENT_ID="7", availability="NEARLINE"),))
    visit(scenario, batch, None)


@pytest.mark.parametrize(
    ("asked", "name", "told"),
    [
        ("", "Doe^Jane", ""),
        ("", "Müller^Jörg", "ISO_IR 192"),
        ("ISO_IR 100", "Müller^Jörg", "ISO_IR 100"),
        ("ISO_IR 100", "Yamada^Tarou=山田^太郎", "ISO_IR 192"),
        ("ISO_IR 192", "Yamada^Tarou=山田^太郎", "ISO_IR 192"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", ["", "ISO 2022 IR 87"]),
        (["", "ISO 2022 IR 87"], "김^철수", "ISO_IR 192"),
    ],
)
def test_a_name_in_utf_8_is_told_in_the_asker_s_character_set_if_that_has_it(
    visit, asked, name, told
):
    async def scenario(rig, _):
        asker = await rig.ask(FINDING)
        charset = asked if isinstance(asked, str) else "\\".join(asked)
        ((_, found),), last = await answers(asker, identifier(charset=charset, PATIENT_NAME=""))
        assert last.status == 0
        assert found.text(tags.PATIENT_NAME) == name
        told_text = told if isinstance(told, str) else "\\".join(told)
        assert "\\".join(found.texts(tags.SPECIFIC_CHARACTER_SET)) == told_text

    visit(scenario, Batch((match(PATIENT_NAME=name),)), None)


def test_a_part_that_is_missing_is_told_to_the_peer_and_the_operator(visit):
    warnings = ("old-pacs: no answer within its deadline, so nothing of it is here", "b: gone")

    async def scenario(rig, _):
        asker = await rig.ask(FINDING)
        ((status, _), *_), last = await answers(asker, identifier(PATIENT_ID=""))
        assert (status, last.status) == (0xFF00, 0)
        assert last.error_comment.startswith("partial: old-pacs: no answer")
        assert len(last.error_comment) <= 64

    rig = visit(scenario, Batch((match(),)), Batch((match(),), warnings=warnings), None)
    (event,) = rig.events("QueryAnsweredInPart")
    assert "old-pacs" in event.reasons
    assert rig.events("QueryAnswered")[0].matches == 2


def test_a_key_that_nobody_looked_at_is_ff01(visit):
    async def scenario(rig, _):
        asker = await rig.ask(FINDING)
        ((status, _), *_), last = await answers(asker, identifier(PATIENT_ID=""))
        assert (status, last.status) == (0xFF01, 0)

    visit(scenario, Batch((match(),), ignored=(tags.STUDY_DATE,)), None)


@pytest.mark.parametrize(
    ("ailment", "profile", "status"),
    [
        (Lost.LATE, "standard", 0xA700),
        (HttpAnswer(403), "standard", 0x0124),
        (HttpAnswer(404), "standard", 0),
        (HttpAnswer(409), "harmony", 0xC000),
        (DimseAnswer(0xA900, Service.FIND), "standard", 0xA900),
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_an_archive_that_fails_is_told_by_the_table(visit, ailment, profile, status, before):
    failure = AnswererFailed("it does not", answerer="pacs", ailment=ailment)

    async def scenario(rig, _):
        asker = await rig.ask(FINDING)
        found, last = await answers(asker, identifier(PATIENT_ID=""))
        assert (len(found), last.status) == (before, status)

    rig = visit(scenario, *[Batch((match(),))] * before, failure, profile=profile)
    assert bool(rig.events("OperationRefused")) == (status != 0)


@pytest.mark.parametrize("before", [0, 1])
def test_a_cancel_ends_the_wait_for_a_silent_archive(visit, before):
    async def scenario(rig, archive):
        asker = await rig.ask(FINDING)
        context = question(asker, identifier(PATIENT_ID=""), message_id=9)
        await _silent(archive)
        asker.send(context.id, cancel_request(9))
        async with asyncio.timeout(1):
            *found, (_, last, _) = await asker.responses()
            await archive.was_cancelled.wait()
        assert (len(found), last.status) == (before, 0xFE00)
        asker.send(context.id, cancel_request(9))  # crossed with the response
        await asker.release()

    rig = visit(scenario, *[Batch((match(),))] * before)
    assert rig.events("QueryAnswered")[0].ending == "cancel"


@pytest.mark.parametrize("leave", ["release", "close"])
def test_a_peer_that_leaves_ends_the_wait_for_a_silent_archive(visit, leave):
    async def scenario(rig, archive):
        asker = await rig.ask(FINDING)
        question(asker, identifier(PATIENT_ID=""))
        await _silent(archive)
        await getattr(asker, leave)()
        await asyncio.wait_for(archive.was_cancelled.wait(), 1)

    visit(scenario)


def test_a_second_cancel_changes_nothing(visit):
    async def scenario(rig, archive):
        asker = await rig.ask(FINDING)
        context = question(asker, identifier(PATIENT_ID=""), message_id=9)
        await _silent(archive)
        asker.send(context.id, cancel_request(9))
        asker.send(context.id, cancel_request(9))
        assert (await asker.responses())[-1][1].status == 0xFE00
        assert asker.context(FINDING[0]).transfer_syntax == EXPLICIT

    visit(scenario)


async def _silent(archive):
    """Return when the archive was asked, and everything that it had was taken."""
    async with asyncio.timeout(5):
        while not archive.asked or archive.batches.qsize():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.005)
    await asyncio.sleep(0)
