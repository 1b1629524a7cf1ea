"""A long body as segments: bytes at hand, and runs of payloads that are read when their turn comes.

Its length is known before its first byte, and any part of it can be cut out: for ranges.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.forms import AS_STORED, Bytes, Form, formed
from hilum.pipeline.ports import PayloadReader, Payloads
from hilum.pipeline.reading import Reading
from hilum.vault.held import HeldReader

# What is read and handed on at once: the costs of a piece are small against its own then, and two
# of them are all that a body holds of a payload. From 256 KiB on each would be fresh memory of the
# system's (see `service.worker`), which costs more than all else about it.
BLOCK_BYTES: Final = 192 << 10
# Less of a payload is sooner copied than handed over as it lies.
LYING_BYTES_MIN: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes of a data set from `start` on, as they are stored or in another form.

    `payload_size`: that of the whole payload, where it is known; another one is not to be read.
    """

    path: str
    start: int
    size: int
    form: Form = AS_STORED
    payload_size: int | None = None


Segment = bytes | Run


@dataclass(frozen=True, slots=True)
class Lying:
    """Bytes in a file, for a socket that takes them there; until the next piece is asked for."""

    descriptor: int
    position: int
    size: int


@dataclass(frozen=True, slots=True)
class Scattered:
    """Bytes in several places of memory, for a socket that takes them there in one go."""

    parts: Sequence[bytes]
    size: int


# Of a body on its way: bytes, or where they are.
Piece = bytes | Lying | Scattered


def size_of(segments: Iterable[Segment]) -> int:
    """Tell how long a body is."""
    return sum([one.size if isinstance(one, Run) else len(one) for one in segments])


def cut(segments: Iterable[Segment], start: int, end: int) -> list[Segment]:
    """Give the part of a body from `start` up to `end`, which is not in it."""
    found: list[Segment] = []
    at = 0
    for one in segments:
        size = one.size if isinstance(one, Run) else len(one)
        first, last = max(start - at, 0), min(end - at, size)
        at += size
        if first >= last:
            continue
        if isinstance(one, Run):
            found.append(replace(one, start=one.start + first, size=last - first))
        else:
            found.append(one[first:last])
    return found


class Streamer:
    """Reads bodies. One object for each place that does."""

    def __init__(self, payloads: Payloads, reading: Reading) -> None:
        self._payloads = payloads
        self._reading = reading

    async def blocks(self, segments: Sequence[Segment]) -> AsyncGenerator[bytes]:
        """Give a body in blocks, small segments together. Whoever stops early closes the iterator.

        Raises:
            CorruptPayload: a payload has not the bytes that it should.
            OSError: it cannot be opened or read.
        """
        left = size_of(segments)
        block = _Block(left)
        opened = _Opened(self._payloads, self._reading)
        try:
            for segment in segments:
                at, size = 0, segment.size if isinstance(segment, Run) else len(segment)
                while at < size:
                    if block.is_full:
                        yield block.filled
                        left -= len(block.content)
                        block = _Block(left)
                    if isinstance(segment, Run):
                        at += await opened.read(segment, at, block)
                    else:
                        at += block.copy(segment, at)
            if block.content:
                yield block.filled
        finally:
            opened.close()

    async def pieces(
        self, segments: Sequence[Segment], *, has_files: bool = True
    ) -> AsyncGenerator[Piece]:
        """Give a body as `blocks` does, but long runs of stored bytes as they lie.

        Those in memory come together with the bytes before them. `has_files`: also what lies in a
        file.
        """
        opened = _Opened(self._payloads, self._reading)
        before: list[Segment] = []
        try:
            for segment in segments:
                lying = await opened.lying(segment, has_files=has_files)
                if lying is None:
                    before.append(segment)
                    continue
                if isinstance(lying, Scattered) and all(map(_is_bytes, before)):
                    lying = _behind(cast("list[bytes]", before), lying)
                else:
                    async with aclosing(self.blocks(before)) as blocks:
                        async for block in blocks:
                            yield block
                before.clear()
                yield lying
            async with aclosing(self.blocks(before)) as blocks:
                async for block in blocks:
                    yield block
        finally:
            opened.close()


