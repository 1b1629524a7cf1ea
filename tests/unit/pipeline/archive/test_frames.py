"""Frames are found where they are, whatever the tables say."""

import asyncio
import struct

import pytest
from encapsulated import EXPLICIT, JPEG, element, encapsulated, head_of, native, offsets_of

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive import frames as frames_module
from hilum.pipeline.archive.frames import FrameFinder, Inseparable, NoFrames
from hilum.pipeline.archive.segments import Streamer
from hilum.pipeline.reading import Reading
from hilum.testing.payloads import MemoryPayloads

# Three frames; the second is in three fragments.
FRAMES = [[b"\xff\xd8\xff1"], [b"\xff\xd8\xff2a", b"2b", b"2cde"], [b"\xff\xd8\xff3" * 10]]
FLAT = [one for fragments in FRAMES for one in fragments]
BEGINNING = b"\xff\xd8\xff"


class Found:
    def __init__(self):
        self.payloads = MemoryPayloads()
        self.finder = FrameFinder(self.payloads, Reading())

    def frames(self, data_set, syntax=JPEG, numbers=None, path="x", **kwargs):
        self.payloads.put(path, data_set)
        return asyncio.run(self._frames(path, syntax, numbers, **kwargs))

    async def _frames(self, path, syntax, numbers, **kwargs):
        frames = await self.finder.of(path, syntax, **kwargs)
        wanted = range(frames.count) if numbers is None else numbers
        runs = await self.finder.runs(frames, wanted)
        streamer = Streamer(self.payloads, Reading())
        return [b"".join([bytes(b) async for b in streamer.blocks(one)]) for one in runs]


@pytest.fixture
def found():
    made = Found()
    yield made
    assert made.payloads.open_now == 0


def joined(frames):
    return [b"".join(one) for one in frames]


