"""The API over a real ledger: who may call, what it shows, what it changes."""

from datetime import UTC, datetime, timedelta

import pytest
from access_rig import Rig
from asgi_client import Client
from ledger_entries import entry
from starlette.applications import Starlette
from starlette.routing import Mount

from hilum.console.api.app import build
from hilum.console.api.destinations import DestinationsApi
from hilum.console.api.queue import QueueApi
from hilum.console.app import API_PATH
from hilum.kernel.errors import Unreachable
from hilum.ledger.delivery import PlannedDelivery, Selection, State
from hilum.ledger.ledger import Ledger

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Pretended:
    def __init__(self, name, error=None) -> None:
        self.name = name
        self.error = error

    async def verify(self) -> None:
        if self.error:
            raise self.error


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process", now=lambda: NOW)
    entries = [entry(number) for number in range(1, 4)]
    for one in entries:
        one.deliveries = [PlannedDelivery("pacs", "all")]
        one.received_at = NOW - timedelta(hours=1)
    ledger.record(entries)
    yield ledger
    ledger.close()


def client(ledger, *, token=None, address="127.0.0.1", host="localhost"):
    destinations = {
        "pacs": ("dimse", Pretended("pacs")),
        "dead": ("dimse", Pretended("dead", Unreachable("nobody listens there"))),
    }
    api = build(
        (
            QueueApi(
                ledger.queue,
                destinations=lambda: frozenset(destinations),
                now=lambda: NOW,
                woken=lambda: None,
            ).router,
            DestinationsApi(
                ledger.deliveries,
                destinations=lambda: destinations,
                figures=list,
                now=lambda: NOW,
            ).router,
        ),
    )
    named = {} if token is None else {"token": token}
    gate = Rig(behind=Starlette(routes=[Mount(API_PATH, api)]), **named).application

    async def below(scope, receive, send):
        where = {
            "path": API_PATH + scope["path"],
            "raw_path": API_PATH.encode() + scope["raw_path"],
        }
        await gate({**scope, **where}, receive, send)

    return Client(below, address=address, host=host)


def test_deliveries_are_listed_page_by_page(ledger):
    api = client(ledger)

    first = api.get("/queue", params={"limit": 2}).json()
    second = api.get("/queue", params={"limit": 2, "after": first["next"]}).json()

    assert [len(page["deliveries"]) for page in (first, second)] == [2, 1]
    assert second["next"] is None
    assert first["deliveries"][0]["destination"] == "pacs"


def test_what_is_held_is_held_with_its_reason_and_audited(ledger):
    body = {"select": {"destination": "pacs"}, "reason": "PACS is moved", "by": "Kim"}

    answer = client(ledger).post("/queue/hold", json=body)

    assert answer.json() == {"count": 3}
    assert {one.state for one in ledger.queue.find(Selection())} == {State.HELD}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/queue/drop", {"select": {"destination": "pacs"}}, "why"),
        ("/queue/retry", {"select": {}}, "everything"),
        ("/queue/replay", {"select": {"destination": "pacs"}, "to": "nowhere"}, "nowhere"),
        ("/queue/retry", {"select": {"colour": "red"}}, "colour"),
        ("/queue/retry", {"select": {"study_instance_uid": "../etc"}}, "study_instance_uid"),
        ("/queue/retry", {"select": {"ids": [1, 2**63]}}, "ids"),
        ("/queue/retry", {"select": {"created_before": 0.5}}, "RFC 3339"),
        ("/queue/retry", {"select": {"created_before": "1767225600"}}, "RFC 3339"),
        ("/queue/retry", {"select": {"route": "\ud800"}}, "route"),
    ],
)
def test_what_is_not_clear_is_refused_in_words(ledger, path, body, says):
    answer = client(ledger).post(path, json=body)

    assert answer.status_code == 422
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"study=1.2", "the body is no JSON: Expecting value, at character 0"),
        (b'{"select": {}', "the body is no JSON: Expecting ',' delimiter, at character 13"),
    ],
)
def test_what_is_no_json_is_said_to_be_none(ledger, body, says):
    headers = {"content-type": "application/json"}
    answer = client(ledger).post("/queue/retry", content=body, headers=headers)

    assert (answer.status_code, answer.json()["detail"]) == (422, says)


