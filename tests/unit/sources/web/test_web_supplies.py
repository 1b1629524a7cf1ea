"""What an archive elsewhere has goes out as it comes; half an answer never looks whole."""

import asyncio
import io
import json
import zipfile

import pytest
from asgi_visit import AsgiVisit
from web_retrieval import EXPLICIT, IMPLICIT, WebRig, parts_of

from hilum.dicomweb.resource import RetrieveMetadata
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import AnswererFailed, HttpAnswer, Lost
from hilum.pipeline.answerers.ports import Expected
from hilum.pipeline.archive.ports import Missing, Purpose
from hilum.sources.web.describing import Describing
from hilum.sources.web.door import ROOT, Face, WebDoor
from hilum.sources.web.live import Live
from hilum.sources.web.retrievals import retrieval_handlers
from hilum.sources.web.shelf import Shelf
from hilum.testing.datasets import instance
from hilum.testing.scripted_archive import ScriptedArchive, ScriptedSupply

PARTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ZIP = "application/zip"
LOST = AnswererFailed("pacs: no route", answerer="pacs", ailment=Lost.UNREACHABLE)
FLAWED = (LOST, Missing("", "it is not there"))


def expected(holding):
    return Expected(
        holding.sop_class_uid,
        holding.sop_instance_uid,
        holding.series_instance_uid,
        holding.study_instance_uid,
    )


class SuppliedRig(WebRig):
    """A door over an archive that follows a script; its payloads are in memory."""

    def __init__(self, number=3):
        super().__init__()
        self.made = [instance(seed=seed) for seed in range(number)]
        self.held = [self.keep(one) for one in self.made]
        self.supply = ScriptedSupply([expected(one) for one in self.held])
        self.scripted = ScriptedArchive(supplies=[self.supply])
        shelf = Shelf(self.scripted, self.payloads, self.events)
        handlers = {
            **retrieval_handlers(shelf),
            RetrieveMetadata: Describing(self.scripted, shelf),
        }
        self.live = Live()
        self.scripted_door = WebDoor(Face(ROOT, "HILUM"), handlers, self.events, live=self.live)
        self.study = f"{ROOT}/studies/{self.held[0].study_instance_uid}"

    def visit(self, accept=PARTS, path=""):
        return AsgiVisit(self.scripted_door, self.study + path, accept=accept)

    def missing(self, at, reason="it is not there"):
        return Missing(self.held[at].sop_instance_uid, reason)


class Whole:
    """What `parts_of` takes for an answer."""

    def __init__(self, visit):
        self.content = visit.body
        self.headers = {name.encode(): value.encode() for name, value in visit.headers.items()}


def told(visit):
    return json.loads(visit.body)


@pytest.fixture
def rig():
    made = SuppliedRig()
    yield made
    assert made.payloads.open_now == 0
    assert made.supply.is_closed
    assert made.supply.waiting == 0
    assert not made.live.requests()


@pytest.mark.parametrize("accept", [PARTS, ZIP])
def test_the_first_instance_leaves_before_the_second_is_here(rig, accept):
    async def scenario():
        visit = rig.visit(accept)
        rig.supply.give(rig.held[1])
        await visit.until(lambda: rig.made[1].data_set in visit.body)
        assert "content-length" not in visit.headers
        rig.supply.give(rig.held[0], rig.held[2])
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 200
    assert visit.is_over
    assert rig.supply.given_back == [rig.held[1], rig.held[0], rig.held[2]]


def test_parts_that_came_in_any_order_are_the_bytes_that_are_held(rig):
    async def scenario():
        visit = rig.visit()
        rig.supply.give(*reversed(rig.held))
        await visit.end()
        return visit

    parts = parts_of(Whole(asyncio.run(scenario())))

    assert [one.data_set for one in reversed(rig.made)] == [
        content[-len(one.data_set) :]
        for (_, content), one in zip(parts, reversed(rig.made), strict=True)
    ]


