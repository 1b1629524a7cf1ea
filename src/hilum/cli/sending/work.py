"""The instances of one plan that are still to be sent, shared by the associations that carry it."""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hilum.cli.sending.item import Item

_BACK_OFF_FIRST_SECONDS: Final = 0.5
_BACK_OFF_MAX_SECONDS: Final = 30.0


def back_off_seconds(failures: int) -> float:
    """Choose how long to wait after so many failures in a row: doubling, up to half a minute."""
    return float(min(_BACK_OFF_FIRST_SECONDS * 2 ** (failures - 1), _BACK_OFF_MAX_SECONDS))


@dataclass(order=True, slots=True)
class Job:
    """An item, how often sending it has failed in a way that may pass, and when to try again."""

    due: float
    item: Item = field(compare=False)
    failed_attempts: int = field(default=0, compare=False)


class Work:
    """First come, first served; what failed for now waits for its time, others go ahead."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._fresh = deque(items)
        self._returned: list[Job] = []

    def __len__(self) -> int:
        return len(self._fresh) + len(self._returned)

    def take(self, now: float) -> Job | None:
        """Give the next job; None when there is none, or none that is due."""
        if self._fresh:
            return Job(now, self._fresh.popleft())
        if self._returned and self._returned[0].due <= now:
            return heapq.heappop(self._returned)
        return None

    def put_back(self, job: Job, now: float) -> None:
        """Keep `job` for another attempt, which is due after a back-off."""
        job.failed_attempts += 1
        job.due = now + back_off_seconds(job.failed_attempts)
        heapq.heappush(self._returned, job)

    def seconds_until_due(self, now: float) -> float:
        """Tell how long to wait for the next job; not to be asked when there is none."""
        return 0.0 if self._fresh else max(self._returned[0].due - now, 0.0)

    def drain(self) -> list[Item]:
        """Give everything that is left, due or not."""
        left = [*self._fresh, *(job.item for job in sorted(self._returned))]
        self._fresh.clear()
        self._returned.clear()
        return left
