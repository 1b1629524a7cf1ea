"""The cache of what was fetched from archives elsewhere (`pipeline.answerers.ports.Cache`).

Payloads are files of the vault, shared by all processes of the gateway; who pins what is known to
each process alone, and told to the others by leases. Lives on the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from hilum.dicom.shapes import Shapes
from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.metadata import Describer
from hilum.pipeline.archive.ports import Named
from hilum.pipeline.caching.annotating import Annotations
from hilum.pipeline.caching.at_hand import AtHand
from hilum.pipeline.caching.behind import Behind
from hilum.pipeline.caching.events import (
    CacheConsulted,
    CachedPayloadLost,
    CacheObstructed,
    PayloadCached,
    PayloadsEvicted,
)
from hilum.pipeline.caching.landing import Dock
from hilum.pipeline.caching.librarian import Librarian, Looked, answerer_of
from hilum.pipeline.caching.pins import Pins
from hilum.pipeline.caching.settings import CacheSettings
from hilum.pipeline.caching.sink import FetchSink, HandoverSink
from hilum.pipeline.moments import Moments
from hilum.pipeline.reading import Reading
from hilum.pipeline.room import Room
from hilum.vault.cache.files import CacheFiles
from hilum.vault.cache.notes import Notes
from hilum.vault.vault import Vault

# How often `look` is to be called: well within the grace of what is in use.
LOOK_SECONDS: Final = 5.0
# Instances whose metadata is made or read at a time.
_METADATA_BATCH: Final = 50
# Metadata is made in Python: more threads would only be in each other's way.
_DESCRIBERS: Final = 1

_T = TypeVar("_T")


class PayloadCache:
    """One object a process."""

    def __init__(  # noqa: PLR0913 - the ports of the journey, each named
        self,
        settings: CacheSettings,
        *,
        vault: Vault,
        room: Room,
        clock: Clock,
        telemetry: Telemetry,
        free_bytes_min: int = 0,
        boot_id: str | None = None,
    ) -> None:
        """Make it. `free_bytes_min`: below so much free space retention removes what is held.

        `boot_id` tells this start of the machine from others; None: the machine is asked.
        """
        self._settings = settings
        self._telemetry = telemetry
        self._clock = clock
        self._pins = Pins(clock)
        self._files = CacheFiles(vault, boot_id=boot_id)
        self._librarian = Librarian(
            self._files, self._pins, settings, room, clock, free_bytes_min=free_bytes_min
        )
        self._room = room
        self._at_hand = AtHand(vault, self._files)
        self._dock = Dock(self._files, self._at_hand, room, Moments(clock), Reading(), Shapes())
        notes = Annotations(Notes(str(vault.root)), damaged=self._damaged_elsewhere)
        self._describer = Describer(
            notes, vault, has_room=lambda: room.left > 0 and settings.bytes_max > 0
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._behind = Behind(self._thread, write=self._write)
        self._describers = ThreadPoolExecutor(_DESCRIBERS, thread_name_prefix="cache-metadata")
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="cache-sweeper")
        self._has_swept = False
        self._going: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.looked = Looked()

    def start(self) -> None:
        """Open the folder and begin to work on the running loop. Raises OSError."""
        self._files.open()
        self._loop = asyncio.get_running_loop()

    async def aclose(self) -> None:
        """Finish what was begun."""
        self._behind.close()
        await self.settle()
        self._sweeper.shutdown()
        self._describers.shutdown()
        self._thread.shutdown()
        self._files.close()

    async def held(self, answerer: str, wanted: Collection[Named]) -> Mapping[str, Holding]:
        """Give what is here of `wanted`, by SOP Instance UID; used now, so it stays a while."""
        # First: what is not here any more afterwards is in its file.
        at_hand = self._at_hand.of(answerer, wanted, since=self._since())
        try:
            found = await self._run(partial(self._librarian.find, answerer, wanted))
        except OSError as error:
            self._obstructed(error)
            return {}
        for path in found.damaged:
            self._forget(path)
        self._pins.use(*[one.path for one in at_hand.values()])
        found.holdings.update(at_hand)
        if self._settings.bytes_max == 0:
            # What was let go of while the thread looked is gone by now.
            found.holdings = {
                uid: one for uid, one in found.holdings.items() if one.path in self._pins
            }
        hits = len(found.holdings)
        self._telemetry.emit(CacheConsulted(answerer, hits, len(wanted) - hits))
        return found.holdings

    async def has_any(self, answerer: str, study_instance_uid: str) -> bool:
        """Tell whether something of a study is here, or may be."""
        if self._settings.bytes_max == 0:
            return False  # what is pinned goes with who reads it
        if self._at_hand.has_any(answerer, study_instance_uid):
            return True
        try:
            return await self._run(partial(self._librarian.has_any, answerer, study_instance_uid))
        except OSError as error:
            self._obstructed(error)
            return False

    def sink(self, answerer: str) -> FetchSink:
        """Give a place where instances of an answerer land."""
        return FetchSink(
            self._dock,
            self._pins,
            answerer,
            landed=self._landed,
            unpin=self.unpin,
            adopt=self._adopt,
        )

    def handover(self, answerer: str) -> HandoverSink:
        """Give a place for what another process of ours waits for."""
        return HandoverSink(self._dock, answerer)

    def reserve(self, path: str) -> None:
        """Keep what another process put there until it was taken over, or given up."""
        self._pins.add(path)

    def release(self, path: str) -> None:
        """It was taken over, or given up."""
        if not self._pins.remove(path):
            return
        if self._settings.bytes_max > 0:
            self._let_go(path)
        elif not self._at_hand.release(path):
            self._drop(path)

    def pin(self, holding: Holding) -> None:
        """Keep a holding until it is unpinned as often as it was pinned."""
        self._pins.add(holding.path)

    def unpin(self, holding: Holding) -> None:
        """Let it go when its time comes; at once, if nothing is to be kept."""
        self.release(holding.path)

    def forget(self, holding: Holding) -> None:
        """Its payload was found damaged, or gone: give it to nobody any more."""
        self._forget(holding.path)

    async def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each that can be read, in their order."""
        await self.settle()  # what is made of them is kept beside their files
        loop = asyncio.get_running_loop()
        for first in range(0, len(holdings), _METADATA_BATCH):
            some = holdings[first : first + _METADATA_BATCH]
            describe = partial(self._describer.describe, some, bulk_root)
            for text in await loop.run_in_executor(self._describers, describe):
                yield text

    async def look(self) -> None:
        """Keep the bounds: to be called every `LOOK_SECONDS`, in each process."""
        try:
            self.looked = await self._run(self._librarian.look)
        except OSError as error:
            self._obstructed(error)
            return
        if self.looked.gone or not self._has_swept:
            # Not by the thread that others wait for: a large study takes a second.
            self._has_swept = True
            await asyncio.get_running_loop().run_in_executor(self._sweeper, self._files.sweep)
        for gone in self.looked.gone:
            self._telemetry.emit(
                PayloadsEvicted(answerer_of(gone.place), gone.cause, gone.payloads, gone.file_bytes)
            )

    async def _adopt(self, answerer: str, path: str) -> Holding | None:
        try:
            return await self._run(partial(self._librarian.adopt, answerer, path))
        except OSError as error:
            self._obstructed(error)
            return None

    async def settle(self) -> None:
        """Wait until what landed and was let go of by now is in its files, or away."""
        while self._behind.is_waiting:
            await self._run(self._behind.write_some)
        await self._run(lambda: None)

    def _landed(self, answerer: str, holding: Holding) -> None:
        if self._at_hand.is_passing(holding.path):
            return
        if self._settings.bytes_max > 0 and not self._at_hand.is_settled(holding.path):
            self._behind.add(holding.path)
        self._telemetry.emit(PayloadCached(answerer, holding.sop_instance_uid, holding.size))

    def _write(self, paths: Sequence[str]) -> None:
        """Write files behind; in the thread."""
        try:
            self._at_hand.write(paths)
        except OSError as error:
            self._room.shut()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._obstructed, error)
        for path in paths:
            self._let_go(path)

    def _let_go(self, path: str) -> None:
        """Give memory up that nobody needs: whoever comes last to this, loop or thread, does it."""
        if path not in self._pins and self._at_hand.is_settled(path):
            self._at_hand.release(path)

    def _forget(self, path: str) -> None:
        self._telemetry.emit(CachedPayloadLost(path))
        self._drop(path)

    def _damaged_elsewhere(self, path: str) -> None:
        """A thread found it damaged."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._forget, path)

    def _drop(self, path: str) -> None:
        """Have it taken away; many in one go, when many are let go of at a time."""
        self._at_hand.release(path)
        self._going.append(path)
        if len(self._going) == 1 and self._loop is not None:
            self._loop.call_soon(self._drop_all)

    def _drop_all(self) -> None:
        going, self._going = self._going, []
        self._thread.submit(self._librarian.drop, going)

    def _since(self) -> datetime:
        """Give since when something must have come to be given out."""
        return self._clock.now() - timedelta(seconds=self._settings.age_max)

    def _obstructed(self, error: OSError) -> None:
        self._telemetry.emit(CacheObstructed(error.strerror or type(error).__name__))

    async def _run(self, act: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)
