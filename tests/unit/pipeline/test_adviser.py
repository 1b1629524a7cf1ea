"""What is said first is what keeps an instance, and what helps."""

from datetime import timedelta

import pytest
from deliveries import NOW, history, queued

from hilum.ledger.delivery import Level, State
from hilum.ledger.gathering import ClosedGathering
from hilum.ledger.lookup import Given, Held
from hilum.pipeline.adviser import advise
from hilum.pipeline.circumstances import Circumstances, Place
from hilum.pipeline.explanation import Explanation

LATER = NOW + timedelta(hours=2)
REFUSED_THERE = "PACS (10.1.2.9:104): cannot connect: Connection refused: nobody there; is it on?"


HELD = Held("1.2.3.1", "1.2.3.2", "1.2.3", 1, "1.2.840.10008.1.2.1", 10, "a.dcm", NOW)


def explained(*deliveries, **changes):
    held = [HELD] if deliveries else []
    return Explanation("1.2.3", deliveries=deliveries, **{"held": held} | changes)


def said(found, *, is_running=True, **place):
    around = Circumstances(is_running, {"pacs": Place("dimse", calling="HILUM", **place)})
    return advise(found, around, now=NOW)


def test_what_is_delivered_needs_no_advice():
    assert said(explained(history(state=State.DELIVERED))) == []


def test_what_was_put_off_says_why_what_helps_and_when_it_is_tried_again():
    due = NOW + timedelta(seconds=40)
    one = history(state=State.DEFERRED, reason=REFUSED_THERE, failing="unreachable", due_at=due)

    (advice,) = said(explained(one))

    assert "Connection refused" in advice.cause
    assert "is it on" not in advice.cause
    assert advice.remedy.startswith("Is it on? See host and port in [destinations.pacs].")
    assert "in 40 s" in advice.remedy
    assert advice.is_urgent


def test_one_that_turns_us_away_is_asked_every_minute():
    reason = "PACS rejected our association, permanent: called AE title not recognized"

    (advice,) = said(explained(history(state=State.DEFERRED, reason=reason, failing="unwelcome")))

    assert "every minute" in advice.remedy


def test_what_waits_behind_a_failure_says_the_failure():
    trouble = queued(9, state=State.DEFERRED, reason=REFUSED_THERE, failing="unreachable")

    (advice,) = said(explained(history()), trouble=trouble)

    assert "others fail" in advice.cause
    assert "Connection refused" in advice.cause
    assert "host and port" in advice.remedy


def test_closed_hours_say_when_they_open():
    (advice,) = said(explained(history()), opens_at=LATER)

    assert "2026-03-01 14:00Z" in advice.cause
    assert "between in [destinations.pacs]" in advice.remedy
    assert not advice.is_urgent


def test_closed_hours_of_a_route_name_the_route():
    (advice,) = said(explained(history(due_at=LATER)))

    assert "between" in advice.cause
    assert "route everything" in advice.remedy


def test_a_rate_is_named_to_those_in_line():
    length = timedelta(hours=3)

    (advice,) = said(explained(history()), rate="1 KiB a second", owed=7, empty_in=length)

    assert "line of 7, which is empty in 3 h" in advice.cause
    assert "1 KiB a second" in advice.cause
    assert not advice.is_urgent


def test_a_gathering_says_how_many_are_there():
    gathering = ClosedGathering(
        1,
        "studies",
        Level.STUDY,
        "1.2.3",
        None,
        None,
        "",
        is_forced=False,
        arrivals=3,
        late_arrivals=0,
    )

    (advice,) = said(explained(history(due_at=None, route="studies"), gatherings=[gathering]))

    assert "the study is complete; 3 instances so far" in advice.cause
    assert "gather" in advice.remedy


def test_a_gateway_that_does_not_run_comes_first():
    causes = [one.cause for one in said(explained(history(), history(2)), is_running=False)]

    assert causes[0] == "the gateway is not running, and 2 deliveries wait for it"


@pytest.mark.parametrize("is_running", [True, None])
def test_nobody_says_it_does_not_run_without_knowing(is_running):
    advice = said(explained(history()), is_running=is_running)

    assert not any("not running" in one.cause for one in advice)


def test_what_was_refused_comes_before_what_waits():
    refused = history(2, state=State.REFUSED, reason="PACS answered: Cannot Understand (0xC000)")

    first, _ = said(explained(history(), refused))

    assert "refused: PACS answered: Cannot Understand (0xC000)" in first.cause
    assert "--id 2" in first.remedy


def test_many_with_one_reason_are_one_piece_of_advice():
    held = [history(n, state=State.HELD, reason="PACS moves") for n in range(1, 4)]

    (advice,) = said(explained(*held))

    assert advice.cause == "3 deliveries to pacs are held: PACS moves"
    assert "release --study 1.2.3 --destination pacs" in advice.remedy


def test_what_was_dropped_can_be_sent_after_all():
    (advice,) = said(explained(history(state=State.DROPPED, reason="twice")))

    assert "dropped: twice" in advice.cause
    assert "hilum queue replay --id 1 --to pacs" in advice.remedy
    assert not advice.is_urgent


def test_a_destination_that_is_no_more_comes_before_all_else():
    gone = history(2, destination="old", state=State.DEFERRED)

    first, *_ = said(explained(history(state=State.HELD, reason="x"), gone))

    assert "old is not in the configuration" in first.cause
    assert "[destinations.old]" in first.remedy


def test_what_nobody_brought_is_said_to_be_so():
    (advice,) = said(explained())

    assert "never received" in advice.cause


def test_what_is_not_held_any_more_names_who_brought_it():
    given = Given("1.2.3", 1, "kept", NOW, "CT1", "ct1", "10.0.0.1")

    (advice,) = said(explained(receipts=[given]))

    assert "from CT1" in advice.cause
    assert "audit trail" in advice.remedy


def test_what_was_delivered_and_is_not_held_any_more_is_not_called_well():
    (advice,) = said(explained(history(state=State.DELIVERED), held=[]))

    assert "not held any more" in advice.cause
    assert not advice.is_urgent
