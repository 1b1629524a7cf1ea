"""The records of a journal: whole payload files with their paths, each of which can be verified.

Wire layout, little endian, one record behind the other:

    0   8  the generation: random, the same in all records that were written after each other
    8   8  XXH3-64 of everything behind it
    16  4  length of the path
    20  4  length of the file
    24  .  the path, in ASCII, then the file

What is behind the last record of a generation is older or nothing, and both are known by it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from xxhash import xxh3_64

from hilum.vault.disk import Bytes

GENERATION_BYTES: Final = 8
_HEADER: Final = Struct("<8s8sII")
HEADER_BYTES: Final = _HEADER.size
_LENGTHS: Final = Struct("<II")


@dataclass(slots=True)
class Whole:
    """A payload file that is still in memory: the pieces that make it up, and where it belongs."""

    path: str
    pieces: Sequence[Bytes]
    size: int


def encode(generation: bytes, whole: Whole) -> list[Bytes]:
    """Give the pieces of a record; those of the file are not copied."""
    path = whole.path.encode("ascii")
    lengths = _LENGTHS.pack(len(path), whole.size)
    check = xxh3_64(lengths)
    check.update(path)
    for piece in whole.pieces:
        check.update(piece)
    return [generation + check.digest() + lengths + path, *whole.pieces]


def size_of(whole: Whole) -> int:
    """Give how long the record will be."""
    return HEADER_BYTES + len(whole.path) + whole.size


def decode(journal: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Give path and bytes of each file in a journal, up to the first record that is not whole."""
    generation = bytes(journal[:GENERATION_BYTES])
    at = 0
    while len(journal) - at >= HEADER_BYTES:
        told, check, path_bytes, file_bytes = _HEADER.unpack_from(journal, at)
        start = at + HEADER_BYTES
        end = start + path_bytes + file_bytes
        if told != generation or end > len(journal):
            return
        if xxh3_64(journal[start - _LENGTHS.size : end]).digest() != check:
            return
        yield str(journal[start : start + path_bytes], "ascii"), journal[start + path_bytes : end]
        at = end
