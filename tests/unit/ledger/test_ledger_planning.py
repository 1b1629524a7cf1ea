from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_plans import NOW, claim, planned, settle, states
from ledger_entries import RECEIVED, entry, rows

from hilum.ledger.delivery import GatheringKey, Level, PlannedDelivery, Priority
from hilum.ledger.entry import Verdict

ONE, TWO = "1.2.3.4.1", "1.2.3.4.2"


def test_deliveries_are_written_with_their_receipt(ledger, path):
    urgent = PlannedDelivery(
        "cloud", "ct", choice="clouds", priority=Priority.STAT, due_at=RECEIVED + timedelta(hours=1)
    )

    ledger.record([planned(1, "pacs", urgent)])

    question = "SELECT destination, route, choice, state, priority, due_at_microseconds"
    at = 1_795_249_800_123_456
    assert rows(path, f"{question}, created_at_microseconds, size FROM delivery ORDER BY id") == [
        ("pacs", "everything", "", "waiting", 1, at, at, 1000),
        ("cloud", "ct", "clouds", "waiting", 0, at + 3_600_000_000, at, 1000),
    ]


def test_nothing_is_owed_of_what_could_not_be_recorded(ledger, path, monkeypatch):
    monkeypatch.setattr(ledger._recorder, "_tell", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        ledger.record([planned(1)])

    assert states(path) == {}


def test_what_is_sent_again_is_owed_only_where_it_was_not_yet(ledger, path):
    ledger.record([planned(1, "pacs")])
    settle(ledger, claim(ledger))

    [record] = ledger.record([planned(1, "pacs", "cloud")])

    assert record.verdict is Verdict.ALREADY_HELD
    assert states(path) == {(ONE, 1, "pacs"): "delivered", (ONE, 1, "cloud"): "waiting"}


def test_what_is_sent_again_keeps_the_choice_of_its_group(ledger, path):
    ledger.record([planned(1, PlannedDelivery("pacs", "r", choice="pacs|standby"))])

    ledger.record([planned(1, PlannedDelivery("standby", "r", choice="pacs|standby"))])

    assert states(path) == {(ONE, 1, "pacs"): "waiting"}


def test_twice_in_one_group_is_owed_once(ledger, path):
    ledger.record([planned(1, "pacs", "pacs"), planned(1, "pacs")])

    assert states(path) == {(ONE, 1, "pacs"): "waiting"}


def test_a_version_that_is_kept_beside_is_owed_as_well(ledger, path):
    ledger.record([planned(1)])
    ledger.record([planned(1, content=b"x", verdict=Verdict.KEPT_BESIDE)])

    assert states(path) == {(ONE, 1, "pacs"): "waiting", (ONE, 2, "pacs"): "waiting"}
    assert [one.path for one in claim(ledger)] == [
        planned(1).path,
        planned(1, content=b"x").path,
    ]


def test_what_is_not_kept_is_owed_to_nobody(ledger, path):
    ledger.record([planned(1)])
    ledger.record([planned(1, content=b"x", verdict=Verdict.KEPT_FIRST)])

    assert states(path) == {(ONE, 1, "pacs"): "waiting"}


def test_what_is_owed_of_a_replaced_version_is_dropped_aloud(ledger, path):
    ledger.record([planned(1, "pacs", "cloud")])
    settle(ledger, claim(ledger, "cloud"))

    ledger.record([planned(1, content=b"x", verdict=Verdict.REPLACED)])

    assert states(path) == {
        (ONE, 1, "pacs"): "dropped",
        (ONE, 1, "cloud"): "delivered",
        (ONE, 2, "pacs"): "waiting",
    }
    dropped = "SELECT reason FROM delivery WHERE state = 'dropped'"
    assert rows(path, dropped) == [("replaced by version 2",)]
    told = "SELECT sop_instance_uid, patient_id, detail FROM audit WHERE outcome = 'dropped'"
    assert rows(path, told) == [(ONE, "P1", "version 1 replaced by version 2: pacs")]


def test_a_version_replaced_in_its_own_group_is_not_sent(ledger, path):
    ledger.record([planned(1), planned(1, content=b"x", verdict=Verdict.REPLACED)])

    assert states(path) == {(ONE, 1, "pacs"): "dropped", (ONE, 2, "pacs"): "waiting"}


def test_what_a_lane_is_at_while_it_is_replaced_ends_as_the_lane_says(ledger, path):
    ledger.record([planned(1, "pacs"), planned(2, "pacs")])
    arrived, failed = claim(ledger)
    newer = [planned(n, content=b"x", verdict=Verdict.REPLACED) for n in (1, 2)]
    ledger.record(newer)

    settle(ledger, [arrived])
    ledger.deliveries.release_owner("w1")
    again = claim(ledger)

    assert [one.version for one in again] == [2, 2]
    assert states(path)[ONE, 1, "pacs"] == "delivered"
    assert failed.sop_instance_uid == TWO
    assert states(path)[TWO, 1, "pacs"] == "refused"
    refused = "SELECT reason FROM delivery WHERE state = 'refused'"
    assert rows(path, refused) == [("its payload is not held any more, so that it cannot be sent",)]


def test_a_version_number_that_deliveries_know_is_never_used_again(ledger, path):
    """Else what was delivered of the one that went would count for the one that comes."""
    ledger.record([planned(1)])
    settle(ledger, claim(ledger))
    ledger.forget([planned(1).path])

    [record] = ledger.record([planned(1)])

    assert (record.verdict, record.version) == (Verdict.KEPT, 2)
    assert [one.version for one in claim(ledger)] == [2]
    assert ledger.check() == []
    assert states(path)[ONE, 1, "pacs"] == "delivered"


def test_two_versions_in_one_group_of_an_instance_that_was_here_before(ledger):
    ledger.record([planned(1)])
    settle(ledger, claim(ledger))
    ledger.forget([planned(1).path])

    records = ledger.record([planned(1), planned(1, content=b"x", verdict=Verdict.KEPT_BESIDE)])

    assert [record.version for record in records] == [2, 3]
    assert [one.version for one in claim(ledger)] == [2, 3]
    assert ledger.check() == []


def test_a_person_must_release_what_is_planned_as_held(ledger, path):
    ledger.record([planned(1, PlannedDelivery("pacs", "everything", held="the ledger was lost"))])

    assert claim(ledger) == []
    assert rows(path, "SELECT state, reason FROM delivery") == [("held", "the ledger was lost")]


def test_what_waits_for_its_study_is_not_due(ledger, path):
    study = PlannedDelivery("pacs", "studies", gathering=GatheringKey(Level.STUDY, "1.2.3"))
    ledger.record([planned(1, study, "cloud"), planned(2, study)])
    later = replace(planned(3, study), received_at=NOW)
    ledger.record([later])

    assert claim(ledger) == []
    assert len(claim(ledger, "cloud")) == 1
    question = "SELECT route, level, uid, state, arrivals, late_arrivals FROM gathering"
    assert rows(path, question) == [("studies", "study", "1.2.3", "open", 3, 0)]
    assert rows(path, "SELECT DISTINCT gathering_row FROM delivery WHERE route = 'studies'") == [
        (1,)
    ]


def test_who_brought_a_payload_is_known(ledger, path):
    ledger.record([entry(1)])

    assert rows(path, "SELECT peer FROM payload") == [("ct1",)]
