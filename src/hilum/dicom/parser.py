"""Read the bytes of a data set into a tree of elements, all of it or up to its pixels.

For headers that are at hand as bytes: pixels and long values are never copied.
"""

from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.inflate import Inflater
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.tree import CutShort, TreeParser
from hilum.kernel.errors import CorruptPayload

__all__ = ["CutShort", "read_data_set", "read_header", "read_up_to"]

# A tree costs some 200 bytes for each element, and a multi-frame object of 10,000 frames has
# 500,000. Who needs more than twice that has no use for a tree.
TREE_LIMITS: Final = ReaderLimits(elements_max=1_000_000)
# Longer values stay in the payload. Private blobs are longer, and no text of a header is.
BULK_BYTES_MIN: Final = 64 << 10
# What is inflated to get at the header of a deflated data set: a hundred times the usual header.
INFLATED_BYTES_MAX: Final = 64 << 20


def read_data_set(
    data: bytes,
    syntax: TransferSyntax,
    *,
    limits: ReaderLimits = TREE_LIMITS,
    bulk_bytes_min: int = BULK_BYTES_MIN,
) -> DataSet:
    """Read a whole data set; pixels and values of `bulk_bytes_min` or more become `Bulk`.

    Raises:
        CorruptPayload: it is empty, incomplete, badly nested, or exceeds the limits.
    """
    parser = TreeParser(syntax, limits, bulk_bytes_min, is_whole=True)
    if syntax.deflated:
        data, trailing = _inflate(data, limits, is_whole=True)
        if trailing > 1:
            parser.tolerate("bytes behind the deflated data set")
    return parser.parse(data)


def read_header(
    data: bytes,
    syntax: TransferSyntax,
    *,
    limits: ReaderLimits = TREE_LIMITS,
    bulk_bytes_min: int = BULK_BYTES_MIN,
) -> DataSet:
    """Read a data set up to its pixels from its first bytes; what is behind them is left out.

    Raises:
        CutShort: neither pixels nor the end of an element stand at the end of `data`.
        CorruptPayload: it is empty, badly nested, or exceeds the limits.
    """
    parser = TreeParser(syntax, limits, bulk_bytes_min, is_whole=False)
    if syntax.deflated:
        data, _ = _inflate(data, limits, is_whole=False)
    return parser.parse(data)


def read_up_to(last_tag: int, data: bytes, syntax: TransferSyntax, *, is_whole: bool) -> DataSet:
    """Read a data set up to an attribute; most of what is behind it is left out.

    `is_whole` tells that `data` is all of it.

    Raises:
        CutShort: the end of `data` came first, and there is more of it.
        CorruptPayload: it is empty, incomplete, badly nested, or exceeds the limits.
    """
    parser = TreeParser(syntax, TREE_LIMITS, BULK_BYTES_MIN, is_whole=is_whole)
    parser.last_tag = last_tag
    if syntax.deflated:
        data, _ = _inflate(data, TREE_LIMITS, is_whole=is_whole)
    return parser.parse(data)


def _inflate(data: bytes, limits: ReaderLimits, *, is_whole: bool) -> tuple[bytes, int]:
    """Unfold a deflated data set as far as it may be held in memory."""
    inflater = Inflater(limits)
    pieces: list[bytes] = []
    size = 0
    for piece in inflater.inflate(data):
        pieces.append(piece)
        size += len(piece)
        if size > INFLATED_BYTES_MAX:
            if is_whole:
                raise CorruptPayload(
                    f"the deflated data set unfolds to more than {INFLATED_BYTES_MAX} bytes, "
                    "too many to be held in memory"
                )
            break
    else:
        if is_whole:
            inflater.finish()
    return b"".join(pieces), inflater.trailing_bytes
