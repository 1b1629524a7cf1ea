"""Files whose pixel data say where they end, among others: held back until a boundary is there."""

import pytest
from parts_read import read

from hilum.dicomweb.foretold import AWAITED_BYTES_MAX, likely_end
from hilum.dicomweb.multipart_reader import MultipartReader, PartBytes, PartEnded
from hilum.kernel.errors import RemoteProtocolError

TAG = b"\xe0\x7f\x10\x00"
ICON = TAG + b"OB\0\0\x04\0\0\0icon"
BOUNDARY_INSIDE = b"\r\n--b\r\n\r\n"


def pixels(size, *, missing=0):
    content = (BOUNDARY_INSIDE * (size // len(BOUNDARY_INSIDE) + 1))[: size - missing]
    return TAG + b"OW\0\0" + size.to_bytes(4, "little") + content


LONG = b"head" + ICON + pixels(100_000)
LONGER = b"another head" + pixels(150_000)
SMALL = b"small" + pixels(100, missing=100)
WITH_TAIL = b"head" + TAG + b"OW\0\0" + (70_000).to_bytes(4, "little") + bytes(70_000) + b"tail"
CUT_SHORT = b"head" + TAG + b"OW\0\0" + (90_000).to_bytes(4, "little") + bytes(80_000)


def body(*files):
    parts = [b"--b\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in files]
    return b"".join(parts) + b"--b--\r\n"


def cut(whole, step):
    return [whole[at : at + step] for at in range(0, len(whole), step)]


def contents(pieces):
    reader = MultipartReader("b")
    found = read(pieces, reader)
    reader.finish()
    assert all(one[-1] is None for one in found)
    return [b"".join(one[:-1]) for one in found]


def test_where_long_pixels_end_is_told_by_their_length():
    assert likely_end(b"x" + LONG, 1, len(LONG)) == (1 + LONG.rindex(TAG), 1 + len(LONG))
    assert likely_end(LONG[:200], 0, 200) == (LONG.rindex(TAG), len(LONG))


@pytest.mark.parametrize(
    "file",
    [
        b"no pixels",
        SMALL,
        TAG + b"OB\0\0\xff\xff\xff\xff" + bytes(100_000),  # in fragments
        pixels(AWAITED_BYTES_MAX)[:5000],  # longer than anybody waits for
        TAG + b"OW\0",
    ],
)
def test_of_other_files_nobody_knows(file):
    assert likely_end(file, 0, len(file)) == (-1, -1)


@pytest.mark.parametrize("step", [500, 60_000, 120_000, 1 << 20])
@pytest.mark.parametrize("more", [[], [LONG], [LONG, LONGER, SMALL]])
def test_pixels_that_end_at_a_boundary_are_not_searched(more, step):
    """A boundary in them is content there: nobody else may have meant it."""
    files = [LONGER, SMALL, LONG, *more]

    assert contents(cut(body(*files), step)) == files


@pytest.mark.parametrize("step", [500, 60_000, 120_000, 1 << 20])
@pytest.mark.parametrize("odd", [WITH_TAIL, CUT_SHORT])
def test_files_that_end_elsewhere_are_searched(odd, step):
    files = [SMALL, odd, b"plain", odd]

    assert contents(cut(body(*files), step)) == files


def test_a_boundary_may_be_cut_where_it_is_awaited():
    whole = body(SMALL, LONG, LONGER)
    end = whole.index(LONG) + len(LONG)

    for place in range(end - 1, end + 8):
        assert contents([whole[:place], whole[place:]]) == [SMALL, LONG, LONGER]


def test_a_word_that_begins_as_the_boundary_is_none_where_one_is_awaited():
    file = b"head" + TAG + b"OW\0\0" + (70_000).to_bytes(4, "little") + bytes(70_000) + b"\r\n--bc"

    assert contents([body(SMALL, file, SMALL)]) == [SMALL, file, SMALL]


def test_a_file_is_given_on_when_a_boundary_was_seen_behind_it():
    reader = MultipartReader("b")
    whole = body(SMALL, LONG)
    behind = whole.index(LONG) + len(LONG)

    first, second = read([whole[:behind]], reader)
    events = list(reader.feed(whole[behind:]))

    assert (first, second) == ([SMALL, None], [])
    assert [type(one) for one in events] == [PartBytes, PartEnded]
    assert bytes(events[0].content) == LONG


def test_a_body_that_ends_in_an_awaited_file_is_told():
    reader = MultipartReader("b")
    whole = body(SMALL, LONG)

    read([whole[:-1000]], reader)

    with pytest.raises(RemoteProtocolError, match="inside part 2"):
        reader.finish()
