"""Calendars of the week: what they hold, when they open next, and what clock changes do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.routing.calendar import DAYS, parse_calendar

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2024, 1, 1, tzinfo=BERLIN)


def on(day, hour, minute=0):
    return MONDAY + timedelta(days=DAYS.index(day), hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        ("07:00-19:00", on("mon", 7), True),
        ("07:00-19:00", on("sun", 18, 59), True),
        ("07:00-19:00", on("mon", 19), False),
        ("7:00-19:00", on("mon", 6, 59), False),
        ("18:00-07:00", on("tue", 3), True),
        ("18:00-07:00", on("tue", 12), False),
        ("mon-fri 18:00-07:00", on("sat", 6, 59), True),
        ("mon-fri 18:00-07:00", on("sat", 18), False),
        ("mon-fri 18:00-07:00", on("mon", 3), False),
        ("sat,sun", on("sat", 0), True),
        ("sat,sun", on("fri", 23, 59), False),
        ("fri-mon", on("wed", 12), False),
        ("fri-mon", on("sun", 12), True),
        ("mon 07:00-12:00,13:00-17:00", on("mon", 12, 30), False),
        ("mon 07:00-12:00,13:00-17:00", on("mon", 13), True),
        ("22:00-24:00", on("mon", 23, 59), True),
        ("MON-FRI  07:00-19:00", on("tue", 8), True),
        ("always", on("thu", 3), True),
    ],
)
def test_a_calendar_is_open_in_its_windows(text, moment, is_open):
    assert parse_calendar([text]).is_open(moment, BERLIN) is is_open


def test_a_calendar_of_several_texts_is_open_when_one_of_them_is():
    calendar = parse_calendar(["mon-fri 18:00-07:00", "sat,sun"])

    assert calendar.is_open(on("sat", 12), BERLIN)
    assert not calendar.is_open(on("mon", 12), BERLIN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7-19", "not a calendar"),
        ("", "not a calendar"),
        ("07:00-19:00 mon", "not a calendar"),
        ("mon 07:00-19:00 tue", "not a calendar"),
        ("monday", "'monday' is not a day"),
        ("mon,", "'' is not a day"),
        ("07:00-25:00", "no clock shows"),
        ("24:00-07:00", "no clock shows"),
        ("07:61-19:00", "no clock shows"),
        ("07:00-07:00", "ends when it starts"),
        ("x" * 2000, "at most 1000 characters"),
    ],
)
def test_what_is_no_calendar_is_told(text, words):
    with pytest.raises(ValueError, match=words):
        parse_calendar([text])


def test_a_calendar_of_nothing_is_none():
    with pytest.raises(ValueError, match="at least one window"):
        parse_calendar([])


def test_a_calendar_has_a_limit():
    with pytest.raises(ValueError, match="at most 100"):
        parse_calendar(["mon"] * 101)


def test_the_next_opening_is_now_when_it_is_open():
    assert parse_calendar(["always"]).next_opening(on("mon", 5), BERLIN) == on("mon", 5)


def test_the_next_opening_may_be_days_away():
    assert parse_calendar(["sun 04:00-05:00"]).next_opening(on("sun", 5), BERLIN) == on(
        "sun", 4
    ) + timedelta(days=7)


# 2024-03-31: 02:00 becomes 03:00 (01:00 UTC). 2024-10-27: 03:00 becomes 02:00 (01:00 UTC).
def test_a_window_whose_start_is_skipped_opens_when_the_clock_jumps():
    calendar = parse_calendar(["sun 02:15-04:00"])

    opening = calendar.next_opening(datetime(2024, 3, 30, 12, tzinfo=UTC), BERLIN)

    assert opening == datetime(2024, 3, 31, 1, tzinfo=UTC)


def test_a_window_that_is_skipped_whole_opens_a_week_later():
    calendar = parse_calendar(["sun 02:15-02:45"])

    opening = calendar.next_opening(datetime(2024, 3, 30, 12, tzinfo=UTC), BERLIN)

    assert opening == datetime(2024, 4, 7, 0, 15, tzinfo=UTC)


_TIMES = st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda pair: pair[0] != pair[1])
_CALENDARS = st.builds(
    lambda day, pair: f"{day} " + "-".join(f"{q // 4:02}:{q % 4 * 15:02}" for q in pair),
    st.sampled_from(DAYS),
    _TIMES,
)
_QUARTERS = st.integers(0, 230 * 96).map(
    lambda count: datetime(2024, 3, 20, tzinfo=UTC) + timedelta(minutes=15) * count
)


@given(text=_CALENDARS, now=_QUARTERS)
def test_the_next_opening_is_the_first_open_minute(text, now):
    """Compared with looking at every quarter of an hour: no window here is finer."""
    calendar = parse_calendar([text])

    quarter = timedelta(minutes=15)
    expected = next(
        moment
        for moment in (now + quarter * count for count in range(15 * 96))
        if calendar.is_open(moment, BERLIN)
    )
    assert calendar.next_opening(now, BERLIN) == expected
