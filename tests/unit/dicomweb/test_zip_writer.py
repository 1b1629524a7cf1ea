"""ZIP archives, as other programs read them, and as long as they were said to be."""

import io
import zipfile
import zlib
from datetime import UTC, datetime

import pytest

from hilum.dicomweb.zip_writer import ZipEntry, ZipWriter, archive_length

WHEN = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def archive(contents, *, behind):
    writer, out = ZipWriter(), bytearray()
    entries = [ZipEntry(name, len(one), WHEN, behind) for name, one in contents.items()]
    for entry, content in zip(entries, contents.values(), strict=True):
        checksum = zlib.crc32(content)
        out += writer.head(entry, 0 if behind else checksum) + content
        if behind:
            out += writer.descriptor(entry, checksum)
    out += writer.ending()
    assert archive_length(entries) == len(out)
    return zipfile.ZipFile(io.BytesIO(out))


@pytest.mark.parametrize("behind", [False, True])
def test_files_come_back(behind):
    contents = {"ST000001/ä.dcm": b"one", "empty": b"", "ST000002/b.dcm": bytes(1000)}

    read = archive(contents, behind=behind)

    assert read.testzip() is None
    assert {one.filename: read.read(one) for one in read.infolist()} == contents
    assert read.infolist()[0].date_time == (2026, 1, 2, 3, 4, 6)


def test_an_archive_of_nothing_is_one():
    assert archive({}, behind=False).namelist() == []


@pytest.mark.parametrize("number", [65_535, 65_600])
def test_many_files_need_another_end(number):
    assert len(archive({str(at): b"" for at in range(number)}, behind=False).namelist()) == number


class Sparse(io.RawIOBase):
    """A file with holes: gigabytes that cost nothing."""

    def __init__(self, pieces, size):
        self.pieces, self.size, self.at = pieces, size, 0

    def seekable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=0):
        self.at = offset + {0: 0, 1: self.at, 2: self.size}[whence]
        return self.at

    def read(self, count=-1):
        count = self.size - self.at if count < 0 else min(count, self.size - self.at)
        found = bytearray(count)
        for place, piece in self.pieces:
            first, last = max(place, self.at), min(place + len(piece), self.at + count)
            if first < last:
                found[first - self.at : last - self.at] = piece[first - place : last - place]
        self.at += count
        return bytes(found)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("size", [0xFFFFFFFE, 0xFFFFFFFF, 5 << 30])
def test_files_and_archives_beyond_four_gibibytes_are_read(size, behind):
    writer, pieces, at = ZipWriter(), [], 0
    entries = [ZipEntry("large", size, WHEN, behind), ZipEntry("small", 4, WHEN, behind)]
    for entry in entries:
        head = writer.head(entry, 0 if behind else 7)
        pieces.append((at, head))
        at += len(head) + entry.size
        if behind:
            descriptor = writer.descriptor(entry, 7)
            pieces.append((at, descriptor))
            at += len(descriptor)
    ending = writer.ending()
    pieces.append((at, ending))

    read = zipfile.ZipFile(Sparse(pieces, at + len(ending)))

    assert [(one.filename, one.file_size, one.CRC) for one in read.infolist()] == [
        ("large", size, 7),
        ("small", 4, 7),
    ]
    with read.open("small") as small:
        assert small._fileobj.tell() == pieces[2 if behind else 1][0] + len("small") + 30
    assert archive_length(entries) == at + len(ending)
