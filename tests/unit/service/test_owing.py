"""What is owed and how lanes do, as Prometheus sees it."""

import asyncio
from datetime import UTC, datetime, timedelta

from hilum.ledger.delivery import LaneDepth, State
from hilum.pipeline.lanes.figures import LaneFigures
from hilum.service.metrics import Metrics
from hilum.service.owing import Owing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """Stands still unless somebody counts, which takes a tenth of a second."""

    seconds = 100.0

    def now(self):
        return NOW

    def monotonic(self):
        return self.seconds


def lane(name, breaker="closed"):
    return LaneFigures(name, "open", breaker, "", "", 0.0, 4, 2, 1, 0, 0, 0)


def shown(metrics):
    lines = metrics.exposition().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def make(depths, lanes):
    clock, metrics = Clock(), Metrics()
    owing = Owing(lambda: depths(clock), clock)
    owing.show(metrics, lambda: lanes)
    return clock, owing, metrics


def test_depth_bytes_and_age_are_shown_by_destination_and_state():
    depth = LaneDepth("pacs", State.DEFERRED, 3, 3000, NOW - timedelta(hours=1))
    _, owing, metrics = make(lambda _: [depth], [])

    asyncio.run(owing.refresh())

    labels = '{destination="pacs",state="deferred"}'
    found = shown(metrics)
    assert found[f"hilum_deliveries_owed{labels}"] == "3.0"
    assert found[f"hilum_deliveries_owed_bytes{labels}"] == "3000.0"
    assert found[f"hilum_deliveries_oldest_seconds{labels}"] == "3600.0"


def test_lanes_show_breaker_window_and_sessions():
    _, _, metrics = make(lambda _: [], [lane("pacs"), lane("ai", "open")])

    found = shown(metrics)

    assert found['hilum_lane_breaker_open{destination="pacs"}'] == "0.0"
    assert found['hilum_lane_breaker_open{destination="ai"}'] == "1.0"
    assert found['hilum_lane_window{destination="ai"}'] == "4.0"
    assert found['hilum_lane_sessions{destination="ai"}'] == "2.0"


def test_a_lane_that_is_no_more_has_no_sessions():
    lanes = [lane("pacs")]
    _, _, metrics = make(lambda _: [], lanes)
    shown(metrics)

    lanes.clear()

    assert shown(metrics)['hilum_lane_sessions{destination="pacs"}'] == "0.0"


def test_counting_that_takes_long_is_not_done_often():
    counted = []

    def slowly(clock):
        counted.append(clock.seconds)
        clock.seconds += 0.1
        return []

    clock, owing, _ = make(slowly, [])
    for seconds in (0, 5, 5, 5):
        clock.seconds += seconds
        asyncio.run(owing.refresh())

    assert counted == [100.0, 110.1]
