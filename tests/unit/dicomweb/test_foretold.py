"""Where a file ends, told by its pixel data; and what a reader of parts makes of it."""

import pytest
from parts_read import read

from hilum.dicomweb.foretold import begin_of_last_pixels
from hilum.dicomweb.multipart_reader import MultipartReader
from hilum.kernel.errors import RemoteProtocolError

HEAD = b"head of a file"
PIXELS = bytes(range(256)) * 4
TAG = b"\xe0\x7f\x10\x00"


def length(pixels):
    return len(pixels).to_bytes(4, "little")


EXPLICIT = TAG + b"OW\0\0" + length(PIXELS) + PIXELS
IMPLICIT = TAG + length(PIXELS) + PIXELS
ICON = TAG + b"OB\0\0" + length(b"icon") + b"icon"


@pytest.mark.parametrize("file", [HEAD + EXPLICIT, HEAD + IMPLICIT, HEAD + ICON + EXPLICIT])
def test_a_file_with_pixels_at_its_end_tells_it(file):
    data = b"before" + file + b"behind"

    for size in range(len(file) - 3, len(file) + 4):
        told = begin_of_last_pixels(data, 6, len(data), size=size)
        assert told == (6 + file.rindex(TAG) if size == len(file) else -1)


@pytest.mark.parametrize(
    "file",
    [
        HEAD,
        HEAD + EXPLICIT + b"\xfc\xff\xfc\xffOB\0\0\0\0\0\0",  # something behind the pixels
        HEAD + TAG + b"OB\0\0\xff\xff\xff\xff" + PIXELS,  # in fragments
        bytes(70_000) + EXPLICIT,  # too far away
        HEAD + TAG + b"OW\0",  # not there yet
    ],
)
def test_of_other_files_nobody_knows(file):
    assert begin_of_last_pixels(file, 0, len(file), size=len(file)) == -1


def body(*files, closing=b"--\r\n"):
    parts = [b"--b\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in files]
    return b"".join(parts) + b"--b" + closing


def contents(pieces, length):
    reader = MultipartReader("b", length)
    found = read(pieces, reader)
    reader.finish()
    assert all(one[-1] is None for one in found)
    return [b"".join(one[:-1]) for one in found]


@pytest.mark.parametrize("closing", [b"--", b"--\r\n", b"--\r\nepilogue", b"   --", b"--\n"])
@pytest.mark.parametrize("step", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("files", [[HEAD + EXPLICIT], [HEAD + EXPLICIT, HEAD + IMPLICIT], [HEAD]])
def test_parts_are_the_same_whether_the_length_is_known_or_not(files, step, closing):
    if closing == b"   --":
        closing = b"--"
        files = [one + b"\r\n--" for one in files]
    whole = body(*files, closing=closing)
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]

    assert contents(pieces, len(whole)) == files
    assert contents(pieces, 0) == files


def test_what_is_foretold_is_not_searched():
    """A boundary in the pixels is content there: nobody else may have meant it."""
    pixels = b"x\r\n--b\r\n\r\n" * 10
    file = HEAD + TAG + b"OW\0\0" + length(pixels) + pixels
    whole = body(file)

    assert contents([whole], len(whole)) == [file]


def test_pixels_that_end_before_their_length_are_searched():
    short = HEAD + EXPLICIT[:-100]
    whole = body(short, HEAD + IMPLICIT)

    assert contents([whole], len(whole)) == [short, HEAD + IMPLICIT]


def test_a_body_without_its_end_is_told():
    whole = body(HEAD + EXPLICIT)
    reader = MultipartReader("b", len(whole))
    list(reader.feed(whole[:-7] + b"\r\n--c--"))

    with pytest.raises(RemoteProtocolError, match="inside part 1"):
        reader.finish()
