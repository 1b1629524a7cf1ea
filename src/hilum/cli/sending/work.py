"""The instances of one plan that are still to be sent, shared by the associations that carry it."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from hilum.cli.sending.item import Item


@dataclass(slots=True)
class Job:
    """An item, and how often sending it has failed in a way that may pass."""

    item: Item
    failed_attempts: int = 0


class Work:
    """First come, first served; what failed for now goes to the end."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._fresh = deque(items)
        self._returned: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._fresh) + len(self._returned)

    def take(self) -> Job | None:
        """Give the next job; None when nobody has left one, though some may yet be put back."""
        if self._fresh:
            return Job(self._fresh.popleft())
        return self._returned.popleft() if self._returned else None

    def put_back(self, job: Job) -> None:
        """Keep `job` for another attempt."""
        job.failed_attempts += 1
        self._returned.append(job)
