import pytest

from hilum.pipeline.wariness import WARY_SECONDS_MAX, Wariness


class Clock:
    seconds = 0.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wariness(clock):
    return Wariness(clock, slow_seconds=0.02)


def take(clock, wariness, seconds):
    begun = clock.seconds
    clock.seconds += seconds
    wariness.judge(begun)


def test_what_is_quick_is_trusted(clock, wariness):
    take(clock, wariness, 0.019)

    assert not wariness.is_wary


@pytest.mark.parametrize("seconds", [0.021, 0.1])
def test_one_moment_is_forgiven_if_there_was_none_for_long_enough(clock, wariness, seconds):
    for _ in range(3):
        take(clock, wariness, seconds)
        assert not wariness.is_wary
        clock.seconds += 51 * seconds


def test_a_second_moment_costs_seconds_for_both(clock, wariness):
    take(clock, wariness, 0.03)
    take(clock, wariness, 0.03)

    clock.seconds += 2.9
    assert wariness.is_wary
    clock.seconds += 0.2
    assert not wariness.is_wary


def test_what_is_much_too_slow_is_not_forgiven(clock, wariness):
    take(clock, wariness, 0.101)

    assert wariness.is_wary


def test_what_takes_long_is_left_to_threads_for_long_but_not_for_ever(clock, wariness):
    take(clock, wariness, 60.0)

    clock.seconds += WARY_SECONDS_MAX - 0.1
    assert wariness.is_wary
    clock.seconds += 0.2
    assert not wariness.is_wary


@pytest.mark.parametrize("slow", [0.021, 0.1, 0.5])
def test_a_disk_that_is_always_slow_stops_the_loop_for_a_small_share_of_the_time(
    clock, wariness, slow
):
    stopped = 0.0
    while clock.seconds < 60.0:
        if wariness.is_wary:
            clock.seconds += 0.01
            continue
        take(clock, wariness, slow)
        stopped += slow

    assert stopped / clock.seconds < 0.025
