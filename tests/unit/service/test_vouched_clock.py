"""How old something is, for what cannot be undone: no leap of the clock makes it older at once."""

from datetime import timedelta

import pytest
from two_clocks import TwoClocks

from hilum.service.vouched_clock import VouchedClock

CENTURY = 36_500 * 86_400
DAY = 86_400


@pytest.fixture
def clock():
    return TwoClocks()


def test_an_hour_that_was_seen_to_go_by_is_believed(clock):
    vouched = VouchedClock(clock, clock.now())
    clock.go(3600)

    assert vouched.now() == clock.now()


def test_a_clock_that_begins_in_another_century_is_not_believed(clock):
    seen = clock.now()
    clock.turn(CENTURY)
    vouched = VouchedClock(clock, seen)

    assert vouched.now() == seen
    clock.go(60)
    assert vouched.now() == seen + timedelta(seconds=60)
    clock.turn(-CENTURY)
    assert vouched.now() == clock.now()


def test_a_clock_that_leaps_ahead_is_believed_in_a_day_at_last(clock):
    vouched = VouchedClock(clock, None)
    clock.turn(CENTURY)
    assert vouched.now() == clock.now() - timedelta(seconds=CENTURY)

    clock.go(DAY - 1)
    assert vouched.now() == clock.now() - timedelta(seconds=CENTURY)
    clock.go(1)
    assert vouched.now() == clock.now()


def test_a_pause_is_believed_after_as_long_as_it_was(clock):
    seen = clock.now()
    clock.turn(600)
    vouched = VouchedClock(clock, seen)

    clock.go(599)
    assert vouched.now() == seen + timedelta(seconds=599)
    clock.go(1)
    assert vouched.now() == clock.now()


def test_a_clock_that_is_set_back_is_followed(clock):
    vouched = VouchedClock(clock, None)
    clock.turn(-3600)

    assert vouched.now() == clock.now()


def test_leaps_there_and_back_leave_no_doubt(clock):
    vouched = VouchedClock(clock, None)
    for step in (CENTURY, -CENTURY, 3600, -3600):
        clock.turn(step)
        vouched.now()

    assert vouched.now() == clock.now()


def test_what_is_vouched_for_never_is_beyond_what_the_clock_says(clock):
    later = clock.now() + timedelta(days=1)

    assert VouchedClock(clock, later).now() == clock.now()