def _is_bytes(segment: Segment) -> bool:
    return not isinstance(segment, Run)


def _behind(before: Sequence[bytes], lying: Scattered) -> Scattered:
    """Have bytes go out in front of others."""
    return Scattered([*before, *lying.parts], sum(map(len, before)) + lying.size)


class Begun:
    """A body whose first piece is at hand: what goes wrong before it can be told with a status.

    Whoever has it closes it.
    """

    def __init__(self, pieces: AsyncGenerator[Piece]) -> None:
        self._pieces = pieces
        self._first: Piece | None = None

    async def begin(self) -> "Begun":
        """Get the first piece. Raises what getting it raises."""
        self._first = await anext(self._pieces, b"")
        return self

    def __aiter__(self) -> "Begun":
        """Begin."""
        return self

    async def __anext__(self) -> Piece:
        """Give the next piece. Raises what getting it raises."""
        first, self._first = self._first, None
        return await anext(self._pieces) if first is None else first

    async def aclose(self) -> None:
        """Let go of what it reads."""
        await self._pieces.aclose()


class _Block:
    """A piece of a body that is being filled."""

    __slots__ = ("_at", "_view", "content")

    def __init__(self, left: int) -> None:
        self.content = bytearray(min(BLOCK_BYTES, left))
        self._view = memoryview(self.content)
        self._at = 0

    @property
    def filled(self) -> bytes:
        # Sockets, checksums and joins take it as it is; a copy would cost as much as the read.
        return cast("bytes", self.content)

    @property
    def is_full(self) -> bool:
        return self._at == len(self.content)

    def room(self, wanted: int) -> memoryview:
        return self._view[self._at : self._at + wanted]

    def took(self, count: int) -> None:
        self._at += count

    def copy(self, segment: bytes, at: int) -> int:
        count = min(len(segment) - at, len(self.content) - self._at)
        self._view[self._at : self._at + count] = segment[at : at + count]
        self._at += count
        return count


class _Opened:
    """The payload that was read last, open: the next run is mostly of it, or of another one."""

    __slots__ = ("_form", "_path", "_payloads", "_reader", "_reading", "_source")

    def __init__(self, payloads: Payloads, reading: Reading) -> None:
        self._payloads = payloads
        self._reading = reading
        self._reader: PayloadReader | None = None
        self._source: Bytes | None = None
        self._path = ""
        self._form = AS_STORED

    async def read(self, run: Run, at: int, block: _Block) -> int:
        """Read more of a run into a block; say how much."""
        source = self._source
        # Mostly it is the same form; comparing what it is made of takes as long as a read.
        has_form = self._form is run.form or self._form == run.form
        if source is None or self._path != run.path or not has_form:
            source = await self._open(run)
        room = block.room(run.size - at)
        count = await self._reading.call(partial(source.read_at, room, run.start + at))
        if not count:
            raise CorruptPayload("the payload is shorter than what was to be read of it")
        block.took(count)
        return count

    async def lying(self, segment: Segment, *, has_files: bool) -> Lying | Scattered | None:
        """Give a segment as it lies, in a file or in memory; None: it is better copied."""
        if not isinstance(segment, Run) or segment.size < LYING_BYTES_MIN:
            return None
        if not segment.form.changes_nothing:
            return None
        reader = await self._reader_of(segment)
        place = reader.lies_at(segment.start, segment.size)
        if place is not None:
            return Lying(*place, segment.size) if has_files else None
        if isinstance(reader, HeldReader):
            # Sockets take views as they take bytes.
            parts = cast("list[bytes]", reader.slices(segment.start, segment.size))
            return Scattered(parts, segment.size)
        return None

    async def _open(self, run: Run) -> Bytes:
        reader = await self._reader_of(run)
        self._source, self._form = formed(reader, run.form), run.form
        return self._source

    async def _reader_of(self, run: Run) -> PayloadReader:
        reader = self._reader
        if reader is None or self._path != run.path:
            self.close()
            reader = await self._reading.call(partial(self._payloads.open_payload, run.path))
            self._reader, self._path = reader, run.path
        if run.payload_size not in {None, reader.size}:
            raise CorruptPayload("its payload has another size than its receipt")
        return reader

    def close(self) -> None:
        self._source = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
