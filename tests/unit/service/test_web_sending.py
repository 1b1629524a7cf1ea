"""Parts of files over real connections: whole, in order, and given up when nobody takes them."""

import asyncio
import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest
from web_connections import LOOPS, REQUEST, body_of, connected, run, served

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.segments import Lying
from hilum.pipeline.reading import Reading
from hilum.sources.web.exchange import SEND_FILE_STATE

SIZE = 3_000_001


class FileApplication:
    """Answers with a head, the file from its third byte on, and a tail."""

    def __init__(self, path, *, size=SIZE - 2):
        self.path = path
        self.size = size
        self.ended = asyncio.Event()
        self.error = None

    async def __call__(self, scope, _receive, send):
        length = str(self.size + 8).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"head", "more_body": True})
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            await scope["state"][SEND_FILE_STATE](Lying(descriptor, 2, self.size))
            await send({"type": "http.response.body", "body": b"tail", "more_body": False})
        except CorruptPayload as error:
            self.error = error
            scope["state"]["hilum.cut_off"]()
        finally:
            os.close(descriptor)
            self.ended.set()


@pytest.fixture
def content(tmp_path):
    made = os.urandom(SIZE)
    (tmp_path / "file").write_bytes(made)
    return made


def open_sockets():
    """The client's, the server's, and that of the sender are among them."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += [one] if str(one.readlink()).startswith("socket:") else []
    return found


@pytest.mark.parametrize("loop", LOOPS)
def test_a_file_goes_out_between_what_is_before_and_behind_it(tmp_path, content, loop):
    async def scenario():
        async with served(FileApplication(tmp_path / "file")) as server:
            reader, writer = await connected(server)
            assert await body_of(reader) == b"head" + content[2:] + b"tail"
            # The connection is good for another one.
            writer.write(REQUEST)
            assert await body_of(reader) == b"head" + content[2:] + b"tail"
            writer.close()

    run(scenario, loop)


def test_a_file_that_is_shorter_is_no_whole_answer(tmp_path, content):
    async def scenario():
        application = FileApplication(tmp_path / "file", size=SIZE)
        async with served(application) as server:
            reader, writer = await connected(server)
            with pytest.raises(asyncio.IncompleteReadError) as short:
                await body_of(reader)
            assert short.value.partial == b"head" + content[2:]
            assert isinstance(application.error, CorruptPayload)
            writer.close()

    run(scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_goes_away_is_not_waited_for(tmp_path, content, loop):
    async def scenario():
        application = FileApplication(tmp_path / "file")
        async with served(application) as server:
            reader, writer = await connected(server)
            assert await reader.read(100)
            opened = open_sockets()
            writer.transport.abort()
            await application.ended.wait()
            while len(open_sockets()) > len(opened) - 3:  # noqa: ASYNC110 - the loop's own doing
                await asyncio.sleep(0.001)  # ends with the timeout if one of the three is lost
        assert application.error is None

    assert content
    run(scenario, loop)


def test_a_client_that_takes_nothing_is_given_up(tmp_path, content):
    large = 4 * SIZE  # more than two sockets hold
    (tmp_path / "file").write_bytes(content * 4)

    async def scenario():
        application = FileApplication(tmp_path / "file", size=large - 2)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with served(application, transfer_grace_seconds=0.02) as server:
                idle.connect(("127.0.0.1", server.port))
                idle.send(REQUEST)
                await application.ended.wait()

    run(scenario)


def test_a_connection_that_ends_keeps_its_number_until_a_thread_is_done_with_it(
    tmp_path, content, monkeypatch
):
    """The number would be that of the next connection, which would get the rest of the file."""
    assert content
    begun, goes_on = threading.Event(), threading.Event()
    real, numbers = os.sendfile, []

    def slow(sock, *rest):
        numbers.append(sock)
        begun.set()
        goes_on.wait(5)
        os.fstat(sock)
        return real(sock, *rest)

    monkeypatch.setattr(os, "sendfile", slow)
    monkeypatch.setattr(Reading, "call", staticmethod(asyncio.to_thread))

    async def scenario():
        application = FileApplication(tmp_path / "file")
        async with served(application) as server:
            _, writer = await connected(server)
            await asyncio.to_thread(begun.wait, 5)
            writer.transport.abort()
            await asyncio.sleep(0.05)  # until the server has seen it
            os.fstat(numbers[0])
            goes_on.set()
            await application.ended.wait()
        assert application.error is None

    run(scenario)
