"""Of memory that is longer than what was read into it only that counts."""

import pytest

from hilum.dicomweb.multipart_reader import MultipartReader, PartBytes

BODY = b"--b\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n--b--\r\n"
STALE = b"\r\n--b\r\n\r\nof another request\r\n--b--\r\n"


def contents(pieces, before):
    reader = MultipartReader("b")
    found = b""
    for piece in pieces:
        memory = bytearray(before + piece + STALE)
        for event in reader.feed(memory, start=len(before), end=len(before) + len(piece)):
            if isinstance(event, PartBytes):
                found += event.content
    reader.finish()
    return found, reader.parts


@pytest.mark.parametrize("before", [b"", STALE, STALE[:-2], b"\r\n--"])
@pytest.mark.parametrize("at", range(len(BODY)))
def test_what_lies_around_is_not_read_wherever_the_body_is_cut(at, before):
    assert contents([BODY[:at], BODY[at:]], before) == (b"firstsecond", 2)


def test_what_comes_behind_a_cut_boundary_stays_where_it_was_read():
    cut = BODY.index(b"\r\n--b", 7) + 2
    reader = MultipartReader("b")
    list(reader.feed(BODY[:cut]))
    rest = bytearray(BODY[cut:].replace(b"second", b"second" * 100))

    contents = [event.content for event in reader.feed(rest) if isinstance(event, PartBytes)]

    assert b"".join(contents) == b"second" * 100
    assert sum(len(one) for one in contents if one.obj is rest) > 500
