"""Workers whose event loop does not turn any more are found, traced and ended."""

import signal
import subprocess
import sys
from types import SimpleNamespace

from hilum.service.events import WorkerStalled
from hilum.service.pulse import SILENT_LOOKS_MAX, Pulse, Pulses
from hilum.service.supervisor import _Parent

HANGING = """
import time
from hilum.service.pulse import let_trace
let_trace()
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def test_a_worker_that_counts_is_never_silent():
    pulses = Pulses(2)
    pulse = Pulse(pulses, 2)

    for _ in range(SILENT_LOOKS_MAX * 2):
        pulse.alive()
        assert pulses.looks_without(2) == 0


def test_a_worker_that_has_not_counted_yet_is_waited_for():
    pulses = Pulses(1)

    assert [pulses.looks_without(1) for _ in range(SILENT_LOOKS_MAX * 2)][-1] == 0


def test_looks_are_counted_from_the_last_pulse_on():
    pulses = Pulses(1)
    pulses.beat(1)

    assert [pulses.looks_without(1) for _ in range(3)] == [0, 1, 2]
    pulses.beat(1)
    assert [pulses.looks_without(1) for _ in range(3)] == [0, 1, 2]


def test_one_that_is_started_again_begins_anew():
    pulses = Pulses(1)
    pulses.beat(1)
    for _ in range(SILENT_LOOKS_MAX):
        pulses.looks_without(1)
    pulses.begin(1)

    assert pulses.looks_without(1) == 0


def test_a_worker_that_hangs_says_where_and_is_ended():
    told, pulses = [], Pulses(1)
    telemetry = SimpleNamespace(emit=told.append)
    with subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout.readline() == "ready\n"
        parent = SimpleNamespace(_workers={worker.pid: (1, 0.0)}, _pulses=pulses)
        pulses.beat(1)
        for _ in range(SILENT_LOOKS_MAX + 1):  # the first one sees the pulse
            _Parent._look(parent, telemetry)
        assert told == []
        assert "most recent call first" in worker.stderr.readline()
        _Parent._look(parent, telemetry)

        assert worker.wait(10) == -signal.SIGKILL
        _Parent._look(parent, telemetry)  # before it is buried
    assert [type(one) for one in told] == [WorkerStalled]
