"""An event becomes a line and moves its metrics, and nothing that goes wrong here comes out."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import ClassVar

import pytest

from hilum.kernel.telemetry import Counter, Event, Histogram, Level, Metric
from hilum.service.metrics import LABEL_SETS_MAX, Metrics
from hilum.service.sink import Sink
from hilum.service.telemetry import LiveTelemetry, live_telemetry

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


class Verdict(Enum):
    KEPT = 1
    KEPT_BESIDE = 2


@dataclass(frozen=True, slots=True)
class OrderTaken(Event):
    """An order was taken."""

    message: ClassVar[str] = "Took {uid} from {peer} in {seconds:.2f} s."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_orders_taken_total", ("peer", "verdict")),
        Counter("hilum_orders_bytes_total", amount="size"),
        Histogram("hilum_orders_seconds", "seconds", ("peer",), (0.1, 1.0)),
    )
    peer: str
    verdict: Verdict
    uid: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WireRead(Event):
    """Bytes came."""

    level: ClassVar[Level] = Level.DEBUG
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_wire_reads_total"),)


@dataclass(frozen=True, slots=True)
class OrderMistold(Event):
    """A class with every mistake an author can make."""

    message: ClassVar[str] = "There is no {such_field}."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_orders_mistold_total", ("no_such_label",)),
        Counter("hilum_orders_told_total"),
    )
    peer: str


TAKEN = OrderTaken("CT1", Verdict.KEPT_BESIDE, "1.2.3", 512, 0.25)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(read)
    os.close(write)


@pytest.fixture
def sink(pipe):
    sink = Sink(pipe[1])
    yield sink
    sink.close()


def make(sink, style="json", level="info", worker=None):
    settings = SimpleNamespace(format=style, level=level)
    return LiveTelemetry(settings, Metrics(), sink, worker=worker, now=lambda: NOON)


def lines(pipe):
    try:
        return os.read(pipe[0], 1 << 20).decode().splitlines()
    except BlockingIOError:
        return []


def test_an_event_is_one_json_line_with_all_its_fields(pipe, sink):
    telemetry = make(sink, worker=2)

    telemetry.emit(TAKEN)

    (line,) = lines(pipe)
    assert json.loads(line) == {
        "time": "2026-11-21T12:00:00.123+00:00",
        "level": "info",
        "event": "OrderTaken",
        "message": "Took 1.2.3 from CT1 in 0.25 s.",
        "worker": 2,
        "peer": "CT1",
        "verdict": "kept_beside",
        "uid": "1.2.3",
        "size": 512,
        "seconds": 0.25,
    }


def test_a_console_line_has_the_sentence_and_the_fields_it_does_not_mention(pipe, sink):
    make(sink, "console").emit(TAKEN)

    (line,) = lines(pipe)
    assert line == (
        "2026-11-21 12:00:00.123+00:00 info    Took 1.2.3 from CT1 in 0.25 s. "
        "verdict=kept_beside size=512"
    )


def test_an_event_moves_its_metrics(sink):
    telemetry = make(sink)

    telemetry.emit(TAKEN)
    telemetry.emit(TAKEN)

    shown = telemetry.metrics.exposition().decode()
    assert 'hilum_orders_taken_total{peer="CT1",verdict="kept_beside"} 2.0' in shown
    assert "hilum_orders_bytes_total 1024.0" in shown
    assert 'hilum_orders_seconds_bucket{le="0.1",peer="CT1"} 0.0' in shown
    assert 'hilum_orders_seconds_bucket{le="1.0",peer="CT1"} 2.0' in shown
    assert 'hilum_orders_seconds_sum{peer="CT1"} 0.5' in shown
    assert "# HELP hilum_orders_taken_total An order was taken." in shown
    assert "_created" not in shown


def test_an_event_below_the_level_moves_metrics_and_writes_nothing(pipe, sink):
    telemetry = make(sink, level="info")

    telemetry.emit(WireRead())

    assert lines(pipe) == []
    assert "hilum_wire_reads_total 1.0" in telemetry.metrics.exposition().decode()


@pytest.mark.parametrize(("level", "count"), [("debug", 2), ("info", 1), ("warning", 0)])
def test_the_level_says_which_events_are_written(pipe, sink, level, count):
    telemetry = make(sink, level=level)

    telemetry.emit(TAKEN)
    telemetry.emit(WireRead())

    assert len(lines(pipe)) == count


def test_metrics_are_shown_before_their_first_event(sink):
    telemetry = make(sink)

    telemetry.learn([WireRead])

    assert "hilum_wire_reads_total 0.0" in telemetry.metrics.exposition().decode()


def test_a_broken_event_class_raises_nothing_and_costs_only_what_is_broken(sink):
    telemetry = make(sink)

    telemetry.emit(OrderMistold("CT1"))

    assert telemetry.failures == 2  # the label that is no field, the message's field
    assert "hilum_orders_told_total 1.0" in telemetry.metrics.exposition().decode()


def test_two_shapes_of_one_metric_are_refused_at_the_start(sink):
    @dataclass(frozen=True, slots=True)
    class OrderTakenAgain(Event):
        """Says otherwise."""

        metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_orders_taken_total", ("peer",)),)
        peer: str

    with pytest.raises(ValueError, match="hilum_orders_taken_total"):
        make(sink).learn([OrderTaken, OrderTakenAgain])


def test_a_label_with_ever_new_values_does_not_fill_the_memory(sink):
    telemetry = make(sink)

    for number in range(LABEL_SETS_MAX + 50):
        telemetry.emit(OrderTaken(f"AE{number}", Verdict.KEPT, "1.2", 1, 0.0))

    shown = telemetry.metrics.exposition().decode()
    assert 'hilum_orders_taken_total{peer="(other)",verdict="(other)"} 50.0' in shown
    assert shown.count("hilum_orders_taken_total{") == LABEL_SETS_MAX + 1
    assert telemetry.failures == 0


def test_dropped_lines_are_told_of_when_there_is_room_again(pipe, sink):
    telemetry = make(sink)
    while not sink.dropped:
        telemetry.emit(TAKEN)
    telemetry.emit(TAKEN)
    before = sink.dropped
    while lines(pipe):
        pass

    telemetry.emit(TAKEN)
    telemetry.emit(TAKEN)

    told = [json.loads(line) for line in lines(pipe)]
    assert [line["event"] for line in told] == ["LogLinesDropped", "OrderTaken", "OrderTaken"]
    assert told[0]["lines"] == before == 2


def test_the_live_telemetry_of_a_process_shows_how_it_fares_itself(capfd):
    settings = SimpleNamespace(format="json", level="info")

    with live_telemetry(settings) as telemetry:
        telemetry.emit(TAKEN)
        shown = telemetry.metrics.exposition().decode()

    assert json.loads(capfd.readouterr().out)["event"] == "OrderTaken"
    values = dict(line.split() for line in shown.splitlines() if line.startswith("hilum_process"))
    assert float(values["hilum_process_resident_bytes"]) > 1e6
    assert float(values["hilum_process_descriptors"]) >= 3
    assert float(values["hilum_process_cpu_seconds_total"]) > 0
    assert "hilum_log_lines_dropped_total 0.0" in shown
    assert "hilum_commits_total 0.0" in shown  # of hilum.pipeline.events, before any commit


def test_without_a_place_for_the_common_metrics_the_gateway_still_starts(capfd, tmp_path):
    settings = SimpleNamespace(format="json", level="info")
    not_a_directory = tmp_path / "file"
    not_a_directory.write_bytes(b"")

    with live_telemetry(settings, worker=1, share_in=not_a_directory / "metrics") as telemetry:
        telemetry.emit(WireRead())
        assert "hilum_wire_reads_total 1.0" in telemetry.metrics.exposition().decode()

    line = json.loads(capfd.readouterr().out)
    assert (line["event"], line["worker"]) == ("MetricsNotShared", 1)
