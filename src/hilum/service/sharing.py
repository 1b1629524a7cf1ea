"""The files in which each worker keeps its metrics, so that any worker can show the sum of all.

This is prometheus_client's multiprocess mode, with two changes. The files are named by the number
of the worker, so that one that was killed and started again counts on. And all their room is taken
at the start: growing a mapped file on a full disk ends the process with SIGBUS, at the very moment
it should be refusing stores and stay alive.
"""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, multiprocess, values

# Some 4,000 samples. A new one is refused rather than let a file grow (metrics.Budget); the rest
# is for the few dozen that are read, not moved by events.
FILE_BYTES: Final = 1 << 20
EVENTS_BYTES_MAX: Final = FILE_BYTES - (1 << 16)

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_KINDS: Final = ("counter", "histogram", "gauge_livesum")  # prometheus_client's names


def sample_bytes(name: str, labels: Mapping[str, str], text: str) -> int:
    """Tell how much of a file a sample takes at most: a JSON key, its length, two doubles."""
    longest = json.dumps(
        [name, f"{name}_bucket", {**labels, "le": "1.7976931348623157e+308"}, text]
    )
    return len(longest) + 4 + 8 + 16


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
        self.used_bytes = 0  # by an earlier life of this worker
        for kind in _KINDS:
            descriptor = os.open(directory / f"{kind}_{worker}.db", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, FILE_BYTES)
                # The file begins with how much of it is in use (prometheus_client.mmap_dict).
                self.used_bytes += int.from_bytes(os.pread(descriptor, 4, 0), sys.byteorder)
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
