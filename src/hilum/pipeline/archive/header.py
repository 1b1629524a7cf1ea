"""The header of a payload as a tree, from as few bytes as it has: pixels are stepped over.

What is behind the pixels belongs to it too (PS3.3 §C.12.1.1.3.1.2: signatures are). Blocks: for
threads.
"""

import struct
from typing import Final

from hilum.dicom.bulk import Bulk
from hilum.dicom.dataset import DataSet
from hilum.dicom.parser import CutShort, read_data_set, read_header
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.tags import PIXEL_TAGS
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.ports import PayloadReader

# Most headers are shorter, and a read of this size costs what a smaller one does.
FIRST_BYTES: Final = 32 << 10
# A header that is longer is not put into memory: ten thousand frames have some 50 MB.
HEADER_BYTES_MAX: Final = 64 << 20
# Behind pixels there are signatures and padding.
TAIL_BYTES_MAX: Final = 4 << 20
_GROWTH: Final = 8
_LENGTH_BYTES: Final = 4
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_SEQUENCE_DELIMITER: Final = 0xFFFEE0DD
_fragment: Final = struct.Struct("<HHL").unpack


def header_of(payload: PayloadReader, syntax: TransferSyntax) -> DataSet:
    """Read everything but pixels and long values, which become `Bulk` without a usable place.

    Raises:
        CorruptPayload: it is no data set, or its header is too long to be held in memory.
        OSError: it cannot be read.
    """
    if syntax.deflated or payload.size <= FIRST_BYTES:
        return _whole(payload, syntax)
    size = FIRST_BYTES
    while True:
        head = _read(payload, 0, size)
        try:
            front = read_header(head, syntax)
        except CutShort:
            if size >= payload.size:
                return read_data_set(head, syntax)
            if size >= HEADER_BYTES_MAX:
                raise
            size = min(size * _GROWTH, payload.size, HEADER_BYTES_MAX)
        else:
            return _with_tail(payload, syntax, head, front)


def _whole(payload: PayloadReader, syntax: TransferSyntax) -> DataSet:
    if payload.size > HEADER_BYTES_MAX:
        raise CorruptPayload(f"its {payload.size:,} deflated bytes are too many for memory")
    return read_data_set(_read(payload, 0, payload.size), syntax)


def _with_tail(
    payload: PayloadReader, syntax: TransferSyntax, head: bytes, front: DataSet
) -> DataSet:
    """Read what is in front of the pixels and behind them as if they had no bytes."""
    pixels = next(tag for tag in reversed(front.elements) if tag in PIXEL_TAGS)
    vr, bulk = front.elements[pixels]
    if not isinstance(bulk, Bulk):
        return front
    if bulk.length is None:
        vr = "OB"  # whatever it says (PS3.5 §A.4)
        front.elements[pixels] = (vr, bulk)
    end = _end_of(payload, bulk)
    tail_bytes = payload.size - end
    if not 0 < tail_bytes <= TAIL_BYTES_MAX:
        return front
    # The length of a pixel element is the last of its header, in all encodings (PS3.5 §7.1).
    spliced = head[: bulk.position - _LENGTH_BYTES] + bytes(_LENGTH_BYTES)
    try:
        whole = read_data_set(spliced + _read(payload, end, tail_bytes), syntax)
    except CorruptPayload:
        return front
    whole.elements[pixels] = (vr, bulk)
    return whole


def _end_of(payload: PayloadReader, bulk: Bulk) -> int:
    """Find the end of the pixels; of encapsulated ones, from fragment to fragment (PS3.5 §A.4)."""
    if bulk.length is not None:
        return bulk.position + bulk.length
    at = bulk.position
    while at + 8 <= payload.size:
        group, element, length = _fragment(_read(payload, at, 8))
        at += 8
        tag = group << 16 | element
        if tag == _SEQUENCE_DELIMITER:
            return at
        if tag != _ITEM or length == _UNDEFINED:
            break
        at += length
    return payload.size


def _read(payload: PayloadReader, offset: int, size: int) -> bytes:
    buffer = bytearray(size)
    view = memoryview(buffer)
    done = 0
    while done < size:
        got = payload.read_at(view[done:], offset + done)
        if not got:
            raise CorruptPayload(f"it ends after {offset + done:,} bytes")
        done += got
    return bytes(buffer)
