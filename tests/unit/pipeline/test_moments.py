from datetime import UTC, datetime, timedelta

import pytest

from hilum.pipeline.moments import Moments


class Clock:
    """A clock that gives what it is told."""

    def __init__(self, *moments: datetime) -> None:
        self._moments = list(moments)

    def now(self) -> datetime:
        return self._moments.pop(0)

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("second", "given"),
    [
        (timedelta(seconds=1), timedelta(seconds=1)),
        (timedelta(0), timedelta(microseconds=1)),
        (timedelta(seconds=-2), timedelta(microseconds=1)),
        (timedelta(hours=-1), timedelta(hours=-1)),  # it was wrong before
    ],
)
def test_each_moment_is_later_than_the_one_before_unless_the_clock_was_corrected(second, given):
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    moments = Moments(Clock(noon, noon + second))

    assert [moments.next(), moments.next()] == [noon, noon + given]
