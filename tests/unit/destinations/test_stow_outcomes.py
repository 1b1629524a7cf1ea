"""What each answer of a STOW server means for each instance: the outcome table, over sockets."""

import contextlib
import json

import pytest
from destination_rigs import DicomWebRig

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.dicomweb.store_result import (
    FailedInstance,
    StoredInstance,
    StoreResult,
    store_result_json,
)
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.testing.http_server import Deafness, HangUp, Reply, Silence

pytestmark = pytest.mark.asyncio

JSON = {"Content-Type": "application/dicom+json"}
EMPTY = store_result_json(StoreResult())


def reply_of(status, request, *, failed=(), stored=None, **how):
    """Answer about every instance of a request: `failed` by number, the others stored."""
    uids = [part.sop_instance_uid for part in request.parts]
    reasons = dict(failed)
    result = StoreResult(
        {u: StoredInstance() for n, u in enumerate(uids) if n not in reasons and stored is None},
        {uids[n]: FailedInstance(reason=reason) for n, reason in reasons.items() if n < len(uids)},
    )
    return Reply(status, JSON, store_result_json(result), **how)


@contextlib.asynccontextmanager
async def storing(on_request, *, on_head=lambda _: None, **settings):
    rig = DicomWebRig()
    rig.settings = {"stall_timeout_seconds": 0.3, **settings}
    rig.answer_seconds = settings.pop("answer_seconds", 5.0)
    rig.settings.pop("answer_seconds", None)
    rig.server.on_request, rig.server.on_head = on_request, on_head
    async with rig.running(None) as destination:
        session = destination.session()
        yield rig, session
        await session.aclose()
    assert rig.payloads.open_now == 0


async def outcomes(on_request, count=1, *, attempts=0, pixel_bytes=64, **how):
    """Deliver `count` instances; give their outcomes in order, and how large the requests were."""
    async with storing(on_request, **how) as (rig, session):
        parcels = rig.parcels(count, pixel_bytes=pixel_bytes)
        for parcel in parcels:
            parcel.attempts = attempts
        given = {id(parcel): outcome async for parcel, outcome in session.deliver(parcels)}
        sizes = [len(request.parts) for request in rig.server.requests]
    return [given[id(parcel)] for parcel in parcels], sizes


def fixed(*answer, **how):
    return lambda _: Reply(*answer, **how)


