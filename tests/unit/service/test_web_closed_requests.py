"""Requests over real sockets whose clients go away while nothing comes: nothing is left of them."""

import asyncio
from pathlib import Path

import pytest
import uvloop
from web_retrieval import WebRig

from hilum.dicomweb.resource import RetrieveMetadata, Search
from hilum.pipeline.answerers.ports import Expected
from hilum.service.web import WebServer, listen
from hilum.sources.web.describing import Describing
from hilum.sources.web.door import ROOT, Face, WebDoor
from hilum.sources.web.live import Live
from hilum.sources.web.retrievals import retrieval_handlers
from hilum.sources.web.searching import Searching
from hilum.sources.web.shelf import Shelf
from hilum.testing.datasets import instance
from hilum.testing.scripted_archive import ScriptedArchive, ScriptedSupply

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
AT_ONCE = 50
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class Pinning(ScriptedSupply):
    """Counts what is not let go of."""

    open = 0

    def __init__(self, expected):
        super().__init__(expected)
        Pinning.open += 1

    async def aclose(self):
        if not self.is_closed:
            Pinning.open -= 1
        await super().aclose()


class SlowArchive(ScriptedArchive):
    """Gives a supply of which only the first instance comes, and searches without an end."""

    def __init__(self, held):
        super().__init__([asyncio.Event()])
        self.held = held
        self.comes = 0

    async def supply(self, retrieval, asker, purpose, *, syntaxes=()):  # noqa: ARG002
        found = Pinning(
            [
                Expected(
                    one.sop_class_uid,
                    one.sop_instance_uid,
                    one.series_instance_uid,
                    one.study_instance_uid,
                )
                for one in self.held
            ]
        )
        found.give(*self.held[: self.comes])
        return found


def request(path):
    return f"GET {ROOT}{path} HTTP/1.1\r\nHost: x\r\nAccept: {ACCEPT}, */*\r\n\r\n".encode()


async def leave(port, path, first):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(path))
    if first:
        await reader.readuntil(first)
    return writer


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("path", ["/studies", "/studies/{}", "/studies/{}/metadata", "/series"])
def test_requests_that_are_closed_while_they_wait_leave_nothing(loop, path):
    rig = WebRig()
    held = [rig.keep(instance(seed=seed)) for seed in range(3)]
    archive, live = SlowArchive(held), Live()
    shelf = Shelf(archive, rig.payloads, rig.events)
    handlers = {
        **retrieval_handlers(shelf),
        RetrieveMetadata: Describing(archive, shelf),
        Search: Searching(archive, limit_max=10, empty_status=200),
    }
    door = WebDoor(Face(ROOT, "HILUM"), handlers, rig.events, live=live)
    path = path.format(held[0].study_instance_uid)
    begins = path.endswith(held[0].study_instance_uid)
    archive.comes = 1 if begins else 0

    async def until(condition):
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - of files and tasks nobody tells
                await asyncio.sleep(0.001)

    async def close_many(port, number):
        marks = [b"\r\n\r\n" if begins else b""] * number
        writers = await asyncio.gather(*[leave(port, path, mark) for mark in marks])
        await until(lambda: len(live.requests()) == number)
        began = asyncio.get_running_loop().time()
        for writer in writers:
            writer.transport.abort()
        await until(lambda: not live.requests())
        assert asyncio.get_running_loop().time() - began < 1

    async def scenario():
        server = WebServer(door, listen("127.0.0.1", 0))
        running = asyncio.ensure_future(server.run())
        await close_many(server.port, 1)
        tasks, files = len(asyncio.all_tasks()), descriptors()
        for _ in range(200 // AT_ONCE):
            await close_many(server.port, AT_ONCE)
        await until(lambda: len(asyncio.all_tasks()) <= tasks and descriptors() <= files)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())

    assert Pinning.open == 0
    assert archive.open == 0
    assert rig.payloads.open_now == 0
    statuses = [one.status for one in rig.events.named("RequestAnswered")]
    assert statuses == ["499"] * 201
