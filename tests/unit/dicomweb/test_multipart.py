import pytest

from hilum.dicomweb.boundary import boundary_of
from hilum.dicomweb.media_types import media_type
from hilum.dicomweb.multipart_reader import (
    EPILOGUE_BYTES_MAX,
    HEADER_BYTES_MAX,
    PREAMBLE_BYTES_MAX,
    MultipartReader,
    PartBegan,
    PartBytes,
    PartEnded,
)
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.kernel.errors import RemoteProtocolError


def test_a_body_looks_as_the_standard_writes_it():
    writer = MultipartWriter("abc", "application/dicom")

    body = writer.head({"Content-Type": "application/dicom"}, is_first=True) + b"1"
    body += writer.head({}, is_first=False) + b"2" + writer.closing

    assert writer.content_type == ('multipart/related; type="application/dicom"; boundary=abc')
    assert body == (
        b"--abc\r\nContent-Type: application/dicom\r\n\r\n1\r\n--abc\r\n\r\n2\r\n--abc--\r\n"
    )


@pytest.mark.parametrize("boundary", ["", "a" * 71, "a b", 'a"b', "ä"])
def test_a_boundary_that_cannot_be_is_not_written(boundary):
    with pytest.raises(ValueError, match="boundary"):
        MultipartWriter(boundary, "application/dicom")


def test_contents_are_slices_of_what_was_fed():
    body = bytearray(b"--b\r\n\r\n" + b"x" * 1000 + b"\r\n--b--")

    events = list(MultipartReader("b").feed(body))

    content = next(event.content for event in events if isinstance(event, PartBytes))
    body[7] = ord("y")  # the first byte of the content
    assert content[0] == ord("y")


def test_a_folded_header_is_one_header():
    events = list(MultipartReader("b").feed(b"--b\r\nContent-Type: a/b;\r\n  c=d\r\n\r\n"))

    assert events == [PartBegan({"content-type": "a/b; c=d"})]


def test_a_part_may_have_neither_headers_nor_content():
    events = list(MultipartReader("b").feed(b"--b\r\n\r\n--b--"))

    assert events == [PartBegan({}), PartEnded()]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"x" * (PREAMBLE_BYTES_MAX + 10), "before its first part"),
        (b"--b--" + b"x" * (EPILOGUE_BYTES_MAX + 1), "behind its last part"),
        (b"--b\r\na: " + b"x" * HEADER_BYTES_MAX, "headers of part 1 have more than"),
        (b"--b\r\n" + b"".join(b"%d: x\r\n" % n for n in range(99)) + b"\r\n", "headers"),
        (b"--b\r\nContent-Type\r\n\r\n", "no colon"),
    ],
)
def test_a_body_beyond_a_limit_is_refused_with_words(body, words):
    with pytest.raises(RemoteProtocolError, match=words):
        list(MultipartReader("b").feed(body))


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("multipart/related; boundary=abc", "abc"),
        ('multipart/related; type="application/dicom"; boundary="a b:c"', "a b:c"),
        ("Multipart/Related;Type=application/dicom;BOUNDARY=abc;", "abc"),
        (r'multipart/related; boundary="a\"b"', 'a"b'),
    ],
)
def test_a_boundary_is_found_in_quotes_or_without(text, boundary):
    assert boundary_of(media_type(text)) == boundary


@pytest.mark.parametrize(
    "text",
    ["multipart/related", "application/dicom; boundary=x", f"multipart/x; boundary={'x' * 257}"],
)
def test_a_type_without_a_usable_boundary_is_refused(text):
    with pytest.raises(RemoteProtocolError):
        boundary_of(media_type(text))
