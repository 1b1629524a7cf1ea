import pytest

from hilum.cli.sending.rate import RateLimit, parse_rate
from hilum.kernel.errors import Misconfigured


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50MB", 50_000_000),
        ("50 MB/s", 50_000_000),
        ("1.5g", 1_500_000_000),
        ("800KiB", 819_200),
        ("1000", 1000),
        ("2 kB", 2000),
    ],
)
def test_a_rate_is_bytes_per_second_in_common_units(text, expected):
    assert parse_rate(text) == expected


@pytest.mark.parametrize("text", ["", "fast", "-1MB", "0", "0.5", "10 apples", "1e9"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(Misconfigured, match="expected bytes per second"):
        parse_rate(text)


class StoppedClock:
    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds

    def now(self):
        raise NotImplementedError


@pytest.mark.asyncio
async def test_bytes_beyond_the_rate_wait_and_idle_time_is_not_saved_up(monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    clock = StoppedClock()
    limit = RateLimit(1000, clock=clock)

    await limit.take(500)
    await limit.take(500)
    clock.seconds = 100.0
    await limit.take(500)
    await limit.take(1)

    assert waits == [pytest.approx(0.5), pytest.approx(0.5)]