# One instance, one answer. A status without a body that names the instance never delivers.
TABLE = {
    "200 that names it": (lambda r: reply_of(200, r), Delivered()),
    "201 that names it": (lambda r: reply_of(201, r), Delivered()),
    "202 that names it as failed": (
        lambda r: reply_of(202, r, failed=[(0, 0xA900)]),
        Refused("does not match SOP class", 0xA900),
    ),
    "200 that names it as failed": (
        lambda r: reply_of(200, r, failed=[(0, 0x0122)]),
        Refused("SOP class not supported", 0x0122),
    ),
    "202, out of resources": (
        lambda r: reply_of(202, r, failed=[(0, 0xA700)]),
        Deferred("out of resources", failing=Failing.BUSY),
    ),
    "409, processing failure": (
        lambda r: reply_of(409, r, failed=[(0, 0x0110)]),
        Deferred("processing failure", failing=Failing.BUSY),
    ),
    "409, transfer syntax": (
        lambda r: reply_of(409, r, failed=[(0, 0xC122)]),
        Refused("transfer syntax not supported", 0xC122),
    ),
    "409 without a reason": (
        lambda r: reply_of(409, r, failed=[(0, 0)]),
        Refused("gave no reason", http_status=409),
    ),
    "409 without a body": (fixed(409), Refused("409 Conflict and gave no reason", http_status=409)),
    "400": (fixed(400), Refused("400 Bad Request to this instance alone", http_status=400)),
    "400 with a reason": (
        lambda r: reply_of(400, r, failed=[(0, 0xC000)]),
        Refused("cannot understand", 0xC000),
    ),
    "413": (fixed(413), Refused("larger than it", http_status=413)),
    "415": (fixed(415), Refused("transfer syntax 1.2.840.10008.1.2.1", http_status=415)),
    "422": (fixed(422), Refused("422", http_status=422)),
    "401": (fixed(401), Deferred("is auth right", failing=Failing.UNWELCOME)),
    "403": (fixed(403), Deferred("may we store", failing=Failing.UNWELCOME)),
    "404": (fixed(404), Deferred("is the path right? tried?", failing=Failing.UNWELCOME)),
    "405": (fixed(405), Deferred("POST is not for", failing=Failing.UNWELCOME)),
    "410": (fixed(410), Deferred("is the path right", failing=Failing.UNWELCOME)),
    "411": (fixed(411), Deferred("chunked = false", failing=Failing.UNWELCOME)),
    "501": (fixed(501), Deferred("does not store", failing=Failing.UNWELCOME)),
    "408": (fixed(408), Deferred("408", failing=Failing.BUSY)),
    "429": (fixed(429), Deferred("429", failing=Failing.BUSY)),
    "500": (fixed(500), Deferred("500", failing=Failing.BUSY)),
    "502": (fixed(502), Deferred("502", failing=Failing.BUSY)),
    "503": (fixed(503), Deferred("503", failing=Failing.BUSY)),
    "504": (fixed(504), Deferred("504", failing=Failing.BUSY)),
    "507": (fixed(507), Deferred("507", failing=Failing.BUSY)),
    "304": (fixed(304), Deferred("no answer to a store", failing=Failing.CONFUSED)),
    "299": (fixed(299), Deferred("no answer to a store", failing=Failing.CONFUSED)),
    "200 without a body": (fixed(200), Deferred("trust_status", failing=Failing.CONFUSED)),
    "204": (fixed(204), Deferred("trust_status", failing=Failing.CONFUSED)),
    "200 that names nothing": (
        fixed(200, JSON, EMPTY),
        Deferred("names no instance", failing=Failing.CONFUSED),
    ),
    "200 that names another": (
        fixed(200, JSON, store_result_json(StoreResult({"1.2": StoredInstance()}))),
        Deferred("did not name it", failing=Failing.CONFUSED),
    ),
    "200 with a page": (
        fixed(200, {"Content-Type": "text/html"}, b"<html>Log in</html>"),
        Deferred("text/html", failing=Failing.CONFUSED),
    ),
    "200 with broken JSON": (
        fixed(200, JSON, b'{"00081199":'),
        Deferred("not JSON", failing=Failing.CONFUSED),
    ),
    "200 with a bomb": (
        fixed(200, {"Content-Type": "application/dicom+xml"}, b"<!DOCTYPE x><x/>"),
        Deferred("document type", failing=Failing.CONFUSED),
    ),
    "200 in small chunks": (lambda r: reply_of(200, r, is_chunked=True), Delivered()),
    "200 gzipped unasked": (lambda r: reply_of(200, r, is_gzipped=True), Delivered()),
    "200, gzip that is none": (
        fixed(200, {**JSON, "Content-Encoding": "gzip"}, b"nonsense"),
        Deferred("cannot be decoded", failing=Failing.UNREACHABLE),
    ),
    "200 cut in the middle": (
        lambda r: reply_of(200, r, cut_at=20),
        Deferred("was cut", failing=Failing.UNREACHABLE),
    ),
    "200 cut before its body": (
        lambda r: reply_of(200, r, cut_at=0),
        Deferred("was cut", failing=Failing.UNREACHABLE),
    ),
    "200 that stalls": (
        lambda r: reply_of(200, r, stalls=True),
        Deferred("no complete answer within 0.2 s", failing=Failing.UNREACHABLE),
    ),
    "a nameless failure": (
        fixed(409, JSON, store_result_json(StoreResult(other_failures=(0xC000,)))),
        Refused("cannot understand", 0xC000),
    ),
    "no HTTP": (
        fixed(200, {"X": "y\r\nnonsense without colon\x01"}),
        Deferred("not HTTP", failing=Failing.CONFUSED),
    ),
}


