"""Payloads in memory are read as those in files are, and given out as they lie."""

import pytest

from hilum.kernel.errors import CorruptPayload
from hilum.vault.held import HeldReader

PIECES = [memoryview(b"abc"), memoryview(b"defgh"), memoryview(b"i")]


@pytest.mark.parametrize("offset", range(10))
@pytest.mark.parametrize("size", range(10))
def test_any_part_is_given_as_it_lies(offset, size):
    slices = HeldReader(PIECES, 9).slices(offset, size)

    assert b"".join(slices) == b"abcdefghi"[offset : offset + size]
    assert all(slices)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_piece_after_piece_is_all_of_it(size):
    reader = HeldReader(PIECES, 9)
    pieces = list(iter(lambda: bytes(reader.next_piece(size)), b""))

    assert b"".join(pieces) == b"abcdefghi"
    assert max(map(len, pieces)) <= size


def test_pieces_go_on_where_reading_was():
    reader = HeldReader(PIECES, 9)
    reader.read_into(memoryview(bytearray(4)))

    assert bytes(reader.next_piece(100)) == b"efgh"


def test_it_lies_in_no_file_and_has_no_more_than_it_has():
    reader = HeldReader(PIECES, 9)

    assert reader.lies_at(0, 9) is None
    with pytest.raises(CorruptPayload):
        reader.lies_at(1, 9)
