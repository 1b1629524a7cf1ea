"""Payloads as their values are given out: inflated, and little endian (PS3.18 §8.7.3.3).

Read at any place, never held. What is deflated is unfolded from its beginning up to there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.dicom.byte_order import swapped
from hilum.dicom.inflate import Inflater
from hilum.dicom.limits import DEFAULT_LIMITS
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.ports import PayloadReader

# Deflated bytes that are read at a time: a thousand times as many may come of them.
_DEFLATED_BYTES: Final = 4 << 10


@dataclass(frozen=True, slots=True)
class Bits:
    """A run of bits that need not begin where a byte does: a frame of a 1-bit image."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Form:
    """What is done to the bytes of a run. Words are counted from `anchor`, where a value begins.

    With `bits`, offsets are counted in bytes from the first of them.
    """

    is_deflated: bool = False
    word_bytes: int = 1  # turned round; 1: as they are
    anchor: int = 0
    bits: Bits | None = None

    @property
    def changes_nothing(self) -> bool:
        """Tell whether bytes are given out as they are stored."""
        return not self.is_deflated and self.word_bytes == 1 and self.bits is None


AS_STORED: Final = Form()


class Bytes(Protocol):
    """What can be read anywhere."""

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read some; 0 is the end. Raises OSError, CorruptPayload."""
        ...


def formed(reader: PayloadReader, form: Form) -> Bytes:
    """Give a payload in a form."""
    found: Bytes = Inflated(reader) if form.is_deflated else reader
    if form.word_bytes > 1:
        found = Turned(found, form)
    return found if form.bits is None else Shifted(found, form.bits)


class Inflated:
    """A deflated payload unfolded. Going on is cheap, going back is not."""

    def __init__(self, reader: PayloadReader) -> None:
        self._reader = reader
        self._begin()

    def _begin(self) -> None:
        self._inflater = Inflater(DEFAULT_LIMITS)
        self._read = 0  # of the deflated bytes
        self._start = 0  # where the pieces at hand begin
        self._pieces: list[bytes] = []

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from a place in what was deflated; 0 is its end."""
        if offset < self._start:
            self._begin()
        while True:
            while self._pieces and self._start + len(self._pieces[0]) <= offset:
                self._start += len(self._pieces.pop(0))
            if self._pieces:
                piece = memoryview(self._pieces[0])[offset - self._start :][: len(buffer)]
                buffer[: len(piece)] = piece
                return len(piece)
            if not self._unfold():
                return 0

    def _unfold(self) -> bool:
        """Unfold some more; False: that was all."""
        deflated = memoryview(bytearray(_DEFLATED_BYTES))
        count = self._reader.read_at(deflated, self._read)
        self._read += count
        if not count:
            self._inflater.finish()
            return False
        self._pieces += self._inflater.inflate(deflated[:count])
        return True


class Turned:
    """Words the other way round."""

    def __init__(self, source: Bytes, form: Form) -> None:
        self._source = source
        self._form = form

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from a place, which may be within a word; 0 is the end."""
        within = (offset - self._form.anchor) % self._form.word_bytes
        wanted = within + len(buffer)
        wanted += -wanted % self._form.word_bytes
        words = swapped(read_up_to(self._source, offset - within, wanted), self._form.word_bytes)
        found = words[within : within + len(buffer)]
        buffer[: len(found)] = found
        return len(found)


class Shifted:
    """Bits moved to where a byte begins; what is left of the last byte is zero."""

    def __init__(self, source: Bytes, bits: Bits) -> None:
        self._source = source
        self._bits = bits

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from a byte of the run on; 0 is the end."""
        left = self._bits.count - 8 * offset
        count = min(len(buffer), (left + 7) // 8)
        if count <= 0:
            return 0
        start, shift = divmod(self._bits.first + 8 * offset, 8)
        raw = read_exactly(self._source, start, (shift + min(left, 8 * count) + 7) // 8)
        found = int.from_bytes(raw, "little") >> shift & (1 << min(left, 8 * count)) - 1
        buffer[:count] = found.to_bytes(count, "little")
        return count


def read_up_to(source: Bytes, offset: int, size: int) -> bytearray:
    """Read so much, or what there is."""
    content = bytearray(size)
    view = memoryview(content)
    done = 0
    while done < size and (count := source.read_at(view[done:], offset + done)):
        done += count
    view.release()
    del content[done:]
    return content


def read_exactly(source: Bytes, offset: int, size: int) -> bytes:
    """Read so much.

    Raises:
        CorruptPayload: there is less.
    """
    content = read_up_to(source, offset, size)
    if len(content) < size:
        raise CorruptPayload(f"it ends after {offset + len(content):,} bytes")
    return bytes(content)


def reader_of(source: Bytes) -> Callable[[int, int], bytes]:
    """Give a function that reads up to so many bytes at a place."""

    def read(offset: int, size: int) -> bytes:
        return bytes(read_up_to(source, offset, size))

    return read
