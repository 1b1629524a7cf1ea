"""One worker among others: it answers them, and asks them. Alone, it does neither."""

from pathlib import Path
from typing import Final

from hilum.service.live import LiveView
from hilum.service.workers.asking import Colleagues
from hilum.service.workers.listening import WorkerDoor
from hilum.service.workers.live import answers_of
from hilum.service.workers.meeting import Meeting

# How often a worker sees to it that the others reach it.
LOOK_SECONDS: Final = 10.0


class Among:
    """Worker `worker` of `workers`; their sockets are in `folder`."""

    def __init__(self, folder: Path, *, worker: int, workers: int) -> None:
        """Make the folder, where there are others. Raises OSError."""
        self._worker = worker
        self._meeting = Meeting(folder) if workers > 1 else None
        others = [one for one in range(1, workers + 1) if one != worker]
        self.colleagues = Colleagues(self._meeting, others)
        self._door: WorkerDoor | None = None

    def show(self, live: LiveView) -> None:
        """Tell the others what `live` sees."""
        if self._meeting is not None:
            self._door = WorkerDoor(self._meeting, self._worker, answers_of(live))

    async def look(self) -> None:
        """See to it that the others reach us. Raises OSError."""
        if self._door is not None:
            await self._door.look()

    def close(self) -> None:
        """Answer nobody any more."""
        if self._door is not None:
            self._door.close()
        if self._meeting is not None:
            self._meeting.close()
