from datetime import UTC, datetime, timedelta

import pytest

from hilum.service.wall_clock import WallClock


class TwoClocks:
    def __init__(self):
        self.wall = datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.seconds

    def go(self, seconds):
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def turn(self, seconds):
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return TwoClocks()


def test_a_clock_that_goes_on_was_not_set_back(clock):
    wall = WallClock(clock)
    clock.go(3600)

    assert wall.set_back() == timedelta()


def test_a_step_back_is_told_until_somebody_has_followed_it(clock):
    wall = WallClock(clock)
    clock.go(60)
    clock.turn(-3600)

    assert wall.set_back() == timedelta(hours=1)
    clock.go(1)
    assert wall.set_back() == timedelta(hours=1)
    wall.follow()
    assert wall.set_back() == timedelta()


def test_steps_of_a_second_are_the_work_of_time_services(clock):
    wall = WallClock(clock)
    clock.turn(-1)

    assert wall.set_back() == timedelta()


def test_a_step_back_after_one_forward_is_told_in_full(clock):
    wall = WallClock(clock)
    clock.turn(86400)
    assert wall.set_back() == timedelta()
    clock.turn(-86400)

    assert wall.set_back() == timedelta(days=1)
