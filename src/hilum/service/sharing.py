"""The files in which each worker keeps its metrics, so that any worker can show the sum of all.

This is prometheus_client's multiprocess mode, with two changes. The files are named by the number
of the worker, so that one that was killed and started again counts on. And all their room is taken
at the start: growing a mapped file on a full disk ends the process with SIGBUS, at the very moment
it should be refusing stores and stay alive.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, multiprocess, values

# A sample takes a JSON key (names, labels, help) and two doubles; with the bounds of metrics.py
# that is less than SAMPLE_BYTES_MAX, so the files never have to grow.
SAMPLES_MAX: Final = 2000
SAMPLE_BYTES_MAX: Final = 512
FILE_BYTES: Final = 1 << 20

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_KINDS: Final = ("counter", "histogram", "gauge_livesum")  # prometheus_client's names


def prepare_directory(directory: Path) -> None:
    """Make room for the metrics of a new run. To be called once, before any worker starts."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left_over in directory.glob("*.db"):
        left_over.unlink()


def forget_worker(directory: Path, worker: int) -> None:
    """Take the gauges of a worker that died out of the sums. Its counters stay, they are facts."""
    with suppress(FileNotFoundError):
        (directory / f"gauge_livesum_{worker}.db").unlink()


class Sharing:
    """One worker's place among the files. At most one can be open in a process."""

    def __init__(self, directory: Path, worker: int) -> None:
        """Take the room for the files of `worker`, and make prometheus_client use them.

        Raises:
            OSError: no directory, or no room for the files. Nothing was changed.
        """
        forget_worker(directory, worker)
        for kind in _KINDS:
            descriptor = os.open(directory / f"{kind}_{worker}.db", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, FILE_BYTES)
            finally:
                os.close(descriptor)
        self._directory = directory
        # The only way in: both are process-wide in prometheus_client.
        self._value_class_before = values.ValueClass
        os.environ[DIRECTORY_VARIABLE] = str(directory)
        # prometheus_client leaves some of its functions without types.
        values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]

    def show_all_in(self, registry: CollectorRegistry) -> None:
        """Make `registry` show the sums over all workers."""
        multiprocess.MultiProcessCollector(registry, str(self._directory))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the files; what is in them stays for the other workers to show."""
        values.ValueClass.close_all_files()
        values.ValueClass = self._value_class_before
        os.environ.pop(DIRECTORY_VARIABLE, None)
