"""A folder as a destination, and its sessions: threads write, the event loop waits."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from hilum.destinations.folder.failures import outcome_of
from hilum.destinations.folder.writing import UNFINISHED, Style, Writing
from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.outcome import Deferred, Failing, Outcome
from hilum.pipeline.ports import Parcel, Payloads
from hilum.vault.disk import Disk, SystemDisk


def _local_time() -> datetime:
    return datetime.now(UTC).astimezone()


class FolderDestination:
    """A folder that instances are written to (`pipeline.ports.Destination`)."""

    def __init__(
        self,
        name: str,
        root: Path,
        style: Style,
        payloads: Payloads,
        *,
        disk: Disk | None = None,
        now: Callable[[], datetime] = _local_time,
    ) -> None:
        """Take where to write and how; nothing is written."""
        self.name = name
        self._root = root
        self._style = style
        self._payloads = payloads
        self._disk = disk or SystemDisk()
        self._now = now

    async def verify(self) -> None:
        """Write a file and remove it again.

        Raises:
            Unreachable: the folder is not there, or full; Rejected: it cannot be written to.
        """
        try:
            await asyncio.to_thread(self._probe)
        except OSError as error:
            outcome = outcome_of(error, str(self._root))
            if isinstance(outcome, Deferred) and outcome.failing is not Failing.UNWELCOME:
                raise Unreachable(outcome.reason) from error
            raise Rejected(outcome.reason) from error

    def session(self) -> "FolderSession":
        """Give a new session."""
        return FolderSession(
            Writing(self._root, self._style, self._payloads, self._disk, now=self._now)
        )

    async def aclose(self) -> None:
        """Nothing is shared."""

    def _probe(self) -> None:
        # Without the folder itself nothing is made: its disk may not be mounted.
        unfinished = self._root / UNFINISHED
        unfinished.mkdir(mode=0o750, exist_ok=True)
        path = unfinished / f"{uuid4().hex}.probe"
        descriptor = self._disk.create(path)
        try:
            self._disk.write(descriptor, [b"hilum"], size=5)
        finally:
            self._disk.close(descriptor)
            self._disk.remove(path)


class FolderSession:
    """Writes batches, one file after another (`pipeline.ports.Session`)."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing

    async def deliver(
        self, parcels: Sequence[Parcel]
    ) -> AsyncGenerator[tuple[Parcel, Outcome], None]:
        """Write `parcels`. What hinders one for a reason of the folder's, hinders all behind it."""
        hindrance = ""
        for parcel in parcels:
            if hindrance:
                yield parcel, Deferred(f"not tried: {hindrance}", failing=Failing.UNTRIED)
                continue
            outcome = await self._write(parcel)
            if isinstance(outcome, Deferred):
                hindrance = outcome.reason
            yield parcel, outcome

    async def aclose(self) -> None:
        """Nothing is open between files."""

    async def _write(self, parcel: Parcel) -> Outcome:
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(None, self._writing.deliver, parcel)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # The thread comes to its end after the piece it is writing, and removes it all.
            self._writing.is_stopped.set()
            await asyncio.wait({writing})
            writing.exception()  # Stopped, which nobody has to know
            self._writing.is_stopped.clear()
            raise
