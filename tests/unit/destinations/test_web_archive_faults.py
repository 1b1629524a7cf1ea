"""A DICOMweb server as an archive when all is not well: every code, every way to break an answer.

What was not asked for, or is not whole, is never kept; nothing waits beyond a deadline.
"""

import asyncio
import json

import pytest
from scripted_archive import MemorySink, ScriptedArchive, multipart, multipart_body, part10

from hilum.destinations.dicomweb.archive.answerer import WebAnswerer
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.dicomweb.media_types import DICOM, DICOM_JSON
from hilum.kernel.errors import CorruptPayload, Full, NotAllowed
from hilum.pipeline.answerers.ailments import AnswererFailed, HttpAnswer, Lost
from hilum.pipeline.answerers.ports import Expected, Fetch
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval
from hilum.service.clock import SystemClock
from hilum.testing.datasets import instance
from hilum.testing.http_server import HangUp, Reply, Silence

HASTY = {
    "response_timeout_seconds": 0.2,
    "stall_timeout_seconds": 0.2,
}
# Longer than what is looked at before an instance is begun with.
INSTANCES = [instance(seed=n, study=1, series=1, pixel_bytes=60_000) for n in (1, 2, 3)]
STUDY = INSTANCES[0].study_instance_uid
RETRIEVAL = Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)})
EXPECTED = [
    Expected(
        one.sop_class_uid, one.sop_instance_uid, one.series_instance_uid, one.study_instance_uid
    )
    for one in INSTANCES
]
FETCH = Fetch(RETRIEVAL, EXPECTED)
CODES = [
    *(400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417),
    *(421, 422, 423, 424, 425, 426, 428, 429, 431, 451),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511),
]
REDIRECTIONS = [300, 301, 302, 303, 304, 305, 307, 308]
JSON_HEADERS = {"Content-Type": DICOM_JSON}


def always(reply):
    """Answer every request so; what is raised is done."""

    def answer(_):
        if isinstance(reply, Reply):
            return reply
        raise reply

    return answer


