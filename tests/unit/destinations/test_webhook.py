import hashlib
import hmac
import json

import pytest
from destination_rigs import WebhookRig
from pydantic import ValidationError

from hilum.destinations.webhook.settings import WebhookDestinationSettings
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.testing.http_server import Reply

SECRET = "correct horse"


async def told(parcels_of, *, reply=None, **settings):
    """Tell a webhook of parcels; give the outcomes and the requests it got."""
    rig = WebhookRig()
    rig.settings = settings
    rig.server.on_request = lambda _: reply or Reply()
    async with rig.running(None) as destination:
        session = destination.session()
        parcels = parcels_of(rig)
        given = {id(p): outcome async for p, outcome in session.deliver(parcels)}
        await session.aclose()
    assert rig.payloads.open_now == 0
    return [given[id(parcel)] for parcel in parcels], rig.server.requests


@pytest.mark.asyncio
async def test_an_event_has_uids_and_nothing_of_the_patient():
    _, (request,) = await told(lambda rig: rig.parcels(1))

    event = json.loads(request.body)
    assert set(event) == {
        "version", "id", "event", "at", "destination", "study_instance_uid",
        "series_instance_uid", "instances",
    }  # fmt: skip
    assert event["event"] == "instance.available"
    assert event["destination"] == "told"
    assert request.headers["x-hilum-event"] == event["id"]
    assert "x-hilum-signature" not in request.headers


@pytest.mark.asyncio
async def test_an_event_has_the_fields_that_are_set():
    fields = ["PatientName", "Rows", "Modality", "AccessionNumber", "FrameOfReferenceUID"]

    _, (request,) = await told(lambda rig: rig.parcels(1), fields=fields)

    found = json.loads(request.body)["fields"]
    assert list(found) == fields
    assert found["PatientName"]
    assert found["Rows"][0].isdigit()


@pytest.mark.parametrize("keyword", ["PixelData", "RequestAttributesSequence", "PatientsName"])
def test_a_field_that_cannot_be_told_is_a_mistake_in_the_configuration(keyword):
    with pytest.raises(ValidationError, match=keyword):
        WebhookDestinationSettings(type="webhook", url="http://127.0.0.1/", fields=[keyword])


@pytest.mark.asyncio
async def test_the_receiver_can_check_who_wrote_an_event():
    _, (request,) = await told(lambda rig: rig.parcels(1), secret=SECRET)

    parts = dict(part.split("=") for part in request.headers["x-hilum-signature"].split(","))
    signed = parts["t"].encode() + b"." + request.body
    assert parts["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


@pytest.mark.asyncio
@pytest.mark.parametrize(("about", "events"), [("instance", 6), ("series", 3), ("study", 2)])
async def test_an_event_tells_of_what_is_due_together(about, events):
    def parcels_of(rig):
        parcels = rig.parcels(6)
        for number, parcel in enumerate(parcels):
            parcel.series_instance_uid = f"1.{number % 3}"
            parcel.study_instance_uid = f"2.{number % 3 // 2}"
        return parcels

    outcomes, requests = await told(parcels_of, about=about)

    assert outcomes == [Delivered()] * 6
    assert len(requests) == events
    assert sum(len(json.loads(request.body)["instances"]) for request in requests) == 6
    assert {json.loads(r.body)["event"] for r in requests} == {f"{about}.available"}


@pytest.mark.asyncio
async def test_an_event_that_is_told_again_has_the_same_name():
    _, (one,) = await told(lambda rig: rig.parcels(1))
    _, (two,) = await told(lambda rig: rig.parcels(1))

    assert one.headers["x-hilum-event"] == two.headers["x-hilum-event"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Delivered()),
        (204, Delivered()),
        (400, Refused("400", http_status=400)),
        (422, Refused("422", http_status=422)),
        (413, Refused("413", http_status=413)),
        (409, Refused("409", http_status=409)),
        (401, Deferred("auth right", failing=Failing.UNWELCOME)),
        (404, Deferred("are url", failing=Failing.UNWELCOME)),
        (302, Deferred("are url", failing=Failing.UNWELCOME)),
        (500, Deferred("500", failing=Failing.BUSY)),
        (429, Deferred("429", failing=Failing.BUSY)),
    ],
)
async def test_a_code_means(status, expected):
    reply = Reply(status, {"Retry-After": "7", "Location": "http://localhost/"})

    (outcome,), _ = await told(lambda rig: rig.parcels(1), reply=reply)

    assert type(outcome) is type(expected)
    if isinstance(expected, Deferred):
        assert outcome.failing is expected.failing
        assert expected.reason in outcome.reason
        assert (outcome.retry_after is not None) == (expected.failing is Failing.BUSY)
    elif isinstance(expected, Refused):
        assert outcome.http_status == status


@pytest.mark.asyncio
@pytest.mark.parametrize("ailment", ["missing", "damaged"])
async def test_an_event_whose_fields_cannot_be_read_is_refused_and_visible(ailment):
    def parcels_of(rig):
        parcels = rig.parcels(3)
        if ailment == "missing":
            rig.payloads.remove(parcels[1].path)
        else:
            rig.payloads.damage(parcels[1].path)
        return parcels

    outcomes, requests = await told(parcels_of, fields=["Modality"])

    assert [type(one) for one in outcomes] == [Delivered, Refused, Delivered]
    assert outcomes[1].reason.startswith("our payload")
    assert len(requests) == 2