def test_an_archive_that_came_piece_by_piece_can_be_opened(rig):
    async def scenario():
        visit = rig.visit(ZIP)
        rig.supply.give(*rig.held)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    with zipfile.ZipFile(io.BytesIO(visit.body)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3
    assert "attachment" in visit.headers["content-disposition"]


@pytest.mark.parametrize("accept", [PARTS, ZIP])
@pytest.mark.parametrize("fault", FLAWED, ids=["failed", "missing"])
def test_what_fails_behind_the_first_byte_cuts_the_answer(rig, accept, fault):
    async def scenario():
        visit = rig.visit(accept)
        rig.supply.give(rig.held[0])
        await visit.until(lambda: rig.made[0].data_set in visit.body)
        if isinstance(fault, Missing):
            rig.supply.give(rig.missing(1))
        else:
            rig.supply.fail(fault)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.is_cut
    assert not visit.is_over
    assert not visit.body.endswith(b"--")
    assert not zipfile.is_zipfile(io.BytesIO(visit.body))


@pytest.mark.parametrize("accept", [PARTS, ZIP])
def test_what_is_missing_before_the_first_byte_is_told_in_the_head(rig, accept):
    async def scenario():
        visit = rig.visit(accept)
        rig.supply.give(rig.missing(0), rig.held[1], rig.held[2])
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 206
    assert visit.is_over
    assert "1 instances are left out: it is not there" in visit.headers["warning"]


@pytest.mark.parametrize("path", ["", "/metadata"])
def test_a_part_of_the_archive_that_is_away_is_told_in_the_head(rig, path):
    rig.supply.warnings = ("pacs2: did not answer in time",)

    async def scenario():
        visit = rig.visit(PARTS if not path else "*/*", path)
        rig.supply.give(*rig.held)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 206
    assert "may be incomplete: pacs2: did not answer in time" in visit.headers["warning"]
    assert "etag" not in visit.headers


@pytest.mark.parametrize("path", ["", "/metadata"])
def test_when_all_is_missing_that_is_an_error(rig, path):
    async def scenario():
        visit = rig.visit("*/*", path)
        rig.supply.give(*[rig.missing(at) for at in range(3)])
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 502
    assert "it is not there" in told(visit)["detail"]


@pytest.mark.parametrize("path", ["", "/metadata"])
@pytest.mark.parametrize(
    ("ailment", "status", "retry"),
    [
        (Lost.UNREACHABLE, 502, None),
        (Lost.LATE, 504, None),
        (Lost.BUSY, 503, "10"),
        (HttpAnswer(429, 7.2), 503, "8"),
        (HttpAnswer(404), 404, None),
    ],
)
def test_an_archive_that_fails_is_named_with_the_right_code(rig, path, ailment, status, retry):
    async def scenario():
        visit = rig.visit("*/*", path)
        rig.supply.fail(AnswererFailed("pacs: no", answerer="pacs", ailment=ailment))
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert (visit.status, told(visit)["archive"]) == (status, "pacs")
    assert visit.headers.get("retry-after") == retry
    assert visit.headers["content-type"] == "application/problem+json"


def test_who_takes_one_transfer_syntax_only_is_told_what_is_left_out(rig):
    rig.held[1] = rig.store(rig.made[1].data_set, "1.2.840.10008.1.2.4.50")

    async def scenario():
        visit = rig.visit(
            f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}'
        )
        rig.supply.give(*rig.held)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 206
    assert "1 have no transfer syntax that is accepted" in visit.headers["warning"]
    assert len(parts_of(Whole(visit))) == 2
    assert rig.scripted.syntaxes == [(EXPLICIT,)]


def test_who_takes_none_of_the_forms_is_told_before_anything_comes(rig):
    async def scenario():
        visit = rig.visit("application/dicom")
        await visit.end()
        return visit

    assert asyncio.run(scenario()).status == 406


def test_what_has_to_be_written_anew_is_so_one_by_one(rig):
    rig.held[0] = rig.keep(instance(seed=0, syntax=UID(IMPLICIT)))

    async def scenario():
        visit = rig.visit('multipart/related; type="application/dicom"')
        rig.supply.give(*rig.held)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    headers = [headers["content-type"] for headers, _ in parts_of(Whole(visit))]
    assert all(EXPLICIT in one for one in headers)


def test_one_instance_has_a_length_and_a_tag_wherever_it_is_from():
    rig = SuppliedRig(1)
    one = rig.held[0]
    path = f"/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"

    async def scenario():
        visit = rig.visit("application/dicom; transfer-syntax=*", path)
        rig.supply.give(one)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 200
    assert {"content-length", "etag", "accept-ranges"} <= visit.headers.keys()
    assert rig.supply.is_closed


