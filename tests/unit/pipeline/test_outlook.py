"""What is owed and when it will be there, at the pace of the last minutes."""

from datetime import UTC, datetime, timedelta

from hilum.ledger.delivery import LaneDepth, Pace, State
from hilum.pipeline.outlook import outlooks

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def depth(state, count, name="pacs"):
    return LaneDepth(name, state, count, count * 1000, NOW)


def pace(delivered, name="pacs"):
    return Pace(name, 10, delivered, delivered * 1000, 0, 0)


def test_a_queue_is_empty_when_depth_over_pace_has_passed():
    (one,) = outlooks(["pacs"], [depth(State.WAITING, 300)], [pace(100)])

    assert one.empty_in == timedelta(minutes=30)


def test_what_waits_for_a_person_is_not_part_of_the_forecast():
    depths = [depth(State.WAITING, 10), depth(State.HELD, 1000), depth(State.REFUSED, 1000)]

    (one,) = outlooks(["pacs"], depths, [pace(10)])

    assert one.empty_in == timedelta(minutes=10)
    assert one.count(State.HELD, State.REFUSED) == 2000


def test_nobody_can_tell_without_a_pace():
    stuck, idle = outlooks(["pacs", "ai"], [depth(State.WAITING, 1)], [pace(0)])

    assert stuck.empty_in is None
    assert idle.empty_in == timedelta(0)


def test_what_is_owed_to_one_that_is_no_more_is_shown_last():
    found = outlooks(["pacs"], [depth(State.WAITING, 1, "old")], [])

    assert [one.destination for one in found] == ["pacs", "old"]
