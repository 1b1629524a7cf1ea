"""An HTTP server of ours for one application, and clients that write and read by hand."""

import asyncio
import contextlib

import uvloop

from hilum.service.web import WebServer, listen
from hilum.sources.web.settings import WebLimits

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.asynccontextmanager
async def served(application, **limits):
    server = WebServer(application, listen("127.0.0.1", 0), WebLimits(**limits))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        yield server
        running.cancel()


async def connected(server):
    """Connect, and ask for something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(REQUEST)
    return reader, writer


async def body_of(reader):
    """Read an answer whose length is told, or one in chunks."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"content-length: " in head:
        return await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        assert await reader.readexactly(2) == b"\r\n"
    assert await reader.readexactly(2) == b"\r\n"
    return body


def run(scenario, loop=uvloop.new_event_loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