def test_who_asks_in_a_way_that_is_not_is_told_which_ways_there_are(ledger):
    answer = client(ledger).ask("PUT", "/queue")

    assert answer.status_code == 405
    assert answer.headers[b"allow"] == b"GET"


def test_everything_must_be_said(ledger):
    body = {"select": {"everything": True}, "reason": "maintenance"}

    assert client(ledger).post("/queue/hold", json=body).json() == {"count": 3}


def test_a_destination_shows_what_it_is_owed(ledger):
    found = {one["name"]: one for one in client(ledger).get("/destinations").json()}

    assert found["pacs"]["open"][0]["count"] == 3
    assert found["dead"]["open"] == []


@pytest.mark.parametrize(("name", "answers"), [("pacs", True), ("dead", False)])
def test_a_destination_can_be_asked(ledger, name, answers):
    answer = client(ledger).post(f"/destinations/{name}/verify", json={})

    assert answer.json()["answers"] is answers


def test_what_needs_no_body_goes_without_one(ledger):
    """`curl -X POST` without data says nothing of a length."""
    answer = client(ledger).post(
        "/destinations/pacs/verify",
        headers={"content-type": "application/json", "content-length": None},
    )

    assert answer.json()["answers"] is True


def test_a_body_whose_length_nobody_says_is_refused(ledger):
    answer = client(ledger).post(
        "/destinations/pacs/verify",
        headers={"content-type": "application/json", "transfer-encoding": "chunked"},
    )

    assert answer.status_code == 411


def test_an_unknown_destination_is_404_and_says_which_there_are(ledger):
    answer = client(ledger).post("/destinations/pax/verify", json={})

    assert answer.status_code == 404
    assert "pacs" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"address": "10.0.0.5"}, 403),
        ({"host": "evil.example"}, 403),
        ({"token": "t" * 20}, 401),
        ({}, 200),
    ],
)
def test_only_those_who_may_get_in(ledger, asked, status):
    assert client(ledger, **asked).get("/queue").status_code == status


def test_the_token_opens_from_anywhere(ledger):
    api = client(ledger, token="t" * 20, address="10.0.0.5", host="gateway")

    good = api.get("/queue", headers={"Authorization": f"Bearer {'t' * 20}"})
    bad = api.get("/queue", headers={"Authorization": f"Bearer {'u' * 20}"})

    assert (good.status_code, bad.status_code) == (200, 401)


def test_a_foreign_page_cannot_make_a_browser_change_anything(ledger):
    answer = client(ledger).post(
        "/queue/retry",
        content=b'{"select": {"everything": true}}',
        headers={"content-type": "text/plain"},
    )

    assert answer.status_code == 415


def test_large_bodies_are_not_read(ledger):
    answer = client(ledger).post("/queue/retry", json={"by": "x" * 100_000})

    assert answer.status_code == 413


def test_openapi_describes_it(ledger):
    paths = client(ledger).get("/openapi.json").json()["paths"]

    assert "/queue/replay" in paths


def test_refusals_are_described_as_what_they_are(ledger):
    described = client(ledger).get("/openapi.json").json()

    refused = client(ledger).post("/queue/retry", json={"select": {}})

    assert refused.headers[b"content-type"] == b"application/problem+json"
    assert set(refused.json()) == {"title", "status", "detail"}
    responses = described["paths"]["/queue/retry"]["post"]["responses"]
    assert set(responses["422"]["content"]) == {"application/problem+json"}
    assert set(responses["200"]["content"]) == {"application/json"}
