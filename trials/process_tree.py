"""A process and all it started: what they use, and how they end. Nothing else is touched."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

STOP_SECONDS_MAX: Final = 15.0


class ProcessTree:
    """The process group of a program that was started with `start_new_session=True`."""

    def __init__(self, leader: "subprocess.Popen[bytes]") -> None:
        self._leader = leader

    @property
    def exit_code(self) -> int | None:
        """Give the exit code of the leader, None while it runs."""
        return self._leader.poll()

    def processes(self) -> list[psutil.Process]:
        """Give the leader and its descendants that are alive."""
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(self._leader.pid)
            return [leader, *leader.children(recursive=True)]
        return []

    def rss_bytes(self) -> int:
        """Give the resident memory of the tree; pages that processes share count for each."""
        return int(self._sum(lambda process: process.memory_info().rss))

    def peak_rss_bytes(self) -> int:
        """Give the sum of the processes' own peaks (VmHWM): an upper bound of the tree's peak."""
        return int(self._sum(lambda process: _peak_rss_bytes(process.pid)))

    def open_files(self, *, except_for: str = "") -> int:
        """Count open descriptors, those not whose path has `except_for` in it."""
        return int(self._sum(lambda process: _open_files(process.pid, except_for)))

    def cpu_seconds(self) -> float:
        """Give user and system time, of children that ended as well."""
        return self._sum(lambda process: sum(process.cpu_times()[:4]))

    def terminate(self) -> int | None:
        """Ask the leader to stop and wait for it; what is left after the time limit is killed."""
        if self.exit_code is None:
            self._leader.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._leader.wait(STOP_SECONDS_MAX)
        code = self.exit_code
        self.kill()
        return code

    def kill(self) -> None:
        """End all of the group at once, as `kill -9` or a lost power supply would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._leader.pid, signal.SIGKILL)
        self._leader.wait()

    def _sum(self, measure: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.Error, OSError):
                total += measure(process)
        return total


def _open_files(pid: int, except_for: str) -> int:
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += not except_for or except_for not in str(descriptor.readlink())
    return count


def _peak_rss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
