"""Of memory that is longer than what was read into it only the beginning counts."""

import pytest

from hilum.dicomweb.multipart_reader import MultipartReader, PartBytes

BODY = b"--b\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n--b--\r\n"
STALE = b"\r\n--b\r\n\r\nof another request\r\n--b--\r\n"


def contents(pieces):
    reader = MultipartReader("b")
    found = b""
    for piece in pieces:
        memory = bytearray(piece + STALE)
        for event in reader.feed(memory, len(piece)):
            if isinstance(event, PartBytes):
                found += event.content
    reader.finish()
    return found, reader.parts


@pytest.mark.parametrize("at", range(len(BODY)))
def test_what_lies_behind_is_not_read_wherever_the_body_is_cut(at):
    assert contents([BODY[:at], BODY[at:]]) == (b"firstsecond", 2)
