"""Multipart bodies: what was written is read, in any split of the stream; hostile ones end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.multipart_reader import MultipartReader, PartBegan, PartBytes, PartEnded
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.kernel.errors import RemoteProtocolError

BOUNDARY = "b0undary"
# Contents full of what looks like the beginning of a boundary.
CONTENTS = st.lists(
    st.lists(
        st.sampled_from(
            [
                b"\r",
                b"\n",
                b"\r\n",
                b"-",
                b"--",
                b"--b0",
                b"\r\n--b0undar",
                b"x",
                b"\r\n--b0undaryX",
            ]
        ),
        max_size=12,
    ).map(b"".join)
    | st.binary(max_size=200),
    min_size=1,
    max_size=5,
).filter(lambda contents: not any(content.startswith(b"--b0undary") for content in contents))
CUTS = st.lists(st.integers(0, 2000), max_size=30)


def written(contents):
    writer = MultipartWriter(BOUNDARY, "application/dicom")
    parts = []
    for number, content in enumerate(contents):
        headers = {"Content-Type": "application/dicom", "Content-Location": f"/{number}"}
        parts.append((writer.head(headers, is_first=number == 0), content))
    body = b"".join(head + content for head, content in parts) + writer.closing
    return writer, parts, body


def split(body, cuts):
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    return [body[start:end] for start, end in pairwise(places)]


def read(pieces, boundary=BOUNDARY):
    """Read a body; give its parts and the reader."""
    reader = MultipartReader(boundary)
    parts = []
    for piece in pieces:
        for event in reader.feed(piece):
            match event:
                case PartBegan(headers):
                    parts.append([headers, b"", False])
                case PartBytes(content):
                    parts[-1][1] += bytes(content)
                case PartEnded():
                    parts[-1][2] = True
    return parts, reader


@given(CONTENTS, CUTS)
def test_what_was_written_is_read_in_any_split(contents, cuts):
    _, _, body = written(contents)

    parts, reader = read(split(body, cuts))

    reader.finish()
    assert contents == [content for _, content, _ in parts]
    assert all(complete for _, _, complete in parts)
    assert [f"/{n}" for n in range(len(contents))] == [p[0]["content-location"] for p in parts]
    assert not reader.tolerated


@given(CONTENTS)
def test_what_was_written_is_read_byte_by_byte(contents):
    _, _, body = written(contents)

    parts, reader = read([body[at : at + 1] for at in range(len(body))])

    reader.finish()
    assert contents == [content for _, content, _ in parts]


@given(CONTENTS)
def test_the_length_is_known_before(contents):
    writer, parts, body = written(contents)

    assert len(body) == writer.content_length((head, len(content)) for head, content in parts)


@given(
    CONTENTS, CUTS, st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["", " \t "])
)
def test_preamble_epilogue_and_padding_are_passed_over(contents, cuts, before, after, padding):
    _, _, body = written(contents)
    delimiter = b"--" + BOUNDARY.encode()
    body = body.replace(delimiter + b"\r\n", delimiter + padding.encode() + b"\r\n")
    preamble = before.replace(b"--", b"") + b"\r\n"

    parts, reader = read(split(preamble + body + after, cuts))

    reader.finish()
    assert [content for _, content, _ in parts] == contents
    assert bool(padding) == bool(reader.tolerated)


@given(st.lists(st.binary(max_size=100).map(lambda b: b.replace(b"\n", b"")), min_size=1), CUTS)
def test_line_ends_of_lf_alone_are_read_and_counted(contents, cuts):
    body = b"".join(b"--b0undary\nContent-Type: x/y\n\n" + content + b"\n" for content in contents)

    parts, reader = read(split(body + b"--b0undary--", cuts))

    reader.finish()
    assert contents == [content for _, content, _ in parts]
    assert reader.tolerated == {"line end without CR": len(contents)}


@given(CONTENTS, st.integers(0, 10_000), CUTS)
def test_a_cut_body_is_never_complete(contents, cut, cuts):
    _, _, body = written(contents)
    end = body.rindex(b"--b0undary") + len(b"--b0undary--") - 1
    cut %= end

    _, reader = read(split(body[: min(cut, end)], cuts))

    with pytest.raises(RemoteProtocolError, match="ended"):
        reader.finish()


@given(
    st.lists(
        st.sampled_from(
            [b"\r\n--b", b"--b", b"--", b"\r\n", b"\n", b"\r", b"a: b", b":", b" ", b"\0", b"--b--"]
        ),
        max_size=60,
    ),
    CUTS,
)
def test_nonsense_ends_in_words_or_in_parts_and_always_the_same(pieces, cuts):
    body = b"".join(pieces)

    def outcome(stream):
        try:
            parts, reader = read(stream, "b")
            reader.finish()
        except RemoteProtocolError as error:
            return str(error)
        return [(dict(headers), content) for headers, content, _ in parts]

    assert outcome([body]) == outcome(split(body, cuts))
