"""The API of bridges: what is open and is ended, answerers, requests to fetch."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asgi_client import Client
from ledger_entries import rows

from hilum.console.api.answerers import AnswererRow, AnswerersApi, AnswerersSeen
from hilum.console.api.app import build
from hilum.console.api.fetching import FetchingApi
from hilum.console.api.live import Ended, LiveApi, LiveRow, Seen, Silence
from hilum.kernel.errors import Rejected, Unreachable
from hilum.ledger.fetch import FetchState
from hilum.ledger.ledger import Ledger

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
OPEN = LiveRow(
    "a-1", "in", "dimse", "WS1", "BRIDGE", "", "10.1.2.3", "BRIDGE", NOW, "C-GET", 3, 9, 1
)
OURS = LiveRow("", "out", "answerer", "HILUM", "cloud", "cloud", "", "", NOW, "fetch", None, 7, 2)
CLOUD = AnswererRow(
    "cloud", "dicomweb", False, "nobody answers", 2, 1, 8, 1, None, 0, ["BRIDGE"], 1
)
CLOUD_TOO = replace(CLOUD, is_well=True, last_failure="", busy=2, idle=3, worker=2)


class House:
    def __init__(self, ledger):
        self.ledger = ledger
        self.aborted = []
        self.cancelled = []
        self.patients = []
        self.is_full = False
        self.silent = []

    async def verify(self):
        raise Unreachable("nobody answers")

    async def abort(self, live_id):
        self.aborted.append(live_id)
        return Ended(OPEN if live_id == OPEN.id else None, self.silent)

    async def live(self):
        return Seen([OURS, OPEN], self.silent)

    async def answerers(self):
        return AnswerersSeen([CLOUD_TOO, CLOUD], self.silent)

    async def ask(self, bidding, by):
        if self.is_full:
            raise Rejected("no room for more")
        return self.ledger.fetches.add("f1", bidding, by=by, now=NOW)

    def notice(self, occasion):
        self.patients.append(occasion.patient_id)
        return 2


@pytest.fixture
def house(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process", now=lambda: NOW)
    yield House(ledger)
    ledger.close()


def asked(house, method, path, body=None):
    api = build(
        (
            LiveApi(house.live, house.abort, house.ledger.audit, worker=2).router,
            AnswerersApi(house.answerers, {"cloud": house}.get, worker=2).router,
            FetchingApi(
                house.ledger.fetches,
                places=lambda: (frozenset({"cloud", "BRIDGE"}), frozenset({"local", "pacs"})),
                ask=house.ask,
                cancel=house.cancelled.append,
                notice=house.notice,
                now=lambda: NOW,
            ).router,
        )
    )
    client = Client(api)
    return client.ask(method, path) if body is None else client.post(path, json=body)


STUDY = {"study": "1.2.3", "series": ["1.2.3.4"], "from": "cloud"}


def test_what_is_open_is_listed(house):
    answer = asked(house, "GET", "/associations")

    found = answer.json()
    assert found["worker"] == 2
    assert [one["kind"] for one in found["associations"]] == ["dimse", "answerer"]
    assert [one["worker"] for one in found["associations"]] == [1, 2]
    assert found["associations"][0]["operation"] == "C-GET"
    assert found["silent"] == []


def test_a_worker_that_could_not_be_asked_is_named(house):
    house.silent = [Silence(3, "it is not running now")]

    for path in ("/associations", "/answerers"):
        found = asked(house, "GET", path).json()
        page = found[0] if path == "/answerers" else found
        assert page["silent"] == [{"worker": 3, "reason": "it is not running now"}]


def test_what_is_open_is_ended_and_that_is_audited(house):
    assert asked(house, "DELETE", "/associations/a-1").status_code == 204

    assert house.aborted == ["a-1"]
    [row] = rows(house.ledger.path, "SELECT event, detail FROM audit")
    assert row == ("association aborted", "a-1: dimse WS1 C-GET")


def test_what_is_not_open_cannot_be_ended(house):
    assert asked(house, "DELETE", "/associations/a-2").status_code == 404
    assert rows(house.ledger.path, "SELECT event FROM audit") == []


def test_what_a_silent_worker_may_have_is_not_said_to_be_closed(house):
    house.silent = [Silence(3, "it is not running now")]

    answer = asked(house, "DELETE", "/associations/a-2")

    assert (answer.status_code, answer.headers[b"retry-after"]) == (503, b"1")
    assert "worker 3: it is not running now" in answer.json()["detail"]


def test_answerers_say_how_they_are(house):
    [found] = asked(house, "GET", "/answerers").json()

    assert (found["name"], found["is_well"]) == ("cloud", False)
    assert found["last_failure"] == "nobody answers"
    assert found["entities"] == ["BRIDGE"]


def test_answerers_are_summed_over_workers(house):
    [found] = asked(house, "GET", "/answerers").json()

    assert (found["worker"], found["connections_max"], found["busy"]) == (2, 16, 3)
    assert (found["idle"], found["questions"]) == (3, 4)
    assert [(one["worker"], one["is_well"]) for one in found["workers"]] == [(1, False), (2, True)]


def test_an_answerer_can_be_asked_whether_it_answers(house):
    verified = asked(house, "POST", "/answerers/cloud/verify", {}).json()

    assert verified == {"answers": False, "reason": "nobody answers"}
    assert asked(house, "POST", "/answerers/other/verify", {}).status_code == 404


def test_a_fetch_is_begun_and_can_be_looked_at(house):
    answer = asked(house, "POST", "/fetch", STUDY)

    assert answer.status_code == 202
    assert answer.headers[b"location"] == b"/api/v1/fetches/f1"
    found = asked(house, "GET", "/fetches/f1").json()
    assert (found["state"], found["from"], found["to"]) == ("waiting", "cloud", "local")
    assert found["series"] == ["1.2.3.4"]
    assert [one["id"] for one in asked(house, "GET", "/fetches").json()] == ["f1"]


def test_a_fetch_can_be_cancelled(house):
    asked(house, "POST", "/fetch", STUDY)

    assert asked(house, "DELETE", "/fetches/f1").status_code == 204
    assert house.cancelled == ["f1"]
    assert house.ledger.fetches.find("f1").state is FetchState.CANCELLED
    assert asked(house, "DELETE", "/fetches/f2").status_code == 404
    assert asked(house, "GET", "/fetches/f2").status_code == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"from": "cloud"}, "give study, or patient_id and accession"),
        ({"study": "1.2", "patient_id": "P", "from": "cloud"}, "give study, or patient_id"),
        ({"series": ["1.2"], "patient_id": "P", "from": "cloud"}, "series are of a study"),
        ({"study": "1.2", "from": "clod"}, "from: there is no clod. There are: BRIDGE, cloud."),
        ({"study": "1.2", "from": "cloud", "to": "cloud"}, "from and to are the same"),
        ({"study": "1.2", "from": "cloud", "to": "x"}, "to: there is no x"),
        ({"study": "abc", "from": "cloud"}, "body.study: String should match pattern"),
        ({"study": "1.2"}, "body.from: Field required"),
    ],
)
def test_a_fetch_that_cannot_be_meant_is_refused_in_words(house, body, says):
    answer = asked(house, "POST", "/fetch", body)

    detail = answer.json()["detail"]
    assert answer.status_code == 422
    assert says in detail
    # Nothing of how it is checked: one fault is told as one, in words of the request.
    assert not any(word in detail for word in ("Value error", "constrained", "literal", ";"))


def test_too_many_fetches_are_put_off(house):
    house.is_full = True

    answer = asked(house, "POST", "/fetch", STUDY)

    assert (answer.status_code, answer.headers[b"retry-after"]) == (503, b"60")


def test_a_call_sets_off_prefetching(house):
    answer = asked(house, "POST", "/prefetch", {"patient_id": "P1"})

    assert (answer.status_code, answer.json()) == (202, {"rules": 2})
    assert house.patients == ["P1"]


def test_all_methods_of_a_path_are_named_where_one_is_not_allowed(house):
    answer = asked(house, "OPTIONS", "/fetches/f1")

    assert answer.status_code == 405
    assert answer.headers[b"allow"] == b"DELETE, GET"
