"""The multipart body of one store request, put together from the vault while it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hilum.destinations.dicomweb.batching import Batch
from hilum.destinations.http.wire import Pieces
from hilum.dicom.part10 import file_meta
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.pipeline.ports import Parcel, PayloadReader, Payloads
from hilum.pipeline.shortcomings import Spoiled, shortcoming

# What is longer is sent piece by piece, so that one that is withdrawn ends soon.
AT_HAND_BYTES_MAX: Final = 8 << 20
_PART_HEADERS: Final = {"Content-Type": DICOM}


@dataclass(slots=True)
class _Part:
    """One instance: what comes before its data set, and where that is read.

    `pieces`: its bytes where they lie, if it is in memory; they stay although it is withdrawn.
    """

    parcel: Parcel
    head: bytes
    reader: PayloadReader
    pieces: Sequence[memoryview] | None


class Shipment:
    """The body of one request (`upload.Source`). Whoever makes it closes it.

    `unreadable` are those whose payload could not be opened: they are not in it.
    """

    def __init__(self, batch: Batch, payloads: Payloads, writer: MultipartWriter) -> None:
        """Take what shall be in it; nothing is opened before `open`."""
        self._batch = batch
        self._payloads = payloads
        self._writer = writer
        self._parts: list[_Part] = []
        self.content_type = writer.content_type
        self.unreadable: list[tuple[Parcel, HilumError]] = []
        # The one that ended or failed in the middle, after which the request cannot be completed.
        self.spoiled: tuple[Parcel, HilumError] | None = None
        self.size = 0
        self.begun = 0
        self._pending = memoryview(b"")
        self._closing: bytes | None = self._writer.closing
        self._part: _Part | None = None
        self._left = 0

    def open(self) -> None:
        """Open the payloads; from now on its size is known. Nothing is read yet."""
        for parcel in self._batch:
            self._open(parcel)
        parts = ((part.head, part.reader.size) for part in self._parts)
        self.size = self._writer.content_length(parts)

    @property
    def is_at_hand(self) -> bool:
        """Tell whether all of it lies in memory, and is not much."""
        return self.size <= AT_HAND_BYTES_MAX and all(
            part.pieces is not None for part in self._parts
        )

    def take_all(self) -> Pieces:
        """Give the body as it lies, to be sent now."""
        self.begun = len(self._parts)
        found: list[bytes | memoryview] = []
        for part in self._parts:
            assert part.pieces is not None  # noqa: S101 - see is_at_hand
            found += [part.head, *part.pieces]
        return [*found, self._writer.closing]

    @property
    def parcels(self) -> Batch:
        """Give what is in it, in order."""
        return tuple(part.parcel for part in self._parts)

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with what comes next; 0 is the end.

        Raises:
            Spoiled: a payload ended before its size, or cannot be read any more.
            Full: we lack what reading takes.
        """
        filled = 0
        while filled < len(buffer):
            if self._pending:
                count = min(len(self._pending), len(buffer) - filled)
                buffer[filled : filled + count] = self._pending[:count]
                self._pending = self._pending[count:]
                filled += count
            elif self._part is not None:
                filled += self._read(self._part, buffer[filled:])
            elif not self._go_on():
                break
        return filled

    def close(self) -> None:
        """Give all files back."""
        parts, self._parts = self._parts, []
        for part in parts:
            part.reader.close()

    def _open(self, parcel: Parcel) -> None:
        try:
            reader = parcel.open(self._payloads)
        except (OSError, CorruptPayload) as error:
            self.unreadable.append((parcel, shortcoming(error)))
            return
        head = self._writer.head(_PART_HEADERS, is_first=not self._parts)
        pieces = None if parcel.held is None else tuple(parcel.held.pieces)
        self._parts.append(_Part(parcel, head + _meta_of(parcel), reader, pieces))

    def _go_on(self) -> bool:
        """Turn to the next part, or to what closes the body; False: there is no more."""
        if self.begun < len(self._parts):
            self._part = part = self._parts[self.begun]
            self._pending, self._left = memoryview(part.head), part.reader.size
            self.begun += 1
            return True
        closing, self._closing = self._closing, None
        self._pending = memoryview(closing or b"")
        return closing is not None

    def _read(self, part: _Part, room: memoryview) -> int:
        """Read from the payload of `part`. Raises Spoiled, Full."""
        try:
            count = part.reader.read_into(room[: self._left]) if self._left else 0
        except (OSError, CorruptPayload) as error:
            failure = shortcoming(error)
            self.spoiled = part.parcel, failure
            raise failure from error
        if self._left and not count:
            missing = Spoiled(f"our payload ends {self._left} bytes before its end")
            self.spoiled = part.parcel, missing
            raise missing
        self._left -= count
        if not self._left:
            self._part = None
        return count


def _meta_of(parcel: Parcel) -> bytes:
    return file_meta(
        sop_class_uid=parcel.sop_class_uid,
        sop_instance_uid=parcel.sop_instance_uid,
        transfer_syntax_uid=parcel.transfer_syntax_uid,
    )