@pytest.mark.parametrize(("on_request", "expected"), TABLE.values(), ids=TABLE)
async def test_an_answer_means(on_request, expected):
    seconds = 0.2 if "within" in getattr(expected, "reason", "") else 5.0

    (outcome,), _ = await outcomes(on_request, answer_seconds=seconds)

    assert type(outcome) is type(expected)
    if isinstance(expected, Delivered):
        assert outcome == expected
        return
    for words in expected.reason.split("?"):
        assert words in outcome.reason
    if isinstance(expected, Deferred):
        assert outcome.failing is expected.failing
    else:
        assert outcome.status == expected.status
        assert expected.http_status in {None, outcome.http_status}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("text", "low", "high"), [("120", 120, 120), ("Fri, 01 Jan 2100 00:00:00 GMT", 86400, 86400)]
)
async def test_a_server_says_how_long_to_wait(status, text, low, high):
    (outcome,), _ = await outcomes(fixed(status, {"Retry-After": text}))

    assert low <= outcome.retry_after.total_seconds() <= high


async def test_what_was_not_sent_to_a_busy_server_was_not_tried():
    given, sizes = await outcomes(fixed(503), 5, request_instances_max=2)

    assert sizes == [2]
    assert [one.failing for one in given] == [Failing.BUSY] * 2 + [Failing.UNTRIED] * 3


async def test_one_failure_of_many_is_one_refusal():
    given, sizes = await outcomes(lambda r: reply_of(202, r, failed=[(3, 0xA900)]), 8)

    assert sizes == [8]
    assert [type(one) for one in given] == [Delivered] * 3 + [Refused] + [Delivered] * 4


async def test_what_a_conflict_does_not_name_is_sent_again():
    """409 says that nothing of the request was stored (PS3.18 Table 10.5.3-1)."""

    def react(request):
        if len(request.parts) == 4:
            return reply_of(409, request, failed=[(1, 0xA900)], stored=())
        return reply_of(200, request)

    given, sizes = await outcomes(react, 4)

    assert sizes == [4, 3]
    assert [type(one) for one in given] == [Delivered, Refused, Delivered, Delivered]


def bad_uid_of(rig_count, number):
    rig = DicomWebRig()
    return rig.parcels(rig_count, pixel_bytes=64)[number].sop_instance_uid


@pytest.mark.parametrize("status", [400, 409, 413])
async def test_a_bad_instance_is_found_by_halves(status):
    bad = bad_uid_of(16, 5)

    def react(request):
        if any(part.sop_instance_uid == bad for part in request.parts):
            return Reply(status)
        return reply_of(200, request)

    given, sizes = await outcomes(react, 16)

    assert [n for n, one in enumerate(given) if isinstance(one, Refused)] == [5]
    assert sum(isinstance(one, Delivered) for one in given) == 15
    assert sizes[:3] == [16, 8, 4]
    assert len(sizes) == 9


async def test_a_limit_on_the_size_of_requests_is_found_by_halves():
    def early(request):
        return Reply(413) if int(request.headers["content-length"]) > 60_000 else None

    given, sizes = await outcomes(lambda r: reply_of(200, r), 8, on_head=early, pixel_bytes=20_000)

    assert given == [Delivered()] * 8
    assert sizes == [2, 2, 2, 2]


async def test_an_early_refusal_of_a_large_upload_is_heard():
    async with storing(fixed(200), on_head=lambda _: Reply(401)) as (rig, session):
        large = rig.parcel(1, large=64 << 20)
        given = [outcome async for _, outcome in session.deliver([large])]

    assert given[0].failing is Failing.UNWELCOME


async def test_an_unsupported_syntax_refuses_only_those_that_have_it():
    def react(request):
        return Reply(415) if len(request.parts) != 2 else reply_of(200, request)

    async with storing(react) as (rig, session):
        parcels = rig.parcels(5, pixel_bytes=64)
        for parcel in parcels[2:]:
            parcel.transfer_syntax_uid = "1.2.840.10008.1.2.4.80"
        given = {id(parcel): outcome async for parcel, outcome in session.deliver(parcels)}

    kinds = [type(given[id(parcel)]) for parcel in parcels]
    assert kinds == [Delivered] * 2 + [Refused] * 3


async def test_another_format_is_asked_for_when_one_is_not_acceptable():
    accepted = []

    def react(request):
        accepted.append(request.headers["accept"])
        return Reply(406) if "json" in accepted[-1] else reply_of(200, request)

    given, _ = await outcomes(react, 3)

    assert given == [Delivered()] * 3
    assert accepted == ["application/dicom+json", "application/dicom+xml"]


