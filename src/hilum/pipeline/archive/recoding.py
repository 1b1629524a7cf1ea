"""A payload in another uncompressed transfer syntax, made while it is read; never held whole."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

from hilum.dicom.reencode import Reencoder
from hilum.dicom.syntaxes import transfer_syntax
from hilum.pipeline.ports import PayloadReader, Payloads
from hilum.pipeline.reading import Reading

# Made before the first byte goes out: what cannot be re-encoded shows before then, of nearly all.
FIRST_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 256 << 10
# What is read and turned into something else in one go of the loop or a thread.
_STEP_BYTES: Final = 64 << 10
# Deflated bytes unfold to a thousand times as many (`dicom.limits`).
_DEFLATED_STEP_BYTES: Final = 2 << 10


class Recoding:
    """One payload on its way into another syntax. Has no file open between its two methods."""

    def __init__(
        self, payloads: Payloads, reading: Reading, path: str, *, source: str, target: str
    ) -> None:
        before = transfer_syntax(source)
        self._payloads = payloads
        self._reading = reading
        self._path = path
        self._reencoder = Reencoder(before, transfer_syntax(target))
        size = _DEFLATED_STEP_BYTES if before.deflated else _STEP_BYTES
        self._buffer = memoryview(bytearray(size))
        self._at = 0
        self.is_over = False

    async def begin(self) -> bytes:
        """Give the beginning of the data set; all of it, if it `is_over` then.

        Raises:
            NotReencodable, CorruptPayload: it shows that this cannot be done.
            OSError: the payload cannot be opened or read.
        """
        reader = await self._open()
        try:
            return await self._gather(reader, FIRST_BYTES)
        finally:
            reader.close()

    async def rest(self) -> AsyncGenerator[bytes]:
        """Give what comes behind the beginning. Raises as `begin`."""
        reader = await self._open()
        try:
            while not self.is_over:
                yield await self._gather(reader, _BLOCK_BYTES)
        finally:
            reader.close()

    async def _open(self) -> PayloadReader:
        return await self._reading.call(partial(self._payloads.open_payload, self._path))

    async def _gather(self, reader: PayloadReader, size: int) -> bytes:
        pieces: list[bytes] = []
        gathered = 0
        while gathered < size and not self.is_over:
            made = await self._reading.call(partial(self._step, reader))
            pieces += made
            gathered += sum(map(len, made))
        return b"".join(pieces)

    def _step(self, reader: PayloadReader) -> list[bytes]:
        count = reader.read_at(self._buffer, self._at)
        self._at += count
        if count:
            return self._reencoder.feed(self._buffer[:count])
        self.is_over = True
        return self._reencoder.finish()