TABLES = {
    "no table": b"",
    "a true one": offsets_of(FRAMES),
    "one that points into fragments": struct.pack("<III", 0, 14, 30),
    "one that points behind everything": struct.pack("<III", 0, 12, 1 << 30),
    "one that does not begin at the first": struct.pack("<III", 8, 20, 52),
    "one that goes back": struct.pack("<III", 0, 40, 12),
    "one of fragments": offsets_of([[one] for one in FLAT]),
    "one of another number of frames": struct.pack("<II", 0, 12),
    "one that is cut": struct.pack("<III", 0, 12, 50)[:-1],
    "zeros": bytes(12),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_believed_only_where_fragments_are_what_it_says(found, table):
    data_set = head_of(frames=3) + encapsulated(FLAT, table=table)

    assert found.frames(data_set) == joined(FRAMES)
    assert found.frames(data_set, numbers=[2, 0, 1, 1]) == [
        joined(FRAMES)[number] for number in (2, 0, 1, 1)
    ]


def test_an_extended_table_counts_first(found):
    extended = element(0x7FE00001, b"OV", offsets_of(FRAMES, "Q"))
    plain = [[one[0].replace(BEGINNING, b"abc"), *one[1:]] for one in FRAMES]
    fragments = [one for frame in plain for one in frame]
    data_set = head_of(frames=3) + extended + encapsulated(fragments)

    assert found.frames(data_set) == joined(plain)


def test_without_table_and_marks_nothing_is_guessed(found):
    data_set = head_of(frames=3) + encapsulated([b"a", b"b", b"c", b"d", b"e"])

    with pytest.raises(Inseparable):
        found.frames(data_set)


def test_as_many_fragments_as_frames_are_the_frames(found):
    data_set = head_of(frames=3) + encapsulated([b"aa", b"bb", b"cc"])

    assert found.frames(data_set) == [b"aa", b"bb", b"cc"]


def test_one_frame_has_all_fragments(found):
    data_set = head_of(frames=1) + encapsulated([b"aa", BEGINNING, b"cc"], table=bytes(4))

    assert found.frames(data_set) == [b"aa" + BEGINNING + b"cc"]


def test_what_is_missing_at_the_end_is_not_there(found):
    data_set = head_of(frames=5) + encapsulated([b"aa", b"bb"])

    assert found.frames(data_set) == [b"aa", b"bb"]
    with pytest.raises(NoFrames, match="2 frames"):
        found.frames(data_set, numbers=[2])


def test_a_stream_is_one(found):
    data_set = head_of(frames=100) + encapsulated([b"aa", b"bb"])

    assert found.frames(data_set, is_stream=True) == [b"aabb"]
    assert found.frames(data_set) == [b"aa", b"bb"]


@pytest.mark.parametrize("ended", [True, False])
def test_many_small_fragments_are_walked_through(found, ended):
    fragments = [struct.pack("<I", number) * (1 + number % 9) for number in range(3000)]
    data_set = head_of(frames=3000) + encapsulated(fragments, ended=ended)

    assert found.frames(data_set) == fragments


def test_pixels_that_are_no_fragments_are_corrupt(found):
    data_set = head_of(frames=2) + encapsulated([b"aaaa"], ended=False) + b"other things than items"

    with pytest.raises(CorruptPayload):
        found.frames(data_set)


def test_native_frames_are_cut_by_their_size(found):
    data_set = head_of(frames=3, bits=16) + native(bytes(range(96)))

    assert found.frames(data_set, EXPLICIT) == [
        bytes(range(start, start + 32)) for start in (0, 32, 64)
    ]


def test_only_whole_native_frames_are_there(found):
    data_set = head_of(frames=3, bits=16) + native(bytes(95))

    assert len(found.frames(data_set, EXPLICIT)) == 2


def test_frames_of_bits_begin_with_a_byte(found):
    bits = [(number * 7 + 3) % 5 < 2 for number in range(45)]
    packed = sum(bit << place for place, bit in enumerate(bits)).to_bytes(6, "little")
    data_set = head_of(frames=3, rows=3, columns=5, bits=1) + native(packed)

    frames = found.frames(data_set, EXPLICIT)

    assert [[one[place // 8] >> place % 8 & 1 for place in range(16)] for one in frames] == [
        [*map(int, bits[start : start + 15]), 0] for start in (0, 15, 30)
    ]


def test_subsampled_pixels_are_smaller(found):
    texts = {"PhotometricInterpretation": "YBR_FULL_422"}
    head = head_of(frames=2, **texts) + struct.pack("<HH2sHH", 0x28, 2, b"US", 2, 3)
    # Samples per Pixel is before the others in a real data set; here it is only wanted.

    assert [len(one) for one in found.frames(head + native(bytes(64)), EXPLICIT, path="a")] == [
        32,
        32,
    ]
    assert [len(one) for one in found.frames(head + native(bytes(96)), EXPLICIT, path="b")] == [
        48,
        48,
    ]


@pytest.mark.parametrize("numbers", [{"rows": 0}, {"bits": 0}])
def test_images_without_size_have_no_frames(found, numbers):
    with pytest.raises(NoFrames):
        found.frames(head_of(**numbers) + native(bytes(16)), EXPLICIT, numbers=[0])


def test_without_pixels_there_are_no_frames(found):
    with pytest.raises(NoFrames, match="no pixels"):
        found.frames(head_of(), EXPLICIT)


def test_who_scrolls_finds_frames_without_reading_headers_again(found):
    data_set = head_of(frames=3) + encapsulated(FLAT)
    found.frames(data_set)
    opened = found.payloads.opened

    found.frames(data_set, numbers=[1])

    assert found.payloads.opened == opened + 1


def test_what_is_remembered_is_bounded(found, monkeypatch):
    monkeypatch.setattr(frames_module, "_REMEMBERED_MAX", 10)
    monkeypatch.setattr(frames_module, "_PAYLOADS_MAX", 4)
    for number in range(9):
        found.frames(head_of(frames=3) + encapsulated(FLAT), path=f"{number}")
    assert len(found.finder._known) == 2
    assert found.finder._weight == 10
    for number in range(9):
        found.frames(head_of() + native(bytes(16)), EXPLICIT, path=f"native {number}")
    assert len(found.finder._known) == 4
    assert found.finder._weight == 0
