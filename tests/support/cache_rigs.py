"""Caches of each kind, for what all of them promise: see `test_cache_compliance`."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from hilum.pipeline.caching.cache import PayloadCache
from hilum.pipeline.caching.settings import CacheSettings
from hilum.pipeline.landing import Incoming
from hilum.pipeline.room import Room
from hilum.testing.datasets import instance
from hilum.testing.memory_cache import MemoryCache
from hilum.vault.disk import SystemDisk
from hilum.vault.vault import Vault


class MemoryRig:
    """The fake that others test with."""

    name = "memory"

    def __init__(self, folder, *, keeps=True):
        del folder
        self.cache = MemoryCache(keeps=keeps)

    @contextlib.asynccontextmanager
    async def running(self):
        yield self.cache

    def fill_up(self):
        self.cache.is_full = True

    def open_payload(self, path):
        return self.cache.payloads.open_payload(path)

    async def settle(self):
        """Nothing is done behind the scene."""


class StandingClock:
    """A clock that is put forward."""

    def __init__(self):
        self.seconds = 1000.0
        self.started = datetime(2026, 5, 4, 12, tzinfo=UTC)

    def monotonic(self):
        return self.seconds

    def now(self):
        return self.started + timedelta(seconds=self.seconds - 1000.0)


class VaultRig:
    """The real one, in a folder; another with the same folder is as another process."""

    name = "vault"

    def __init__(
        self, folder, *, keeps=True, clock=None, boot_id="one", free_bytes_min=0, **settings
    ):
        if not keeps:
            settings["bytes_max"] = 0
        self.clock = clock or StandingClock()
        self.vault = Vault(folder / "vault", SystemDisk(), synced=False)
        self.room = Room(lambda _: 0)
        self.room.refresh(1 << 40, 1 << 41)
        self.telemetry = Recorded()
        self.cache = PayloadCache(
            CacheSettings(**settings),
            vault=self.vault,
            room=self.room,
            clock=self.clock,
            telemetry=self.telemetry,
            boot_id=boot_id,
            free_bytes_min=free_bytes_min,
        )

    @contextlib.asynccontextmanager
    async def running(self):
        self.vault.open()
        self.cache.start()
        try:
            yield self.cache
        finally:
            await self.cache.aclose()
            self.vault.close()

    @property
    def folder(self):
        return self.vault.root / "cache"

    def fill_up(self):
        self.room.refresh(0, 1 << 41)

    def open_payload(self, path):
        return self.vault.open_payload(path)

    async def settle(self):
        """Wait until what was let go of is away."""
        await asyncio.sleep(0)
        await self.cache.held("nobody", [])

    def files(self):
        """Give the payload files that lie there."""
        return sorted(self.folder.glob("*/*/*/*.dcm"))


class Recorded:
    """A Telemetry that keeps what it is told."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def of(self, kind):
        return [one for one in self.events if isinstance(one, kind)]


RIGS = [MemoryRig, VaultRig]


def incoming_of(generated):
    return Incoming(
        generated.sop_class_uid,
        generated.sop_instance_uid,
        generated.transfer_syntax_uid,
        "ARCHIVE",
    )


async def land(sink, generated, *, piece_bytes=3000, data_set=None):
    """Let an instance land; give the landing."""
    data_set = generated.data_set if data_set is None else data_set
    landing = await sink.land(incoming_of(generated))
    for at in range(0, len(data_set), piece_bytes):
        await landing.take(data_set[at : at + piece_bytes])
    await landing.keep()
    return landing


async def fetched(cache, *instances, answerer="pacs"):
    """Let instances land; give their holdings, each pinned once."""
    sink = cache.sink(answerer)
    for one in instances:
        await land(sink, one)
    sink.end()
    if isinstance(cache, PayloadCache):
        await cache.settle()  # what is written behind
    return [holding async for holding in sink.kept()]


def series(count, **kinds):
    return [instance(seed=number, **kinds) for number in range(count)]


def read_all(payload):
    buffer = bytearray(payload.size)
    view = memoryview(buffer)
    at = 0
    while at < payload.size and (got := payload.read_into(view[at:])):
        at += got
    payload.close()
    return bytes(buffer[:at])
