from dataclasses import replace

import pytest
from delivery_plans import LATER, NO_ANSWER, NOW, claim, planned, settle, states
from delivery_plans import uids as uids_of
from ledger_entries import RECEIVED, rows

from hilum.kernel.outcome import Refused
from hilum.ledger.delivery import (
    ASKED_AGAIN,
    Attempt,
    PlannedDelivery,
    Priority,
    QueuedDelivery,
    Selection,
    State,
)
from hilum.ledger.entry import Origin

OPERATOR = Origin("", "", "anna", "10.0.0.7", "", "")
ONE, TWO, THREE = "1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"
WHO = {"by": OPERATOR, "now": NOW}


def ids(ledger, selection):
    return [one.delivery_id for one in ledger.queue.find(selection)]


def audit(path):
    question = "SELECT event, peer, host, study_instance_uid, sop_instance_uid, detail FROM audit"
    return rows(path, f"{question} WHERE event LIKE 'deliveries: %' ORDER BY id")


def test_a_delivery_as_a_person_sees_it(ledger):
    ledger.record([planned(1, PlannedDelivery("pacs", "ct", "group", Priority.STAT))])
    settle(ledger, claim(ledger), NO_ANSWER, due_at=LATER)

    assert ledger.queue.find(Selection()) == [
        QueuedDelivery(
            delivery_id=1,
            sop_instance_uid=ONE,
            version=1,
            series_instance_uid="1.2.3.4",
            study_instance_uid="1.2.3",
            destination="pacs",
            replay=0,
            route="ct",
            choice="group",
            state=State.DEFERRED,
            priority=Priority.STAT,
            due_at=LATER,
            created_at=RECEIVED,
            settled_at=None,
            attempts=1,
            failing="unreachable",
            reason="no answer within 30 s",
            status=None,
            size=1000,
            lease_owner="",
        )
    ]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), [1, 2, 3, 4]),
        (Selection(ids=(4, 2, 9)), [2, 4]),
        (Selection(destination="cloud"), [3]),
        (Selection(route="everything"), [1, 2, 4]),
        (Selection(study_instance_uid="1.7"), [2, 3]),
        (Selection(series_instance_uid="1.2.3.4"), [1, 4]),
        (Selection(sop_instance_uid=TWO), [2, 3]),
        (Selection(accession_number="A7"), [2, 3]),
        (Selection(states=(State.DELIVERED,)), [1]),
        (Selection(states=(State.WAITING, State.DELIVERED)), [1, 2, 3, 4]),
        (Selection(states=(State.WAITING,), destination="pacs"), [2, 4]),
        (Selection(states=(State.HELD, State.REFUSED)), []),
        (Selection(created_before=NOW), [1, 2, 3]),
        (Selection(accession_number="A7", destination="pacs"), [2]),
    ],
)
def test_a_selection_means_what_fits_all_of_it(ledger, selection, expected):
    other = {
        "study_instance_uid": "1.7",
        "series_instance_uid": "1.7.1",
        "accession_number": "A7",
    }
    ledger.record([planned(1), planned(2, "pacs", PlannedDelivery("cloud", "ct"), **other)])
    ledger.record([replace(planned(3), received_at=NOW)])
    settle(ledger, claim(ledger, limit=1))

    assert ids(ledger, selection) == expected


def test_pages_follow_each_other(ledger):
    ledger.record([planned(number) for number in range(5)])

    first = ledger.queue.find(Selection(), limit=2)
    second = ledger.queue.find(Selection(), after=first[-1].delivery_id, limit=10)

    assert [one.delivery_id for one in first + second] == [1, 2, 3, 4, 5]


def test_what_is_held_waits_until_it_is_released(ledger, path):
    ledger.record([planned(1), planned(2)])

    assert ledger.queue.hold(Selection(sop_instance_uid=ONE), reason="ask Bob", **WHO) == 1
    assert uids_of(claim(ledger, limit=1)) == [TWO]
    assert ledger.queue.release(Selection(study_instance_uid="1.2.3"), **WHO) == 1

    assert uids_of(claim(ledger)) == [ONE]
    assert audit(path) == [
        (
            *("deliveries: hold", "anna", "10.0.0.7", "", ONE),
            f"1 deliveries of: sop_instance_uid {ONE}; reason: ask Bob",
        ),
        (
            *("deliveries: release", "anna", "10.0.0.7", "1.2.3", ""),
            "1 deliveries of: study_instance_uid 1.2.3",
        ),
    ]


def test_what_is_released_no_longer_says_why_it_was_held(ledger):
    ledger.record([planned(1)])
    settle(ledger, claim(ledger), NO_ANSWER, due_at=LATER)
    ledger.queue.hold(Selection(), reason="ask Bob", **WHO)

    ledger.queue.release(Selection(), **WHO)

    (released,) = ledger.queue.history(Selection())
    assert (released.delivery.reason, released.delivery.failing) == ("", "")
    assert len(released.attempts) == 1


def test_what_changes_nothing_is_not_told(ledger, path):
    ledger.record([planned(1)])

    assert ledger.queue.release(Selection(), **WHO) == 0
    assert ledger.queue.release(Selection(states=(State.DELIVERED,)), **WHO) == 0
    assert audit(path) == []


def test_what_was_refused_or_deferred_goes_again_at_once(ledger):
    ledger.record([planned(number) for number in (1, 2, 3)])
    first, second, third = claim(ledger)
    settle(ledger, [first], Refused("no"))
    settle(ledger, [second], NO_ANSWER, due_at=LATER)
    settle(ledger, [third])

    assert ledger.queue.retry(Selection(), **WHO) == 2
    assert sorted(uids_of(claim(ledger))) == [ONE, TWO]


