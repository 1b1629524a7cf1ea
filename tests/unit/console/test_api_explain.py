"""The API explains, and who asks is written down before the answer."""

from dataclasses import replace

import pytest
from asgi_client import Client
from deliveries import history

from hilum.console.api.app import build
from hilum.console.api.explaining import ExplainApi
from hilum.kernel.errors import Full
from hilum.ledger.delivery import State
from hilum.pipeline.advice import Advice
from hilum.pipeline.explanation import Explanation

FOUND = Explanation("1.2.3", deliveries=[history(state=State.REFUSED, reason="no")])


def client(audit):
    api = ExplainApi(lambda name: (replace(FOUND, name=name), [Advice("it is so", "do it")]), audit)
    return Client(build((api.router,)))


def test_it_gives_what_the_command_gives():
    answer = client(lambda _: None).get("/explain/1.2.3").json()

    assert answer["advice"] == [{"cause": "it is so", "remedy": "do it", "is_urgent": True}]
    assert answer["destinations"][0]["standing"] == [
        {"state": "refused", "reason": "no", "count": 1}
    ]
    assert answer["deliveries"][0]["failures"] == []


def test_who_asked_is_in_the_audit_trail():
    records = []

    client(records.append).get("/explain/ACC/1", params={"by": "Kim"})

    (record,) = records
    assert record.event == "explanation given"
    assert record.origin.peer == "Kim"
    assert record.origin.host == "127.0.0.1"
    assert "ACC/1" in record.detail


def test_nothing_is_shown_that_cannot_be_written_down():
    def full(_):
        raise Full("the disk is full")

    answer = client(full).get("/explain/1.2.3")

    assert answer.status_code == 507
    assert b"1.2.3" not in answer.content


@pytest.mark.parametrize("name", ["x" * 65])
def test_a_name_that_nothing_has_is_not_looked_for(name):
    assert client(lambda _: None).get(f"/explain/{name}").status_code == 422
