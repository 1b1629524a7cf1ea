"""One payload on its way from the vault to an association, through one buffer used again.

What we deliver, what is moved and what is fetched with C-GET all leave this way.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from hilum.dicom.reencode import NotReencodable, Reencoder
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.kernel.names import UID
from hilum.pipeline.archive.segments import LYING_BYTES_MIN, Lying
from hilum.pipeline.ports import Parcel, PayloadReader, Payloads
from hilum.pipeline.reading import Reading
from hilum.pipeline.shortcomings import Spoiled, shortcoming
from hilum.vault.held import HeldReader

# Measured: shorter pieces make a large instance slow, longer ones do not fit into caches and the
# kernel's send buffer. A session has one such buffer.
BUFFER_BYTES: Final = 512 * 1024


class Conversion(Protocol):
    """Puts a data set into another uncompressed transfer syntax while it passes by."""

    def feed(self, data: memoryview) -> list[bytes]:
        """Take the next bytes, give what can be written. Raises CorruptPayload, NotReencodable."""
        ...

    def finish(self) -> list[bytes]:
        """Give what is left of a data set that is complete. Raises as `feed`."""
        ...


# Gives a conversion from one transfer syntax to another.
Converter = Callable[[UID, UID], Conversion]


def reencoder(source: UID, target: UID) -> Reencoder:
    """Give a conversion between two uncompressed syntaxes."""
    return Reencoder(transfer_syntax(source), transfer_syntax(target))


class Outgoing:
    """The pieces of one payload as it is stored."""

    def __init__(self, parcel: Parcel, reader: PayloadReader, shelf: "Shelf") -> None:
        self.parcel = parcel
        self._reader = reader
        self._shelf = shelf
        self._left = reader.size
        self._first: memoryview | None = None
        self._is_closed = False

    async def piece(self) -> tuple[memoryview, bool]:
        """Give the next piece; it is valid until the one after it is asked for.

        Raises:
            Spoiled: the file has become shorter, or its medium fails.
            Full: we lack what reading takes.
        """
        first, self._first = self._first, None
        piece = await self._read() if first is None else first
        return piece, not self._left

    def whole(self) -> Sequence[memoryview] | None:
        """Give all of a payload that lies in memory; None: it does not, or some of it was given."""
        reader = self._reader
        if not isinstance(reader, HeldReader) or self._left != reader.size:
            return None
        self._left = 0
        return reader.pieces

    async def read_ahead(self) -> None:
        """Read the first piece now, or let the kernel do that. Raises Spoiled, Full."""
        if isinstance(self._reader, HeldReader):
            return
        lying = self.lying()
        if lying is None:
            self._first = await self._read()
        else:
            await self._shelf.reading.call(partial(_expect, lying))

    def lying(self) -> Lying | None:
        """Give where all of it lies, if the shelf's owner takes it from there; until `close`."""
        if not self._shelf.takes_files or self._first is not None:
            return None
        size = self._left
        # One that is odd gets a NUL behind it: bytes of two places in one fragment.
        is_worth = size >= LYING_BYTES_MIN and not size & 1
        place = self._reader.lies_at(0, size) if is_worth else None
        return None if place is None else Lying(*place, size)

    async def aclose(self) -> None:
        """Give the file back."""
        self.close()

    def close(self) -> None:
        """Give the file back. A second call does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._reader.close()

    async def _read(self) -> memoryview:
        if isinstance(self._reader, HeldReader):
            piece = self._reader.next_piece(BUFFER_BYTES)
            self._left -= len(piece)
            return piece
        room = self._shelf.room(self._left)
        if not room:
            return room
        try:
            count = await self._shelf.reading.call(lambda: self._reader.read_into(room))
        except (OSError, CorruptPayload) as error:
            raise shortcoming(error) from error
        if not count:
            raise Spoiled(f"our payload ends {self._left} bytes before its end")
        self._left -= count
        return room[:count]


def _expect(lying: Lying) -> None:
    """Let the kernel read what it has not, while we wait for something else."""
    with suppress(OSError):  # whoever reads it is told
        size = min(lying.size, BUFFER_BYTES)
        os.posix_fadvise(lying.descriptor, lying.position, size, os.POSIX_FADV_WILLNEED)


class Converted:
    """The pieces of one payload in another transfer syntax."""

    def __init__(self, outgoing: Outgoing, conversion: Conversion) -> None:
        self._outgoing = outgoing
        self._conversion = conversion

    async def piece(self) -> tuple[bytes, bool]:
        """Give what the next bytes of the payload become. Raises Spoiled, Full."""
        piece, is_last = await self._outgoing.piece()
        try:
            written = self._conversion.feed(piece)
            if is_last:
                written += self._conversion.finish()
        except (CorruptPayload, NotReencodable) as error:
            raise Spoiled(f"our payload cannot be put into another syntax: {error}") from error
        return b"".join(written), is_last

    async def aclose(self) -> None:
        """Give the file back."""
        self._outgoing.close()


class Shelf:
    """Where a session gets its payloads from: one open at a time, and perhaps the next one."""

    def __init__(self, payloads: Payloads, reading: Reading) -> None:
        self.reading = reading
        self.takes_files = False  # who sends can take a payload from its file
        self._buffer = memoryview(bytearray(0))
        self._payloads = payloads
        self._ahead: Outgoing | None = None

    def room(self, wanted: int) -> memoryview:
        """Give so much of the buffer, or all of it; it is made when it is first needed."""
        if not self._buffer:
            self._buffer = memoryview(bytearray(BUFFER_BYTES))
        return self._buffer[: min(wanted, BUFFER_BYTES)]

    async def take(self, parcel: Parcel) -> Outgoing:
        """Open the payload of `parcel`, unless it was opened ahead. Raises Spoiled, Full."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.parcel is parcel:
            return ahead
        if ahead is not None:
            ahead.close()
        return await self._open(parcel)

    async def look_ahead(self, parcel: Parcel) -> None:
        """Open the payload of `parcel` and read its beginning, if that is possible."""
        self.put_back()
        try:
            ahead = await self._open(parcel)
        except HilumError:
            return  # whoever takes it is told
        try:
            await ahead.read_ahead()
        except HilumError:
            ahead.close()
        except BaseException:
            ahead.close()
            raise
        else:
            self._ahead = ahead

    def put_back(self) -> None:
        """Close what was opened ahead."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    async def _open(self, parcel: Parcel) -> Outgoing:
        try:
            reader = await self.reading.call(lambda: parcel.open(self._payloads))
        except (OSError, CorruptPayload) as error:
            raise shortcoming(error) from error
        return Outgoing(parcel, reader, self)