def test_what_a_person_wants_tried_again_goes_on_telling_how_it_failed(ledger):
    ledger.record([planned(1)])
    settle(ledger, claim(ledger), NO_ANSWER, due_at=LATER)
    for _ in range(2):
        ledger.queue.retry(Selection(), **WHO)

    [one] = ledger.queue.find(Selection())
    assert (one.state, one.reason) == (State.WAITING, f"{ASKED_AGAIN}{NO_ANSWER.reason}")
    settle(ledger, claim(ledger), NO_ANSWER, due_at=LATER)
    [one] = ledger.queue.find(Selection())
    assert one.reason == NO_ANSWER.reason
    ledger.queue.retry(Selection(), **WHO)
    settle(ledger, claim(ledger))
    [one] = ledger.queue.find(Selection())
    assert one.reason == ""


def test_what_was_only_refused_can_be_retried_alone(ledger):
    ledger.record([planned(number) for number in (1, 2)])
    first, second = claim(ledger)
    settle(ledger, [first], Refused("no"))
    settle(ledger, [second], NO_ANSWER, due_at=LATER)

    assert ledger.queue.retry(Selection(states=(State.REFUSED,)), **WHO) == 1
    assert uids_of(claim(ledger)) == [ONE]


@pytest.mark.parametrize(
    ("act", "is_let_go"),
    [
        (lambda queue: queue.retry(Selection(), **WHO), True),
        (lambda queue: queue.replay(Selection(), to="cloud", **WHO), True),
        (lambda queue: queue.reprioritise(Selection(), Priority.STAT, **WHO), False),
        (lambda queue: queue.hold(Selection(), reason="why", **WHO), False),
        (lambda queue: queue.release(Selection(), **WHO), False),  # nothing is held
    ],
)
def test_other_processes_learn_that_a_person_let_something_go(ledger, act, is_let_go):
    ledger.record([planned(1)])
    settle(ledger, claim(ledger), NO_ANSWER, due_at=LATER)
    before = ledger.queue.last_record()

    act(ledger.queue)

    last, heard = ledger.queue.let_go_after(before)
    assert heard is is_let_go
    assert ledger.queue.let_go_after(last) == (last, False)


def test_what_is_dropped_is_owed_no_more(ledger, path):
    ledger.record([planned(1), planned(2), planned(3)])
    first, second = claim(ledger, limit=2)
    settle(ledger, [first])

    assert ledger.queue.drop(Selection(), reason="test images", **WHO) == 1

    assert states(path) == {
        (ONE, 1, "pacs"): "delivered",
        (second.sop_instance_uid, 1, "pacs"): "active",
        (THREE, 1, "pacs"): "dropped",
    }
    assert ledger.queue.find(Selection(states=(State.DROPPED,)))[0].reason == "test images"


def test_what_is_made_urgent_goes_first(ledger):
    ledger.record([planned(number) for number in (1, 2, 3)])

    changed = ledger.queue.reprioritise(Selection(sop_instance_uid=THREE), Priority.STAT, **WHO)

    assert changed == 1
    assert uids_of(claim(ledger)) == [THREE, ONE, TWO]


def test_a_replay_goes_to_another_destination_or_once_more_to_the_same(ledger, path):
    ledger.record([planned(1), planned(2)])
    settle(ledger, claim(ledger, limit=1))

    assert ledger.queue.replay(Selection(), to="pacs", **WHO) == 1
    assert ledger.queue.replay(Selection(), to="pacs", **WHO) == 0
    assert ledger.queue.replay(Selection(), to="cloud", priority=Priority.BULK, **WHO) == 2

    assert uids_of(claim(ledger)) == [TWO, ONE]
    assert [one.priority for one in claim(ledger, "cloud")] == [Priority.BULK, Priority.BULK]
    question = "SELECT destination, replay, count(*) FROM delivery GROUP BY 1, 2"
    assert rows(path, question) == [("cloud", 0, 2), ("pacs", 0, 2), ("pacs", 1, 1)]


def test_what_is_held_no_more_cannot_be_replayed(ledger):
    ledger.record([planned(1)])
    settle(ledger, claim(ledger))
    ledger.forget([planned(1).path])

    assert ledger.queue.replay(Selection(), to="cloud", **WHO) == 0


def test_history_has_the_last_attempts(ledger):
    ledger.record([planned(1), planned(2)])
    settle(ledger, claim(ledger, limit=1), NO_ANSWER, due_at=NOW)
    settle(ledger, claim(ledger, limit=2)[1:], Refused("no", 0x0122), now=LATER)

    first, second = ledger.queue.history(Selection(study_instance_uid="1.2.3"))

    assert first.delivery.sop_instance_uid == ONE
    assert first.attempts == (
        Attempt(NOW, "deferred", "unreachable", "no answer within 30 s", None),
        Attempt(LATER, "refused", "", "no", 0x0122),
    )
    assert second.attempts == ()


def test_a_change_that_fails_leaves_no_audit_record(ledger, path, monkeypatch):
    ledger.record([planned(1)])
    monkeypatch.setattr(ledger._writing.add_audit, "run", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        ledger.queue.hold(Selection(), reason="x", **WHO)

    assert states(path) == {(ONE, 1, "pacs"): "waiting"}