async def until(condition):
    """Let others work until something is so."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- of another side, which has no event for it
            await asyncio.sleep(0)


async def search(answerer, level=Level.STUDY):
    return [match async for batch in answerer.find(Query(level)) for match in batch.matches]


async def ailment_of_search(rig, **settings):
    async with rig.answering(**settings) as answerer:
        with pytest.raises(AnswererFailed) as failed:
            await search(answerer)
        assert not answerer.in_use
    assert failed.value.answerer == "cloud"
    return failed.value.ailment


async def fetched(rig, fetch=FETCH, sink=None, **settings):
    """Give what was missing and what was kept."""
    sink = MemorySink() if sink is None else sink
    async with rig.answering(**{**HASTY, **settings}) as answerer:
        missing = await answerer.fetch(fetch, sink)
        assert not answerer.in_use
    held = {one.sop_instance_uid: one.data_set for one in rig.instances}
    assert all(sink.kept[uid] == held[uid] for uid in sink.kept)
    assert not sink.open
    assert not sink.kept.keys() & missing.keys()
    assert sink.kept.keys() | missing.keys() == {one.sop_instance_uid for one in fetch.wanted}
    return missing, sink


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [*CODES, *REDIRECTIONS, 199 + 400])
async def test_a_search_that_is_refused_says_with_which_code(code):
    archive = ScriptedArchive()
    archive.quirk = always(Reply(code))

    if code in {404, 410}:
        async with archive.answering() as answerer:
            assert await search(answerer) == []
    else:
        assert await ailment_of_search(archive) == HttpAnswer(code)


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [*CODES, *REDIRECTIONS])
async def test_a_retrieval_that_is_refused_says_with_which_code(code):
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = always(Reply(code))
    sink = MemorySink()

    async with archive.answering() as answerer:
        if code in {404, 410}:
            missing = await answerer.fetch(FETCH, sink)
            assert all(str(code) in one.reason for one in missing.values())
        else:
            with pytest.raises(AnswererFailed) as failed:
                await answerer.fetch(FETCH, sink)
            assert failed.value.ailment == HttpAnswer(code)
    assert not sink.kept


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reply", "ailment"),
    [
        (Reply(200, JSON_HEADERS, b'[{"0020000D":{"vr":"UI","Value":["1.2"]}}'), Lost.BROKEN),
        (Reply(200, JSON_HEADERS, b'[{"0020000D":'), Lost.BROKEN),
        (Reply(200, JSON_HEADERS, b"nonsense"), Lost.BROKEN),
        (Reply(200, JSON_HEADERS, b"[1, 2]"), Lost.BROKEN),
        (Reply(200, JSON_HEADERS, b'[{"a" 1}]'), Lost.BROKEN),
        (Reply(200, {"Content-Type": "text/html"}, b"<html>log in</html>"), Lost.BROKEN),
        (Reply(200, {"Content-Type": "text/html"}, b"[{}]"), Lost.BROKEN),
        (Reply(200, JSON_HEADERS, b"[{}]", cut_at=2), Lost.ABORTED),
        (Reply(200, {**JSON_HEADERS, "Content-Length": "99"}, b"[]", closes=True), Lost.ABORTED),
        (Reply(200, {**JSON_HEADERS, "Content-Length": "99"}, b"[]"), Lost.LATE),
        (Reply(200, {**JSON_HEADERS, "Content-Encoding": "gzip"}, b"not gzip"), Lost.BROKEN),
        (Reply(200, {**JSON_HEADERS, "Content-Encoding": "br"}, b"[]"), Lost.BROKEN),
        (Reply(200, JSON_HEADERS, stalls=True), None),
        (HangUp(), Lost.ABORTED),
        (Silence(), Lost.LATE),
    ],
)
async def test_an_answer_that_is_broken_is_no_answer(reply, ailment):
    archive = ScriptedArchive()
    archive.quirk = always(reply)

    if ailment is None:  # without a body there is nothing to wait for
        async with archive.answering(**HASTY) as answerer:
            assert await search(answerer) == []
    else:
        assert await ailment_of_search(archive, **HASTY) == ailment


@pytest.mark.asyncio
async def test_nobody_there_is_unreachable():
    settings = DicomWebDestinationSettings(type="dicomweb", url="http://127.0.0.1:9/rs")
    answerer = WebAnswerer("cloud", settings, SystemClock())

    with pytest.raises(AnswererFailed) as failed:
        await answerer.verify()
    await answerer.aclose()

    assert failed.value.ailment == Lost.UNREACHABLE


@pytest.mark.asyncio
@pytest.mark.parametrize("how", [{"is_gzipped": True}, {"is_chunked": True}, {"closes": True}])
async def test_an_answer_may_be_sent_in_every_honest_way(how):
    archive = ScriptedArchive(INSTANCES)
    body = b'[{"0020000D":{"vr":"UI","Value":["1.2"]}}]'
    archive.quirk = always(Reply(200, JSON_HEADERS, body, **how))

    async with archive.answering(**HASTY) as answerer:
        assert len(await search(answerer)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("how", [{"is_gzipped": True}, {"is_chunked": True}, {"closes": True}])
async def test_instances_may_be_sent_in_every_honest_way(how):
    small = [instance(seed=n, study=1, series=1, pixel_bytes=64) for n in (1, 2, 3)]
    archive = ScriptedArchive(small)
    archive.quirk = always(multipart(small, **how))

    missing, sink = await fetched(archive)

    assert len(sink.kept) == 3
    assert missing == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("how", [{}, {"is_gzipped": True}, {"is_chunked": True}, {"closes": True}])
async def test_a_long_instance_is_taken_in_pieces_that_stay_as_they_came(how):
    long = [instance(seed=1, study=1, series=1, pixel_bytes=2 << 20)]
    archive = ScriptedArchive(long)
    archive.quirk = always(multipart(long, **how))

    _, sink = await fetched(archive)  # the sink looks at each piece

    assert sink.kept == {long[0].sop_instance_uid: long[0].data_set}


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_within_the_server_is_followed(code):
    archive = ScriptedArchive(INSTANCES)

    def moved(request):
        if request.target.startswith("/rs/studies?"):
            target = request.target.replace("/rs/studies?", "/rs/studies?x=1&")
            return None if "x=1" in request.target else Reply(code, {"Location": target})
        return None

    archive.quirk = moved
    async with archive.answering() as answerer:
        assert len(await search(answerer)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("location", ["http://elsewhere.example.org/rs", "https://127.0.0.1/", ""])
async def test_a_redirect_to_elsewhere_is_not_followed(location):
    archive = ScriptedArchive()
    archive.quirk = always(Reply(302, {"Location": location}))

    assert await ailment_of_search(archive) == HttpAnswer(302)
    assert len(archive.server.requests) == 1


@pytest.mark.asyncio
async def test_redirects_in_circles_end():
    archive = ScriptedArchive()
    archive.quirk = always(Reply(302, {"Location": "/rs/studies"}))

    assert await ailment_of_search(archive, archive={"redirects_max": 2}) == HttpAnswer(302)
    assert len(archive.server.requests) == 3


@pytest.mark.asyncio
async def test_a_server_that_asks_for_a_moment_is_asked_again():
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = lambda request: Reply(503, {"Retry-After": "0"}) if request.number < 2 else None
    async with archive.answering() as answerer:
        assert len(await search(answerer)) == 1


@pytest.mark.asyncio
async def test_a_server_that_asks_for_an_hour_is_not_waited_for():
    archive = ScriptedArchive()
    archive.quirk = always(Reply(429, {"Retry-After": "3600"}))

    assert await ailment_of_search(archive) == HttpAnswer(429, 3600.0)
    assert len(archive.server.requests) == 1


@pytest.mark.asyncio
async def test_a_token_that_is_refused_is_renewed_once(tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    archive = ScriptedArchive(INSTANCES)

    def guard(request):
        if request.headers["authorization"] == "Bearer new":
            return None
        token.write_text("new")
        return Reply(401)

    archive.quirk = guard
    async with archive.answering(auth={"type": "bearer", "token_file": token}) as answerer:
        assert len(await search(answerer)) == 1

    assert len(archive.server.requests) == 2


def good(number=3):
    return multipart_body([part10(one) for one in INSTANCES[:number]])


def odd_replies():
    kind, body = good()
    other = [instance(seed=n, study=2) for n in (8, 9)]
    two = multipart_body([part10(one) for one in INSTANCES[:2]])[1]
    half = len(body) - len(part10(INSTANCES[2])) // 2
    return {
        "wrong boundary": Reply(200, {"Content-Type": kind.replace("b0undary", "other")}, body),
        "no boundary": Reply(200, {"Content-Type": "multipart/related"}, body),
        "no end": Reply(200, {"Content-Type": kind}, body[:-14]),
        "no type": Reply(200, {}, body),
        "a page": Reply(200, {"Content-Type": "text/html"}, b"<html>"),
        "a page for instances": Reply(200, {"Content-Type": kind}, two + b"<html>"),
        "nothing": Reply(204),
        "an empty body": Reply(200, {"Content-Type": kind}),
        "cut": Reply(200, {"Content-Type": kind}, body, cut_at=half),
        "cut in its head": Reply(200, {"Content-Type": kind}, body, cut_at=200),
        "chunked and cut": Reply(200, {"Content-Type": kind}, two, is_chunked=True, cut_at=90_000),
        "too long": Reply(200, {"Content-Type": kind, "Content-Length": str(1 << 20)}, body[:half]),
        "too short": Reply(200, {"Content-Type": kind, "Content-Length": str(half)}, body),
        "stalled": Reply(200, {"Content-Type": kind}, body, stalls=True),
        "others": multipart(other),
        "none": multipart([]),
        "partial": multipart(INSTANCES[:2], status=206),
        "twice the same": multipart([*INSTANCES[:2], INSTANCES[0]]),
        "not DICOM": Reply(200, {"Content-Type": kind}, multipart_body([b"x" * 9999])[1]),
        "damaged gzip": Reply(
            200, {"Content-Type": kind, "Content-Encoding": "gzip"}, b"\x1f\x8b" + body
        ),
        "a lone part": Reply(200, {"Content-Type": DICOM}, part10(INSTANCES[1])),
        "a lone part, cut": Reply(
            200, {"Content-Type": DICOM}, part10(INSTANCES[1]), cut_at=50_000
        ),
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("odd", odd_replies())
async def test_what_an_odd_answer_lacks_is_asked_for_one_by_one(odd):
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = lambda request: None if "/instances/" in request.target else odd_replies()[odd]

    missing, sink = await fetched(archive)

    assert missing == {}
    assert len(sink.kept) == 3


@pytest.mark.asyncio
@pytest.mark.parametrize("odd", odd_replies())
async def test_what_stays_odd_is_missing_and_said_why(odd):
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = always(odd_replies()[odd])
    sink = MemorySink()

    try:
        missing, _ = await fetched(archive, sink=sink)
    except AnswererFailed as failed:
        told = {type(failed.ailment)}
        assert not sink.kept
    else:
        told = {Lost}
        assert all(len(one.reason) > 10 for one in missing.values())
    assert told == {Lost}
    assert not sink.open
    assert len(archive.server.requests) <= 1 + 2 * 3


@pytest.mark.asyncio
async def test_another_instance_than_was_asked_for_is_not_kept():
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = always(multipart(INSTANCES[1:2]))
    retrieval = Retrieval(Level.IMAGE, {Level.IMAGE: (INSTANCES[0].sop_instance_uid,)})

    missing, sink = await fetched(archive, Fetch(retrieval, EXPECTED[:1]))

    assert not sink.kept
    assert "another instance" in missing[INSTANCES[0].sop_instance_uid].reason


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "tries"), [(NotAllowed("no"), 1), (Full("no"), 1), (CorruptPayload("bad"), 2)]
)
async def test_what_the_sink_refuses_is_missing(error, tries):
    archive = ScriptedArchive(INSTANCES)
    sink = MemorySink()
    sink.refuses = {INSTANCES[1].sop_instance_uid: error}

    missing, sink = await fetched(archive, sink=sink)

    assert INSTANCES[1].sop_instance_uid in missing
    assert len(archive.accepted) == tries
    if not isinstance(error, Full):
        assert len(sink.kept) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("liked", range(6))
async def test_other_forms_of_accept_are_tried_and_what_worked_is_remembered(liked):
    archive = ScriptedArchive(INSTANCES)
    forms = [
        f'multipart/related; type="{DICOM}"; transfer-syntax=*',
        f"multipart/related; type={DICOM}; transfer-syntax=*",
        f'multipart/related; type="{DICOM}"',
        f"multipart/related; type={DICOM}",
        f"{DICOM}; transfer-syntax=*",
        DICOM,
    ]

    def picky(request):
        accept = request.headers["accept"]
        if accept != forms[liked]:
            return Reply(406)
        if accept.startswith(DICOM):
            path = request.target.removeprefix("/rs/").split("/")
            return Reply(200, {"Content-Type": DICOM}, part10(archive.held(path)[0]))
        return None

    archive.quirk = picky
    sink, again = MemorySink(), MemorySink()
    one = Fetch(
        Retrieval(Level.IMAGE, {Level.IMAGE: (EXPECTED[0].sop_instance_uid,)}), EXPECTED[:1]
    )
    async with archive.answering() as answerer:
        assert await answerer.fetch(one, sink) == {}
        count = len(archive.server.requests)
        assert await answerer.fetch(one, again) == {}

    assert count == liked + 1
    assert len(archive.server.requests) == count + 1
    assert sink.kept == again.kept


JPEG_2000 = "1.2.840.10008.1.2.4.90"
AS_STORED = f'multipart/related; type="{DICOM}"; transfer-syntax=*'
AS_JPEG_2000 = (
    f'multipart/related; type="{DICOM}"; transfer-syntax={JPEG_2000}, '
    f'multipart/related; type="{DICOM}"; transfer-syntax=1.2.840.10008.1.2.1; q=0.5'
)


@pytest.mark.asyncio
async def test_what_can_be_taken_as_it_is_stored_is_not_converted():
    archive = ScriptedArchive(INSTANCES)
    fetch = Fetch(RETRIEVAL, EXPECTED, (JPEG_2000, "1.2.840.10008.1.2"))

    missing, sink = await fetched(archive, fetch)

    assert archive.accepted == [AS_STORED]
    assert not missing
    assert len(sink.kept) == len(INSTANCES)


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [None, 400, 406, 415, 500, 501])
async def test_another_syntax_is_asked_for_where_nobody_could_take_what_is_stored(answer):
    """A server that cannot convert is asked once more for what it has."""
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = lambda request: (
        Reply(answer) if answer and JPEG_2000 in request.headers.get("accept", "") else None
    )
    asked = []
    answers = archive.quirk
    archive.quirk = lambda request: (asked.append(request.headers["accept"]), answers(request))[1]

    missing, sink = await fetched(archive, Fetch(RETRIEVAL, EXPECTED, (JPEG_2000,)))

    assert asked == [AS_STORED, AS_JPEG_2000, *([AS_STORED] if answer else [])]
    assert not missing
    assert len(sink.kept) == len(INSTANCES)


@pytest.mark.asyncio
async def test_after_the_archive_went_away_nothing_more_is_tried():
    archive = ScriptedArchive(INSTANCES)
    archive.quirk = lambda request: (
        multipart(INSTANCES[:1], status=206) if request.number == 0 else Reply(503)
    )

    missing, sink = await fetched(archive, archive={"requests_at_once": 1})

    assert len(sink.kept) == 1
    assert len(archive.server.requests) == 2
    assert all("503" in one.reason for one in missing.values())


@pytest.mark.asyncio
async def test_connections_are_bounded_and_waiting_ends():
    archive = ScriptedArchive()
    archive.quirk = always(Silence())
    async with archive.answering(archive={"connections_max": 1, "wait_seconds": 0.05}) as answerer:
        first = asyncio.create_task(search(answerer))
        await until(lambda: archive.server.requests)
        with pytest.raises(AnswererFailed) as failed:
            await search(answerer)
        shown = answerer.in_use
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not answerer.in_use

    assert failed.value.ailment == Lost.BUSY
    assert [line.what for line in shown] == ["search for studies"]


@pytest.mark.asyncio
async def test_nothing_leaks_over_hundreds_of_cancelled_calls():
    archive = ScriptedArchive(INSTANCES)
    kind, body = good()
    archive.quirk = always(
        Reply(200, {"Content-Type": kind, "Content-Length": str(1 << 20)}, body[:-9000])
    )
    sink = MemorySink()
    async with archive.answering() as answerer:
        for number in range(200):
            call = asyncio.create_task(answerer.fetch(FETCH, sink))
            await until(lambda: len(archive.server.requests) > number)  # noqa: B023 -- at once
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert not answerer.in_use
        assert not sink.open
        await until(lambda: not archive.server.open_now)
        assert len(asyncio.all_tasks()) == 1


@pytest.mark.asyncio
async def test_a_search_that_is_not_read_to_its_end_closes_its_connection():
    objects = [{"0020000D": {"vr": "UI", "Value": [f"1.2.{n}"]}} for n in range(5000)]
    archive = ScriptedArchive()
    archive.quirk = always(Reply(200, JSON_HEADERS, json.dumps(objects).encode()))
    async with archive.answering() as answerer:
        batches = answerer.find(Query(Level.STUDY))
        await anext(batches)
        await batches.aclose()

        assert not answerer.in_use
        await until(lambda: not archive.server.open_now)