async def test_a_server_that_accepts_no_format_refuses():
    given, sizes = await outcomes(fixed(406), 2)

    assert [type(one) for one in given] == [Refused] * 2
    assert sizes == [2, 2, 2]


async def test_one_bad_request_does_not_stop_the_others_and_a_bad_server_does():
    fails = iter([500, 200, 500, 500, 500, 200])

    def react(request):
        status = next(fails)
        return reply_of(200, request) if status == 200 else Reply(status)

    given, sizes = await outcomes(react, 6, request_instances_max=1)

    assert len(sizes) == 5
    assert isinstance(given[1], Delivered)
    assert [one.failing for one in (given[0], *given[2:5])] == [Failing.BUSY] * 4
    assert given[5].failing is Failing.UNTRIED


@pytest.mark.parametrize(("attempts", "sizes"), [(0, [8]), (1, [2, 2, 2, 2]), (2, [1] * 8)])
async def test_the_more_often_it_failed_the_fewer_travel_with_it(attempts, sizes):
    _, found = await outcomes(
        lambda r: reply_of(200, r), 8, attempts=attempts, request_instances_max=8
    )

    assert found == sizes


@pytest.mark.parametrize(
    ("already_there", "attempts", "kind"),
    [
        ("refuse", 3, Refused),
        ("retried", 0, Refused),
        ("retried", 1, Delivered),
        ("accept", 0, Delivered),
    ],
)
@pytest.mark.parametrize("reason", [45070, 0x0111])
async def test_already_there_is_what_the_settings_say(already_there, attempts, kind, reason):
    (outcome,), _ = await outcomes(
        lambda r: reply_of(409, r, failed=[(0, reason)]),
        attempts=attempts,
        already_there=already_there,
    )

    assert type(outcome) is kind


@pytest.mark.parametrize("status", [200, 204])
async def test_a_status_is_believed_when_the_settings_say_so(status):
    given, _ = await outcomes(fixed(status), 3, trust_status=True)

    assert [type(one) for one in given] == [Delivered] * 3
    assert "trust_status" in given[0].remark


@pytest.mark.parametrize(
    "on_request",
    [
        fixed(202),
        fixed(200, JSON, b"{"),
        fixed(200, {}, b"", cut_at=0, is_gzipped=True),
        lambda r: reply_of(200, r, cut_at=9),
        lambda r: reply_of(200, r, failed=[(0, 0xA900)]),
    ],
)
async def test_nothing_else_is_believed(on_request):
    (outcome,), _ = await outcomes(on_request, trust_status=True)

    assert not isinstance(outcome, Delivered)


def redirecting(status, where):
    def on_head(request):
        if request.target.startswith("/moved"):
            return None
        return Reply(status, {"Location": where(request)})

    return on_head


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_within_the_server_is_followed(status):
    async with storing(
        lambda r: reply_of(200, r), on_head=redirecting(status, lambda _: "/moved/studies")
    ) as (rig, session):
        first = [o async for _, o in session.deliver(rig.parcels(2))]
        second = [o async for _, o in session.deliver(rig.parcels(2, first=2))]
        targets = [request.target for request in rig.server.requests]
        heads = rig.server.heads

    assert first + second == [Delivered()] * 4
    assert targets == ["/moved/studies"] * 2
    assert heads == (3 if status in {301, 308} else 4)


@pytest.mark.parametrize(
    "location",
    ["http://elsewhere.example.org/studies", "https://127.0.0.1/x", "", "//[", "ftp://localhost/"],
)
async def test_a_redirect_to_another_place_is_refused_with_words(location):
    given, sizes = await outcomes(fixed(307, {"Location": location}), 2)

    # An empty one leads back to where we are: in circles.
    assert "go only where url says" in given[0].reason or "in circles" in given[0].reason
    assert given[0].failing is Failing.UNWELCOME
    assert given[1].failing is Failing.UNTRIED
    assert len(sizes) <= 4


async def test_credentials_do_not_travel_to_another_place():
    seen = []

    def react(request):
        seen.append(request.headers.get("authorization"))
        return Reply(307, {"Location": "http://localhost:1/studies"})

    await outcomes(react, auth={"type": "basic", "user": "u", "password": "p"})

    assert len(seen) == 1


