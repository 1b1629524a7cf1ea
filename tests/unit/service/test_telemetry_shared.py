"""Metrics of several workers: any of them shows the sum, and a killed one loses nothing."""

import itertools
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
from prometheus_client import values

from hilum.kernel.errors import Full
from hilum.kernel.telemetry import Counter, Event, Histogram, Metric
from hilum.service import readings
from hilum.service.metrics import LABEL_CHARS_MAX, LABEL_SETS_MAX, TEXT_CHARS_MAX, Metrics
from hilum.service.sharing import FILE_BYTES, Sharing, forget_worker, prepare_directory

OWN = Counter("hilum_orders_taken_total", ("peer",))

WORKER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from hilum.kernel.telemetry import Counter
from hilum.service import readings
from hilum.service.metrics import Metrics
from hilum.service.sharing import Sharing

directory, worker, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
metrics = Metrics(Sharing(directory, worker))
move = metrics.mover(Counter("hilum_orders_taken_total", ("peer",)), "An order was taken.")
metrics.watch(readings.ASSOCIATIONS_OPEN, lambda: count)
metrics.watch(readings.PROCESS_CPU_SECONDS, lambda: 1.5)
for _ in range(count):
    move(SimpleNamespace(peer="CT1"))
metrics.publish()
print("counted", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class OrderTaken(Event):
    """An order was taken."""

    metrics: ClassVar[tuple[Metric, ...]] = (OWN,)
    peer: str = "CT1"


@pytest.fixture
def directory(tmp_path):
    prepare_directory(tmp_path / "metrics")
    return tmp_path / "metrics"


@pytest.fixture
def shared(directory):
    metrics = Metrics(Sharing(directory, 0))
    yield metrics
    metrics.close()


def run_and_kill_worker(directory, worker, count):
    command = [sys.executable, "-c", WORKER, str(directory), str(worker), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"counted\n"
        process.send_signal(signal.SIGKILL)


def shown(metrics, name):
    for line in metrics.exposition().decode().splitlines():
        if line.startswith(name):
            return float(line.rpartition(" ")[2])
    return None


def test_the_sum_of_all_workers_is_shown_and_killed_ones_count(directory, shared):
    shared.mover(OWN, "An order was taken.")(OrderTaken())
    run_and_kill_worker(directory, 1, 10)
    run_and_kill_worker(directory, 2, 100)

    assert shown(shared, "hilum_orders_taken_total") == 111
    assert shown(shared, "hilum_associations_open") == 110
    assert shown(shared, "hilum_process_cpu_seconds_total") == 3

    run_and_kill_worker(directory, 1, 5)
    assert shown(shared, "hilum_orders_taken_total") == 116, "worker 1 counts on"
    assert shown(shared, "hilum_associations_open") == 105, "its gauges begin anew"

    forget_worker(directory, 2)
    assert shown(shared, "hilum_orders_taken_total") == 116
    assert shown(shared, "hilum_associations_open") == 5


def test_a_new_run_starts_from_nothing(directory):
    run_and_kill_worker(directory, 1, 10)

    prepare_directory(directory)

    assert list(directory.iterdir()) == []


def test_the_files_never_grow_so_that_a_full_disk_cannot_kill(directory, shared):
    """A mapped file that has to grow on a full disk ends the process with SIGBUS."""
    allocated = {path: path.stat().st_blocks * 512 for path in directory.iterdir()}
    assert len(allocated) == 3
    assert min(allocated.values()) >= FILE_BYTES

    with pytest.raises(Full):
        count_without_end(shared)

    assert {path.stat().st_size for path in directory.iterdir()} == {FILE_BYTES}


@dataclass(frozen=True, slots=True)
class PeerSeen:
    peer: str
    verdict_of_the_intake: str


def count_without_end(metrics):
    for number in itertools.count():
        metric = Counter(f"hilum_{number:050}_total", ("peer", "verdict_of_the_intake"))
        move = metrics.mover(metric, "ü" * TEXT_CHARS_MAX)
        for value in range(LABEL_SETS_MAX):
            name = f"{value:0{LABEL_CHARS_MAX}}".replace("0", "ü")
            move(PeerSeen(name, name))


def observe_without_end(metrics):
    buckets = tuple(float(number) for number in range(20))
    for number in itertools.count():
        metric = Histogram(f"hilum_{number:050}_seconds", "peer", buckets=buckets)
        metrics.mover(metric, "x" * TEXT_CHARS_MAX)


def test_histograms_stay_in_their_files_too(directory, shared):
    with pytest.raises(Full):
        observe_without_end(shared)

    assert {path.stat().st_size for path in directory.iterdir()} == {FILE_BYTES}


def test_a_gateway_gauge_is_read_once_and_not_summed(shared):
    shared.watch(readings.VAULT_FREE_BYTES, lambda: 7e9)

    assert shown(shared, "hilum_vault_free_bytes") == 7e9


def test_a_reading_that_raises_hides_no_other(shared):
    def broken():
        raise OSError(5, "Input/output error")

    shared.watch(readings.ASSOCIATIONS_OPEN, broken)
    shared.watch(readings.RECEPTIONS_OPEN, lambda: 3)
    shared.watch(readings.VAULT_FREE_BYTES, broken)
    shared.watch(readings.LEDGER_STUDIES, lambda: 5)

    assert shown(shared, "hilum_receptions_open") == 3
    assert shown(shared, "hilum_ledger_studies") == 5
    assert shown(shared, "hilum_vault_free_bytes") is None
    assert shared.unreadable > 0


def test_everything_is_put_back_when_it_is_closed(directory):
    before = values.ValueClass

    Metrics(Sharing(directory, 0)).close()

    assert values.ValueClass is before
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
