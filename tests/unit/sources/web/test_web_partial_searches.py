"""Searches in archives elsewhere: what they say of themselves, and when the answer begins."""

import asyncio
import json

import pytest
from asgi_visit import AsgiVisit
from web_archive import match

from hilum.dicomweb.resource import Search
from hilum.dimse.status import Service
from hilum.kernel.telemetry import Silence
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.pipeline.archive.ports import Batch
from hilum.query.level import Level
from hilum.sources.web import results
from hilum.sources.web.door import Door, Face, WebDoor
from hilum.sources.web.fhir import Fhir
from hilum.sources.web.searching import Searching
from hilum.testing.scripted_archive import ScriptedArchive

FIRST, SECOND = (match(Level.STUDY, study=f"1.2.{at}") for at in (1, 2))
LATE = "pacs2 did not answer in time"


def asked(archive, *, path="/dicom-web/studies"):
    searching = Searching(archive, limit_max=100, empty_status=204, patience_seconds=0.0)
    door = WebDoor(Face("/dicom-web", "HILUM"), {Search: searching}, Silence())
    return AsgiVisit(door, path)


def answered(archive, **options):
    async def scenario():
        visit = asked(archive, **options)
        await visit.end()
        return visit

    return asyncio.run(scenario())


def test_why_an_answer_is_not_all_is_told_in_its_head():
    archive = ScriptedArchive([Batch((FIRST,)), Batch((), warnings=(LATE,))])

    visit = answered(archive)

    assert LATE in visit.headers["warning"]
    assert visit.headers["warning"].startswith("299 ")
    assert len(json.loads(visit.body)) == 1


def test_a_warning_that_is_told_again_and_again_is_told_once():
    batch = Batch((), warnings=(LATE,))

    visit = answered(ScriptedArchive([batch, batch, batch]))

    assert visit.status == 204
    assert visit.headers["warning"].count(LATE) == 1


def test_results_do_not_wait_for_a_slow_archive_and_say_so():
    slow = asyncio.Event()
    first = Batch((FIRST,), awaited=("pacs2",))
    archive = ScriptedArchive([first, slow, Batch((SECOND,), warnings=(LATE,))])

    async def scenario():
        visit = asked(archive)
        await visit.until(lambda: b"1.2.1" in visit.body)  # the results, not just the head
        slow.set()
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert "pacs2: has not answered yet" in visit.headers["warning"]
    assert len(json.loads(visit.body)) == 2
    assert archive.open == 0


def test_an_answer_without_results_waits_for_all_archives():
    slow = asyncio.Event()
    first = Batch((), awaited=("pacs2",))
    archive = ScriptedArchive([first, slow, Batch((), warnings=(LATE,))])

    async def scenario():
        visit = asked(archive)
        for _ in range(10):
            await asyncio.sleep(0)
        assert visit.status is None
        slow.set()
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 204
    assert LATE in visit.headers["warning"]


def test_archives_that_have_begun_are_waited_for():
    slow = asyncio.Event()

    async def scenario():
        visit = asked(ScriptedArchive([Batch((FIRST,)), slow]))
        for _ in range(10):
            await asyncio.sleep(0)
        assert visit.status is None
        slow.set()
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert "warning" not in visit.headers
    assert "content-length" in visit.headers


def test_what_fails_behind_the_head_cuts_the_answer():
    slow = asyncio.Event()
    failure = AnswererFailed("x", answerer="pacs", ailment=Lost.ABORTED)

    async def scenario():
        visit = asked(ScriptedArchive([Batch((FIRST,), awaited=("pacs",)), slow, failure]))
        await visit.until(lambda: visit.status is not None)
        slow.set()
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.is_cut
    assert not visit.is_over


def test_what_is_lacking_and_was_not_told_cuts_the_answer(monkeypatch):
    monkeypatch.setattr(results, "HELD_BYTES_MAX", 10)
    archive = ScriptedArchive([Batch((FIRST,)), Batch((SECOND,), warnings=(LATE,))])

    visit = answered(archive)

    assert LATE not in visit.headers["warning"]
    assert visit.is_cut
    assert not visit.is_over


@pytest.mark.parametrize("begun", [False, True])
def test_a_client_that_goes_ends_the_search(begun):
    archive = ScriptedArchive(
        [*([Batch((FIRST,), awaited=("pacs",))] if begun else []), asyncio.Event()]
    )

    async def scenario():
        visit = asked(archive)
        await visit.until(lambda: visit.status is not None or not begun)
        for _ in range(10):
            await asyncio.sleep(0)
        assert archive.open == 1
        visit.leave()
        await visit.end()

    asyncio.run(scenario())

    assert archive.open == 0


@pytest.mark.parametrize(
    ("ailment", "status", "issue"),
    [
        (Lost.UNREACHABLE, 502, "exception"),
        (Lost.LATE, 504, "timeout"),
        (Lost.BUSY, 503, "transient"),
        (Lost.REJECTED, 502, "exception"),
        (Lost.NOT_OFFERED, 501, "not-supported"),
        (HttpAnswer(403), 403, "forbidden"),
        (HttpAnswer(500), 502, "exception"),
        (DimseAnswer(0xA700, Service.FIND), 503, "transient"),
        (DimseAnswer(0xA900, Service.FIND), 400, "invalid"),
    ],
)
def test_an_archive_that_does_not_answer_is_named_in_both_languages(ailment, status, issue):
    failure = AnswererFailed("pacs: secret", answerer="pacs", ailment=ailment)
    archive = ScriptedArchive([failure])
    fhir = Fhir(archive, dicomweb="", version="1", made_on="", offset_of=lambda *_: None)

    async def scenario():
        search = asked(archive)
        study = AsgiVisit(
            Door(Face("/fhir", "HILUM", refused=fhir.refused), fhir.reply, Silence()),
            "/fhir/ImagingStudy/1.2",
        )
        await search.end()
        await study.end()
        return search, study

    search, study = asyncio.run(scenario())

    problem, outcome = json.loads(search.body), json.loads(study.body)
    assert (search.status, study.status) == (status, status)
    assert (problem["archive"], problem["status"]) == ("pacs", status)
    assert outcome["issue"][0]["code"] == issue
    assert "pacs" in outcome["issue"][0]["diagnostics"]
    assert ("retry-after" in search.headers) == ("retry-after" in study.headers) == (status == 503)


def test_a_study_of_which_parts_may_be_missing_says_so():
    archive = ScriptedArchive([Batch((FIRST,), warnings=(LATE,))])
    fhir = Fhir(archive, dicomweb="", version="1", made_on="", offset_of=lambda *_: None)

    async def scenario():
        door = Door(Face("/fhir", "HILUM", refused=fhir.refused), fhir.reply, Silence())
        visit = AsgiVisit(door, "/fhir/ImagingStudy")
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 200
    assert LATE in visit.headers["warning"]
    assert LATE in visit.body.decode()
