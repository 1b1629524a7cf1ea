from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_plans import NOW
from ledger_entries import rows

from hilum.kernel.errors import Rejected
from hilum.ledger import fetches
from hilum.ledger.delivery import Priority
from hilum.ledger.entry import Origin
from hilum.ledger.fetch import Bidding, FetchState, Progress, Wanted

HIS = Origin("", "", "his", "10.1.2.3", "", "http-1")
STUDY = Bidding(Wanted("1.2.3", ("1.2.3.4",)), "cloud", "local", "his", "10.1.2.3")
SOON = NOW + timedelta(seconds=30)


def claim(ledger, owner="a", *, up_to=Priority.BULK, now=NOW):
    until = now + timedelta(seconds=30)
    return ledger.fetches.claim(owner, up_to=up_to, now=now, expired_by=now, until=until)


def test_a_request_comes_back_as_it_was_given(ledger):
    assert ledger.fetches.add("f1", STUDY, by=HIS, now=NOW) == "f1"

    found = ledger.fetches.find("f1")
    assert found.bidding == STUDY
    assert found.state is FetchState.WAITING
    assert found.created_at == NOW
    assert found.progress == Progress()
    assert ledger.fetches.find("f2") is None


def test_who_asks_is_in_the_audit_trail(ledger):
    ledger.fetches.add("f1", replace(STUDY, wanted=Wanted(patient_id="P1")), by=HIS, now=NOW)

    [row] = rows(ledger.path, "SELECT event, peer, patient_id, detail FROM audit")
    assert row == ("fetch asked for", "his", "P1", "f1: from cloud to local")


def test_the_same_is_not_asked_for_twice_at_a_time(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)

    assert ledger.fetches.add("f2", STUDY, by=HIS, now=NOW) == "f1"
    assert ledger.fetches.add("f3", replace(STUDY, target="pacs"), by=HIS, now=NOW) == "f3"


def test_who_asks_for_what_prefetching_waits_with_does_not_wait_with_it(ledger):
    """Prefetching rests while instances come in: a person who asks for the same must not."""
    ledger.fetches.add("f1", replace(STUDY, priority=Priority.BULK), by=HIS, now=NOW)

    assert ledger.fetches.add("f2", STUDY, by=HIS, now=NOW) == "f1"
    assert ledger.fetches.find("f1").bidding.priority is Priority.ROUTINE
    ledger.fetches.add("f3", replace(STUDY, priority=Priority.BULK), by=HIS, now=NOW)
    assert claim(ledger, up_to=Priority.ROUTINE).fetch_id == "f1"


def test_what_is_being_cancelled_is_not_what_somebody_asks_for_now(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    claim(ledger)
    ledger.fetches.cancel("f1", by=HIS, now=NOW)

    assert ledger.fetches.add("f2", STUDY, by=HIS, now=NOW) == "f2"


def test_there_is_an_end_to_what_may_wait(ledger, monkeypatch):
    monkeypatch.setattr(fetches, "OPEN_MAX", 1)
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)

    with pytest.raises(Rejected, match="1 fetches are not done yet"):
        ledger.fetches.add("f2", replace(STUDY, target="pacs"), by=HIS, now=NOW)


def test_what_is_urgent_goes_first_and_each_is_leased_once(ledger):
    bulk = replace(STUDY, target="pacs", priority=Priority.BULK)
    ledger.fetches.add("f1", bulk, by=HIS, now=NOW)
    ledger.fetches.add("f2", STUDY, by=HIS, now=NOW)

    assert claim(ledger).fetch_id == "f2"
    assert claim(ledger, up_to=Priority.ROUTINE) is None
    assert claim(ledger, "b").fetch_id == "f1"
    assert claim(ledger) is None


def test_what_a_dead_process_had_begun_is_begun_again(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    claim(ledger)

    assert claim(ledger, "b", now=NOW + timedelta(seconds=31)).fetch_id == "f1"
    assert not ledger.fetches.report("f1", "a", Progress(), until=SOON)


def test_what_a_process_gives_back_is_begun_by_the_next(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    claim(ledger)

    assert ledger.fetches.give_back("b") == 0
    assert ledger.fetches.give_back("a") == 1
    assert claim(ledger, "b").fetch_id == "f1"


def test_a_process_takes_back_what_its_earlier_life_had_begun_and_nothing_else(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    ledger.fetches.add("f2", replace(STUDY, target="pacs"), by=HIS, now=NOW)
    claim(ledger, "worker-1-x")
    claim(ledger, "worker-11-y")

    assert ledger.fetches.take_back("worker-1-") == 1
    assert claim(ledger, "worker-2-z").fetch_id == "f1"
    assert claim(ledger, "worker-2-z") is None


def test_progress_is_told_until_it_is_settled(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    claim(ledger)
    progress = Progress(3, 1, 1, 1, 512, [("1.2.9", "gone")])

    assert ledger.fetches.report("f1", "a", progress, until=SOON)
    assert ledger.fetches.find("f1").progress == progress
    assert ledger.fetches.find("f1").state is FetchState.ACTIVE

    ending = {"state": FetchState.INCOMPLETE, "reason": "some are gone"}
    ledger.fetches.settle("f1", "a", progress, **ending, now=SOON)

    found = ledger.fetches.find("f1")
    assert (found.state, found.reason, found.settled_at) == (*ending.values(), SOON)
    assert not ledger.fetches.report("f1", "a", progress, until=SOON)
    assert ledger.fetches.add("f2", STUDY, by=HIS, now=NOW) == "f2"
    assert [one.fetch_id for one in ledger.fetches.all()] == ["f2", "f1"]


def test_cancelling_ends_what_waits_and_tells_who_works(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    claim(ledger)
    ledger.fetches.add("f2", replace(STUDY, target="pacs"), by=HIS, now=NOW)

    assert ledger.fetches.cancel("f1", by=HIS, now=NOW).state is FetchState.ACTIVE
    assert ledger.fetches.cancel("f2", by=HIS, now=NOW).state is FetchState.WAITING

    assert not ledger.fetches.report("f1", "a", Progress(), until=SOON)
    assert ledger.fetches.find("f2").state is FetchState.CANCELLED
    assert ledger.fetches.cancel("f3", by=HIS, now=NOW) is None
    events = rows(ledger.path, "SELECT event FROM audit")
    assert events.count(("fetch cancelled",)) == 2


def test_what_was_done_long_ago_is_forgotten(ledger):
    ledger.fetches.add("f1", STUDY, by=HIS, now=NOW)
    ledger.fetches.add("f2", replace(STUDY, target="pacs"), by=HIS, now=NOW)
    ledger.fetches.cancel("f1", by=HIS, now=NOW)

    assert ledger.fetches.forget(before=SOON) == 1
    assert [one.fetch_id for one in ledger.fetches.all()] == ["f2"]