async def test_a_reset_in_the_middle_leaves_what_was_not_begun_untried():
    async with storing(fixed(200)) as (rig, session):
        rig.server.hangs_up_after = 1 << 20
        parcels = [rig.parcel(n, large=8 << 20) for n in range(4)]
        given = [outcome async for _, outcome in session.deliver(parcels)]

    assert given[0].failing is Failing.UNREACHABLE
    assert given[-1].failing is Failing.UNTRIED


async def test_a_server_that_stops_reading_costs_the_deadline_and_no_more():
    def deaf(_):
        raise Deafness

    async with storing(fixed(200), on_head=deaf) as (rig, session):
        large = rig.parcel(1, large=64 << 20)
        given = [outcome async for _, outcome in session.deliver([large])]

    assert given[0].failing is Failing.UNREACHABLE
    assert "within 0.3 s" in given[0].reason


@pytest.mark.parametrize("fault", [HangUp, Silence])
async def test_a_connection_that_ended_while_idle_is_replaced(fault):
    """The second request goes out on a connection that the server has closed."""
    ended = []

    def once(request):
        if request.number == 1 and fault is HangUp and not ended:
            ended.append(request)
            raise HangUp
        return reply_of(200, request, closes=fault is Silence)

    async with storing(once) as (rig, session):
        first = [o async for _, o in session.deliver(rig.parcels(1))]
        second = [o async for _, o in session.deliver(rig.parcels(1, first=1))]

    assert first + second == [Delivered()] * 2


async def test_requests_have_a_length_unless_chunks_are_wanted():
    async with storing(lambda r: reply_of(200, r)) as (rig, session):
        assert [o async for _, o in session.deliver(rig.parcels(2))] == [Delivered()] * 2
        (plain,) = rig.server.requests
    async with storing(lambda r: reply_of(200, r), chunked=True) as (rig, session):
        assert [o async for _, o in session.deliver(rig.parcels(2))] == [Delivered()] * 2
        (chunked,) = rig.server.requests

    assert int(plain.headers["content-length"]) > 0
    assert "transfer-encoding" not in plain.headers
    assert chunked.headers["transfer-encoding"] == "chunked"
    assert all(part.has_preamble for part in plain.parts + chunked.parts)
    assert {part.headers["content-type"] for part in plain.parts} == {"application/dicom"}


async def test_each_study_has_its_own_url_when_the_settings_say_so():
    async with storing(lambda r: reply_of(200, r), study_in_url=True) as (rig, session):
        parcels = rig.parcels(4)
        for number, parcel in enumerate(parcels):
            parcel.study_instance_uid = f"1.{number % 2}"
        assert [o async for _, o in session.deliver(parcels)] == [Delivered()] * 4
        targets = sorted(request.target for request in rig.server.requests)

    assert targets == ["/dicom-web/studies/1.0", "/dicom-web/studies/1.1"]


async def test_two_versions_of_an_instance_never_share_a_request():
    async with storing(lambda r: reply_of(200, r)) as (rig, session):
        parcels = [rig.parcel(1), rig.parcel(1)]
        assert [o async for _, o in session.deliver(parcels)] == [Delivered()] * 2
        assert [len(request.parts) for request in rig.server.requests] == [1, 1]


async def test_a_request_is_as_large_as_the_settings_let_it():
    settings = {"request_bytes_max": 50_000, "request_instances_max": 3}
    _, sizes = await outcomes(lambda r: reply_of(200, r), 5, pixel_bytes=20_000, **settings)
    _, counted = await outcomes(lambda r: reply_of(200, r), 5, **settings)

    assert sizes == [2, 2, 1]
    assert counted == [3, 2]


async def test_no_reason_has_what_the_server_wrote():
    """A server's text may have a patient's name in it."""
    body = json.dumps({"error": "DOE^JANE"}).encode()

    for status in (200, 202, 400, 403, 409, 500):
        (outcome,), _ = await outcomes(fixed(status, {"Content-Type": "text/plain"}, body))
        assert "DOE" not in outcome.reason


async def test_defaults_are_the_careful_ones():
    settings = DicomWebDestinationSettings(type="dicomweb", url="https://pacs.example.org/rs/")

    assert settings.url == "https://pacs.example.org/rs"
    assert not settings.trust_status
    assert settings.already_there == "retried"
