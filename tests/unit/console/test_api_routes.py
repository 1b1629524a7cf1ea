"""Routes are tried over the API: where something would go, and why, without anything being sent."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asgi_client import Client

from hilum.console.api.app import build
from hilum.console.api.routes import RoutesApi
from hilum.kernel.errors import Full
from hilum.ledger.lookup import Held
from hilum.pipeline.route_trial import NotTried, try_held
from hilum.routing.known import Known
from hilum.routing.routes import read_routes
from hilum.routing.settings import RouteSettings
from hilum.testing.datasets import instance, write_part10

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROUTES = (
    {
        "name": "night",
        "when": {"Modality": "CT"},
        "to": ["cloud"],
        "between": "22:00-06:00",
        "priority": "bulk",
    },
    {"name": "ct1", "when": {"calling_ae_title": "CT1", "size": ">1 MB"}, "to": ["ai"]},
    {
        "name": "arms",
        "when": {"RequestAttributesSequence.ScheduledProcedureStepID": "ARM*"},
        "to": [{"first_of": ["pacs", "standby"]}],
    },
)


def client(*, ask_held=lambda *_: None, audit=lambda _: None, tables=ROUTES):
    settings = [RouteSettings.model_validate(table) for table in tables]
    routes, faults = read_routes(settings, Known(), UTC)
    assert not faults.found
    api = RoutesApi(
        routes=lambda: routes,
        title=lambda: "HILUM",
        ask_held=ask_held,
        audit=audit,
        now=lambda: NOW,
    )
    return Client(build((api.router,)))


def attributes(**more):
    return {"00080060": {"vr": "CS", "Value": ["CT"]}, **more}


def test_attributes_get_the_plan_and_the_reason_of_every_route():
    answer = client().post("/routes/test", json={"attributes": attributes()}).json()

    assert answer["goes_to"] == ["cloud"]
    (planned,) = answer["deliveries"]
    assert planned == {
        "to": "cloud",
        "route": "night",
        "on": "instance",
        "priority": "bulk",
        "due_at": "2026-03-02T22:00:00Z",
    }
    assert [one["verdict"] for one in answer["routes"]] == ["fired", "failed", "failed"]
    assert answer["routes"][1]["conditions"][0]["actual"] == []


def test_circumstances_decide_as_they_would():
    asked = {
        "attributes": attributes(),
        "size": 2_000_000,
        "circumstances": {"calling_ae_title": "CT1", "at": "2026-03-02T23:00:00Z"},
    }

    answer = client().post("/routes/test", json=asked).json()

    assert answer["goes_to"] == ["cloud", "ai"]
    assert answer["deliveries"][0]["due_at"] is None


def test_items_of_sequences_are_asked_as_those_of_an_instance():
    step = {"00400009": {"vr": "SH", "Value": ["ARM-1"]}}
    asked = {"attributes": attributes(**{"00400275": {"vr": "SQ", "Value": [step]}})}

    answer = client().post("/routes/test", json=asked).json()

    assert "first_of(pacs,standby)" in answer["goes_to"]


def test_an_instance_that_is_held_is_asked_about_as_it_came_and_that_is_written_down(tmp_path):
    path = tmp_path / "held.dcm"
    write_part10(path, instance(seed=1))
    held = Held("1.2", "1", "1", 1, "1.2.840.10008.1.2.1", 100, path.name, NOW)
    records = []

    def ask_held(uid, routes, bringing, now):
        assert uid == "1.2"
        return try_held(held, tmp_path, routes, bringing, now=now)

    answer = client(ask_held=ask_held, audit=records.append).post(
        "/routes/test", json={"sop_instance_uid": "1.2"}
    )

    assert answer.json()["goes_to"] == ["cloud"]
    (record,) = records
    assert record.event == "routes tried"
    assert record.sop_instance_uid == answer.json()["sop_instance_uid"]


def test_nothing_of_a_patient_is_shown_that_cannot_be_written_down(tmp_path):
    path = tmp_path / "held.dcm"
    write_part10(path, instance(seed=1))
    held = Held("1.2", "1", "1", 1, "1.2.840.10008.1.2.1", 100, path.name, NOW)

    def full(_):
        raise Full("the disk is full")

    answer = client(
        ask_held=lambda _, *asked: try_held(held, tmp_path, *asked[:-1], now=asked[-1]), audit=full
    ).post("/routes/test", json={"sop_instance_uid": "1.2"})

    assert answer.status_code == 507
    assert b"conditions" not in answer.content


def test_a_payload_that_cannot_be_read_is_said():
    def damaged(*_):
        raise NotTried("its payload is damaged: it has no seal")

    answer = client(ask_held=damaged).post("/routes/test", json={"sop_instance_uid": "1.2"})

    assert answer.status_code == 422
    assert "damaged" in answer.json()["detail"]


def test_a_held_file_that_is_gone_is_not_tried():
    held = Held("1.2", "1", "1", 1, "1.2.840.10008.1.2.1", 100, "gone.dcm", NOW)

    with pytest.raises(NotTried, match="cannot be read"):
        try_held(held, Path("/nowhere"), None, lambda brought: brought, now=NOW)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 422),
        ({"attributes": {}, "sop_instance_uid": "1.2"}, 422),
        ({"sop_instance_uid": "1.2"}, 404),
        ({"attributes": {"NoSuchKeyword": "x"}}, 422),
        ({"attributes": {"00080060": {"vr": "US", "Value": ["CT"]}}}, 422),
        ({"attributes": {"00420011": {"vr": "OB", "BulkDataURI": "b/1"}}}, 422),
        ({"attributes": {}}, 422),
        ({"attributes": attributes(), "circumstances": {"callingAE": "CT1"}}, 422),
        ({"attributes": attributes(), "circumstances": {"at": 12}}, 422),
        ({"attributes": attributes(), "size": -1}, 422),
    ],
)
def test_what_cannot_be_meant_is_refused(asked, status):
    answer = client().post("/routes/test", json=asked)

    assert answer.status_code == status, answer.content
    assert answer.json()["detail"]


def test_it_is_described():
    described = client().get("/openapi.json").json()

    assert "post" in described["paths"]["/routes/test"]
