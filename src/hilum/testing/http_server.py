"""An HTTP server in the same process that misbehaves on request: for tests only.

It works on raw streams, so that it can cut, stall, reset and lie where a framework would not.
"""

import asyncio
import contextlib
import gzip
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hilum.dicom.part10 import PREAMBLE
from hilum.dicomweb.boundary import boundary_of
from hilum.dicomweb.media_types import media_type
from hilum.dicomweb.multipart_reader import MultipartReader, PartBegan, PartBytes, PartEnded
from hilum.kernel.names import UID

_READ_BYTES: Final = 1 << 16
_HEAD_BYTES_MAX: Final = 1 << 16
# Where the first elements of a Part 10 file, all of group 0002 as we write it, are found.
_META_BYTES: Final = 1 << 10


class HangUp(Exception):
    """Raised by a script: reset the connection at once, without an answer."""


class Silence(Exception):
    """Raised by a script: say nothing more on this connection, but read on."""


class Deafness(Exception):
    """Raised by a script: neither read nor say anything more on this connection."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, honest unless it is told otherwise.

    `cut_at` ends the connection after so many bytes of the body; `content_length` is a lie.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_chunked: bool = False
    is_gzipped: bool = False
    cut_at: int | None = None
    stalls: bool = False  # after its head
    closes: bool = False  # the connection, in order


@dataclass(slots=True)
class Part:
    """One instance of a store request. `sha256` is of the data set behind the file meta."""

    headers: Mapping[str, str]
    sop_instance_uid: UID = UID("")  # noqa: RUF009 -- a str
    size: int = 0
    sha256: str = ""
    has_preamble: bool = False


@dataclass(slots=True)
class Request:
    """What came in. `body` is kept unless it is multipart; that is in `parts`."""

    method: str
    target: str
    headers: Mapping[str, str]
    number: int  # counted over all connections, from 0
    connection: int  # which of them, from 0
    body: bytes = b""
    parts: list[Part] = field(default_factory=list)


def _reply_nothing(_: Request) -> Reply:
    return Reply()


@dataclass(slots=True)
class ScriptedServer:
    """What the server does, and what happened to it.

    `on_request` answers a whole request. `on_head`, if it gives a reply, answers before the body is
    read; it may also raise. `hangs_up_after` resets a connection in the middle of a body.
    """

    on_request: Callable[[Request], Reply] = _reply_nothing
    on_head: Callable[[Request], Reply | None] = lambda _: None
    hangs_up_after: int | None = None
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    heads: int = 0
    connections: int = 0
    open_now: int = 0

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["ScriptedServer"]:
        """Listen on a free port of the loopback interface."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            self.open_now += 1
            try:
                await _Connection(self, reader, writer).run()
            except asyncio.CancelledError:  # the end of the test
                writer.transport.abort()
            finally:
                self.open_now -= 1

        server = await asyncio.start_server(serve, self.host, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()


class _Connection:
    """One connection from its first byte to its last."""

    def __init__(
        self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._number = server.connections
        server.connections += 1
        self._read = 0

    async def run(self) -> None:
        """Answer requests until one side ends."""
        try:
            while await self._answer_one():
                pass
            # Whoever answered early must read on: a reset would destroy the answer under way.
            if self._writer.can_write_eof():
                self._writer.write_eof()
            await self._read_on()
        except HangUp:
            self._writer.transport.abort()
        except Silence:
            with contextlib.suppress(OSError):
                await self._read_on()
        except Deafness:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined] # it is both
            await asyncio.Event().wait()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writer.close()

    async def _read_on(self) -> None:
        while await self._reader.read(_READ_BYTES):
            pass

    async def _answer_one(self) -> bool:
        """Read a request and answer it; False: no more on this connection."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        request = self._parse(head)
        early = self._server.on_head(request)
        if early is not None:
            await self._send(early)
            return False
        await self._read_body(request)
        self._server.requests.append(request)
        reply = self._server.on_request(request)
        await self._send(reply)
        return not reply.closes

    def _parse(self, head: bytes) -> Request:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        number, self._server.heads = self._server.heads, self._server.heads + 1
        return Request(method, target, headers, number, self._number)

    async def _read_body(self, request: Request) -> None:
        kind = request.headers.get("content-type", "")
        if kind.startswith("multipart/"):
            reader = MultipartReader(boundary_of(media_type(kind)))
            collector = _Collector(request.parts)
            async for piece in self._pieces(request.headers):
                for event in reader.feed(piece):
                    collector.take(event)
            reader.finish()
            return
        pieces = [piece async for piece in self._pieces(request.headers)]
        request.body = b"".join(pieces)

    async def _pieces(self, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        if headers.get("transfer-encoding", "") == "chunked":
            while size := int((await self._reader.readline()).split(b";")[0], 16):
                yield await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readline()
            return
        left = int(headers.get("content-length", "0"))
        while left:
            piece = await self._reader.read(min(left, _READ_BYTES))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            self._read += len(piece)
            limit = self._server.hangs_up_after
            if limit is not None and self._read >= limit:
                raise HangUp
            yield piece

    async def _send(self, reply: Reply) -> None:
        body = gzip.compress(reply.body) if reply.is_gzipped else reply.body
        headers = {"Content-Length": str(len(body)), **reply.headers}
        if reply.is_gzipped:
            headers["Content-Encoding"] = "gzip"
        if reply.is_chunked:
            del headers["Content-Length"]
            headers["Transfer-Encoding"] = "chunked"
            body = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        self._writer.write("\r\n".join(lines).encode("latin-1"))
        if reply.stalls:
            raise Silence
        self._writer.write(body[: reply.cut_at])
        await self._writer.drain()
        if reply.cut_at is not None:
            if self._writer.can_write_eof():
                self._writer.write_eof()
            raise ConnectionAbortedError


class _Collector:
    """Digests the parts of a store request while they pass by."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts
        self._head = bytearray()
        self._digest: hashlib._Hash | None = None

    def take(self, event: PartBegan | PartBytes | PartEnded) -> None:
        """Take one event of the reader."""
        match event:
            case PartBegan(headers):
                self._parts.append(Part(headers))
                self._head.clear()
                self._digest = None
            case PartBytes(content) if self._digest is not None:
                self._digest.update(content)
                self._parts[-1].size += len(content)
            case PartBytes(content):
                self._head += content
                if len(self._head) >= _META_BYTES:
                    self._look()
            case PartEnded():
                if self._digest is None:
                    self._look()
                digest = self._digest or hashlib.sha256()
                self._parts[-1].sha256 = digest.hexdigest()

    def _look(self) -> None:
        """Read the file meta, and begin to digest what is behind it."""
        part, head = self._parts[-1], bytes(self._head)
        part.has_preamble = head.startswith(PREAMBLE + b"DICM")
        end = 144 + int.from_bytes(head[140:144], "little")
        at = head.find(b"\x02\0\x03\0UI")
        if at >= 0:
            length = int.from_bytes(head[at + 6 : at + 8], "little")
            part.sop_instance_uid = UID(head[at + 8 : at + 8 + length].decode().strip("\0 "))
        self._digest = hashlib.sha256(head[end:])
        part.size = len(head) - end
