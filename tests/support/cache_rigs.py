"""Caches of each kind, for what all of them promise: see `test_cache_compliance`."""

import contextlib

from hilum.pipeline.landing import Incoming
from hilum.testing.datasets import instance
from hilum.testing.memory_cache import MemoryCache


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


RIGS = [MemoryRig]


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