def test_metadata_has_the_order_of_the_archive_and_tells_what_it_lacks(rig):
    async def scenario():
        visit = rig.visit("*/*", "/metadata")
        rig.supply.give(rig.held[2], rig.missing(1), rig.held[0])
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    uids = [one["00080018"]["Value"][0] for one in told(visit)]
    assert uids == [rig.held[0].sop_instance_uid, rig.held[2].sop_instance_uid]
    assert visit.status == 206
    assert "etag" not in visit.headers
    assert rig.scripted.retrievals[0][1] is Purpose.METADATA


@pytest.mark.parametrize("path", ["", "/metadata", "/pixeldata"])
def test_a_client_that_goes_while_nothing_comes_ends_the_wait(rig, path):
    async def scenario():
        visit = rig.visit("*/*", path)
        await rig.supply.awaited.wait()
        visit.leave()
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status is None
    assert [one.status for one in rig.events.named("RequestAnswered")] == ["499"]


def test_a_client_that_goes_in_the_middle_ends_the_wait(rig):
    async def scenario():
        visit = rig.visit()
        rig.supply.give(rig.held[0])
        await visit.until(lambda: rig.made[0].data_set in visit.body)
        await rig.supply.awaited.wait()
        visit.leave()
        await visit.end()

    asyncio.run(scenario())

    assert [one.status for one in rig.events.named("RequestAnswered")] == ["499"]


def test_a_request_under_way_is_shown_without_what_may_be_of_a_patient(rig):
    async def scenario():
        visit = AsgiVisit(rig.scripted_door, rig.study, accept=PARTS, query=b"PatientID=secret")
        rig.supply.give(rig.held[0])
        await visit.until(lambda: rig.made[0].data_set in visit.body)
        (shown,) = rig.live.requests()
        visit.leave()
        await visit.end()
        return shown, visit

    shown, visit = asyncio.run(scenario())

    assert (shown.method, shown.path, shown.resource) == ("GET", rig.study, "instances")
    assert shown.sent_bytes == len(visit.body)
    assert shown.address == "127.0.0.1"


def test_an_operator_ends_a_request_that_waits(rig):
    async def scenario():
        visit = rig.visit()
        await rig.supply.awaited.wait()
        (shown,) = rig.live.requests()
        assert rig.live.abort(shown.id)
        await visit.end()
        assert not rig.live.abort(shown.id)
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 503
    assert "operator" in told(visit)["detail"]


def test_an_operator_cuts_an_answer_that_was_begun(rig):
    async def scenario():
        visit = rig.visit()
        rig.supply.give(rig.held[0])
        await visit.until(lambda: rig.made[0].data_set in visit.body)
        (shown,) = rig.live.requests()
        rig.live.abort(shown.id)
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.is_cut
    assert not visit.is_over


def test_who_ends_the_task_ends_it(rig):
    async def scenario():
        visit = rig.visit()
        await rig.supply.awaited.wait()
        visit._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit.end()

    asyncio.run(scenario())


@pytest.mark.parametrize("accept", [PARTS, ZIP])
def test_what_nobody_has_listed_goes_out_as_it_comes(rig, accept):
    rig.supply.expected = ()

    async def scenario():
        visit = rig.visit(accept)
        rig.supply.give(rig.held[1])
        await visit.until(lambda: rig.made[1].data_set in visit.body)
        rig.supply.give(rig.held[0], rig.held[2])
        await visit.end()
        return visit

    visit = asyncio.run(scenario())

    assert visit.status == 200
    assert visit.is_over


def test_what_nobody_has_listed_keeps_its_order_where_all_is_waited_for(rig):
    rig.supply.expected = ()

    async def scenario():
        visit = rig.visit(PARTS.replace("*", EXPLICIT))
        rig.supply.give(*rig.held)
        await visit.end()
        return visit

    parts = parts_of(Whole(asyncio.run(scenario())))

    assert [one.data_set for one in rig.made] == [
        content[-len(one.data_set) :] for (_, content), one in zip(parts, rig.made, strict=True)
    ]


def test_nothing_is_there_only_if_nothing_was_counted(rig):
    rig.supply.expected, rig.supply.count = (), 0

    async def scenario():
        visit = rig.visit()
        await visit.end()
        return visit

    assert asyncio.run(scenario()).status == 404
