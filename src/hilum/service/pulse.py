"""Tells whether the event loop of each worker turns: by counts in memory that all processes share.

A worker that dies is buried; one that hangs holds its associations and its share of deliveries for
as long as nobody looks. No clock of the worker is looked at, and no time of day: a machine that was
asleep has slept for parent and workters alike.
"""

import faulthandler
import mmap
import signal
from typing import Final

from hilum.service.notify import Systemd

# How often a worker counts, and its parent looks.
PULSE_SECONDS: Final = 5.0
# A disk that does not answer can hold a loop for long, and a new worker would only meet it, too.
SILENT_LOOKS_MAX: Final = 12
# Has a worker write on standard error where each of its threads is.
TRACE_SIGNAL: Final = signal.SIGUSR2
_COUNT_BYTES: Final = 8


class Pulses:
    """The counts of all workers. To be made before they are forked."""

    def __init__(self, workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, _COUNT_BYTES * (workers + 1))).cast("Q")
        self._seen = [0] * (workers + 1)
        self._silent_looks = [0] * (workers + 1)

    def beat(self, number: int) -> None:
        """Count, as a worker."""
        self._counts[number] += 1

    def begin(self, number: int) -> None:
        """Have a worker begin: until it counts for the first time nobody is surprised."""
        self._counts[number] = self._seen[number] = self._silent_looks[number] = 0

    def looks_without(self, number: int) -> int:
        """Look at a worker, as its parent, and tell how many looks have seen nothing new."""
        count = self._counts[number]
        is_silent = count == self._seen[number] and count > 0
        self._seen[number] = count
        self._silent_looks[number] = self._silent_looks[number] + 1 if is_silent else 0
        return self._silent_looks[number]


class Pulse(Systemd):
    """What a worker tells its parent, where a gateway of one process tells systemd."""

    def __init__(self, pulses: Pulses, number: int) -> None:
        super().__init__({})
        self._pulses = pulses
        self._number = number

    def alive(self) -> None:
        """Count; to be called from the event loop, so that it tells of its turning."""
        self._pulses.beat(self._number)

    def watchdog_seconds(self) -> float:
        """Give how often `alive` has to be called."""
        return PULSE_SECONDS


def let_trace() -> None:
    """Have this process write where it is when it is asked to, even if it hangs."""
    faulthandler.register(TRACE_SIGNAL)
