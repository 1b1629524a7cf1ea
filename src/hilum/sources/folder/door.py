"""A watched folder: looks for finished files, takes a few at a time, leaves nothing unexplained.

A file is removed or moved only after its instance is durable. One that intake has no room for stays
where it is and is tried again.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import AETitle
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answers import Answer, Kept, NoRoom, Passed
from hilum.pipeline.intake import Intake
from hilum.sources.folder.events import FileAdopted, FileSetAside, FolderFailed, FolderWatched
from hilum.sources.folder.leaving import leave, set_aside
from hilum.sources.folder.looking import Finished, Lookout
from hilum.sources.folder.opening import Changed, OpenFile, open_file
from hilum.sources.folder.settings import FolderSourceSettings
from hilum.sources.folder.taking import take

# Enough for commits to have company, few enough to leave the disk to others.
FILES_AT_ONCE: Final = 4
LOOK_SECONDS: Final = 1.0
# After no room or a folder that fails, so that the log is not filled.
PAUSE_SECONDS: Final = 15.0
_LOCK: Final = ".hilum.lock"


class FolderDoor:
    """Watches one folder. `run` until cancelled; one worker at a time does the work."""

    def __init__(
        self,
        name: str,
        settings: FolderSourceSettings,
        *,
        intake: Intake,
        own_title: AETitle,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._name = name
        self._settings = settings
        self._intake = intake
        self._own_title = own_title
        self._clock = clock
        self._telemetry = telemetry
        self._lookout = Lookout(settings.path, settings.settle_seconds)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Watch until `stop`, or until cancelled."""
        while not self._stopping.is_set():
            try:
                async with self._alone() as is_alone:
                    if is_alone:
                        await self._watch()
            except OSError as error:
                self._fail(error)
            await self._pause(PAUSE_SECONDS)

    def stop(self) -> None:
        """Take no further file; those that are being taken come to their end."""
        self._stopping.set()

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Be the only one at work on the folder, over all workers and gateways."""
        self._settings.path.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(
            self._settings.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    async def _watch(self) -> None:
        self._telemetry.emit(FolderWatched(self._name, str(self._settings.path)))
        while not self._stopping.is_set():
            found = await asyncio.to_thread(self._lookout.look, self._clock.monotonic())
            has_room = await self._take_all(found)
            await self._pause(LOOK_SECONDS if has_room else PAUSE_SECONDS)

    async def _take_all(self, found: list[Finished]) -> bool:
        """Take files, a few at a time; tell whether there was room for all of them."""
        left = iter(found)
        has_room = True

        async def work() -> None:
            nonlocal has_room
            for finished in left:
                if self._stopping.is_set() or not has_room:
                    return
                has_room &= await self._take(finished)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(FILES_AT_ONCE, len(found))):
                group.create_task(work())
        return has_room

    async def _take(self, finished: Finished) -> bool:
        """Take one file; tell whether there is room for more."""
        try:
            file = await asyncio.to_thread(open_file, finished)
        except Changed:
            return True
        except CorruptPayload as error:
            await self._set_aside(finished, str(error))
            return True
        except OSError as error:
            self._fail(error)
            return True
        with file.stream:
            return await self._bring(finished, file)

    async def _bring(self, finished: Finished, file: OpenFile) -> bool:
        try:
            answer = await take(self._intake, file, folder=self._name, own_title=self._own_title)
            if isinstance(answer, NoRoom):
                return False
            await self._part(finished, file, answer)
        except Changed:
            # Written to while it was read: what was kept is what it was then. It is taken again.
            return True
        except OSError as error:
            self._fail(error)
        return True

    async def _part(self, finished: Finished, file: OpenFile, answer: Answer) -> None:
        if isinstance(answer, Kept | Passed):
            await asyncio.to_thread(leave, self._settings, finished)
            self._telemetry.emit(FileAdopted(self._name, file.sop_instance_uid))
        else:
            await self._set_aside(finished, answer.reason)

    async def _set_aside(self, finished: Finished, reason: str) -> None:
        try:
            await asyncio.to_thread(set_aside, self._settings, finished, reason)
        except Changed:
            return
        except OSError as error:
            self._fail(error)
            return
        self._telemetry.emit(FileSetAside(self._name, str(self._settings.failed_folder), reason))

    def _fail(self, error: OSError) -> None:
        # Not str(error): it would quote a file's name.
        self._telemetry.emit(FolderFailed(self._name, error.strerror or type(error).__name__))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
