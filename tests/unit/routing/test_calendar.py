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


# Where clocks change at midnight, by half an hour, never, or in the other half of the year.
_ZONES = st.sampled_from(
    [
        *("Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana"),
        *("Australia/Lord_Howe", "Africa/Casablanca", "Asia/Beirut", "Asia/Kolkata", "UTC"),
    ]
)
_DAY_WORDS = st.sampled_from(["", "mon ", "sat,sun ", "sun ", "mon-fri ", "fri-mon "])
_WINDOW = _TIMES.map(lambda pair: "-".join(f"{q // 4:02}:{q % 4 * 15:02}" for q in pair))
_ANY_CALENDAR = st.lists(
    st.builds(
        lambda days, times: days + ",".join(times),
        _DAY_WORDS,
        st.lists(_WINDOW, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)
# A year, in which each of them changes its clocks twice.
_MOMENTS = st.integers(0, 366 * 96 - 1).map(
    lambda count: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=15) * count
)


def changes_of(zone):
    """Give the quarters of 2024 in which the clocks of a zone are changed."""
    quarter, at = timedelta(minutes=15), datetime(2024, 1, 1, tzinfo=UTC)
    offsets = [(at + quarter * n).astimezone(zone).utcoffset() for n in range(366 * 96)]
    return [at + quarter * n for n in range(1, len(offsets)) if offsets[n] != offsets[n - 1]]


_CHANGES = {}


@given(
    name=_ZONES,
    texts=_ANY_CALENDAR,
    far=_MOMENTS,
    near=st.integers(-120, 20),
    pick=st.integers(0, 3),
)
def test_no_clock_change_makes_an_opening_too_late_or_too_early(name, texts, far, near, pick):
    """Every other time near a change, which random moments hardly ever are."""
    zone, calendar = ZoneInfo(name), parse_calendar(texts)
    changes = _CHANGES.setdefault(name, changes_of(zone))
    now = changes[pick % len(changes)] + timedelta(minutes=15) * near if changes and pick else far

    opening = calendar.next_opening(now, zone)

    quarters = (now + timedelta(minutes=15) * count for count in range(15 * 96))
    assert opening == next(moment for moment in quarters if calendar.is_open(moment, zone))


@given(name=_ZONES, now=_MOMENTS)
def test_a_window_over_midnight_is_the_complement_of_the_one_between(name, now):
    zone = ZoneInfo(name)
    night, day = parse_calendar(["18:00-07:00"]), parse_calendar(["07:00-18:00"])

    assert night.is_open(now, zone) is not day.is_open(now, zone)


# 2024-10-27 in Berlin: the hour from 02:00 comes twice, from 00:00 and from 01:00 UTC.
@pytest.mark.parametrize("hour", [0, 1])
def test_the_hour_that_comes_twice_is_open_both_times(hour):
    calendar = parse_calendar(["sun 02:15-02:45"])
    moment = datetime(2024, 10, 27, hour, tzinfo=UTC)

    assert not calendar.is_open(moment, BERLIN)
    assert calendar.next_opening(moment, BERLIN) == moment + timedelta(minutes=15)
    assert not calendar.is_open(moment + timedelta(minutes=45), BERLIN)
