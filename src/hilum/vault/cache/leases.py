"""Who uses the payloads of a study now: a file for each process in the study's folder.

The time of such a file is when its process last needed something of the study. Nothing is taken
away while that is a short time ago, and what was not used for longest goes first. A process that
dies leaves nothing that would have to be cleaned up: its time passes.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hilum.vault.cache.places import LEASE

# So long after it was listed, or let go, a payload stays: for who is about to open it.
GRACE_SECONDS: Final = 30.0
# A lease is renewed when it is older than this; far below the grace.
_RENEWED_SECONDS: Final = 5.0
_FOLDERS_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Use:
    """When a study was last used (seconds since 1970): by others, and by anybody."""

    by_others: float
    by_anybody: float


def is_recent(used: float, now: float) -> bool:
    """Tell whether something is in use; a clock that was put back does not keep it for ever."""
    return abs(now - used) < GRACE_SECONDS


class Leases:
    """The leases of this process. `token`: no other process has it."""

    def __init__(self, token: str) -> None:
        self._name = f"{LEASE}{token}"
        self._renewed: dict[str, float] = {}

    def renew(self, folder: str, now: float) -> None:
        """Say that the study in `folder` is in use. Raises OSError."""
        if abs(now - self._renewed.get(folder, 0.0)) < _RENEWED_SECONDS:
            return
        path = f"{folder}/{self._name}"
        try:
            os.utime(path, (now, now))
        except FileNotFoundError:
            os.makedirs(folder, mode=0o750, exist_ok=True)  # noqa: PTH103 - paths are texts here
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
            os.utime(path, (now, now))
        if len(self._renewed) >= _FOLDERS_MAX:
            self._renewed.clear()
        self._renewed[folder] = now

    def forget(self, folder: str) -> None:
        """The folder is gone."""
        self._renewed.pop(folder, None)

    def use_of(self, folder: str) -> Use:
        """Tell when the study in `folder` was last used. Raises OSError."""
        own = others = 0.0
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(LEASE):
                    with suppress(FileNotFoundError):
                        time = entry.stat().st_mtime
                        if entry.name == self._name:
                            own = time
                        else:
                            others = max(others, time)
        return Use(others, max(own, others))
