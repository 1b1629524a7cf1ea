"""Where the frames of payloads are: found once, and remembered for who scrolls through them.

Tables of offsets are believed as far as the fragments are where they say; otherwise these are
counted, and told apart by how their streams begin.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from hilum.dicom import tags
from hilum.dicom.frames import (
    EXTENDED_LENGTHS,
    EXTENDED_OFFSETS,
    LAYOUT_TAGS,
    Fragments,
    PixelLayout,
    believable,
    firsts_of,
    layout_of,
)
from hilum.dicom.locating import Located, Locating, PixelLocator
from hilum.dicom.syntaxes import TransferSyntax, transfer_syntax
from hilum.dicom.vrs import WORD_BYTES
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.pipeline.archive.forms import (
    AS_STORED,
    Bits,
    Bytes,
    Form,
    formed,
    read_exactly,
    reader_of,
)
from hilum.pipeline.archive.fragment_scan import (
    FRAGMENTS_MAX,
    FragmentScan,
    basic_offsets,
    chain_of,
)
from hilum.pipeline.archive.segments import Run
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading

# Numbers that are remembered, of 8 bytes each, and payloads that have some.
_REMEMBERED_MAX: Final = 1_000_000
_PAYLOADS_MAX: Final = 2000
_EXTENDED_TAGS: Final = frozenset((EXTENDED_OFFSETS, EXTENDED_LENGTHS))


class NoFrames(HilumError):
    """There are no pixels, or no such frame. Says which."""


class Inseparable(NoFrames):
    """Nothing says which fragments belong to which frame."""


@dataclass(slots=True)
class NativeFrames:
    """Frames one behind the other."""

    path: str
    layout: PixelLayout
    position: int
    size: int
    form: Form

    @property
    def bits_each(self) -> int:
        """The size of a frame."""
        return self.layout.frame_bits(self.size)

    @property
    def count(self) -> int:
        """How many there are."""
        bits = self.bits_each
        return min(self.layout.frames, self.size * 8 // bits) if bits else 0

    def run(self, number: int) -> Run:
        """Give a frame, the first being 0: it begins with a byte, whatever it does in there."""
        bits = self.bits_each
        start = number * bits
        if start % 8 or bits % 8:
            form = Form(
                self.form.is_deflated,
                self.form.word_bytes,
                self.form.anchor,
                Bits(8 * self.position + start, bits),
            )
            return Run(self.path, 0, (bits + 7) // 8, form)
        return Run(self.path, self.position + start // 8, bits // 8, self.form)

    def whole(self) -> Run:
        """Give all pixels."""
        return Run(self.path, self.position, self.size, self.form)


@dataclass(slots=True)
class EncapsulatedFrames:
    """Frames in fragments. There are `offsets`, or all fragments and the `firsts` of frames."""

    path: str
    layout: PixelLayout
    first: int  # where the item of the first fragment is
    offsets: Sequence[int] | None = None
    fragments: Fragments | None = None
    firsts: Sequence[int] | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        found = self.offsets if self.firsts is None else self.firsts
        return len(found or ())

    @property
    def weight(self) -> int:
        """What remembering it costs."""
        return sum(map(len, [one for one in (self.offsets, self.fragments) if one is not None]))


Frames = NativeFrames | EncapsulatedFrames


class FrameFinder:
    """Finds frames. One object for each place that reads them."""

    def __init__(self, payloads: Payloads, reading: Reading) -> None:
        self._payloads = payloads
        self._reading = reading
        self._known: OrderedDict[tuple[str, bool], tuple[Frames, int]] = OrderedDict()
        self._weight = 0

    async def of(self, path: str, syntax_uid: str, *, is_stream: bool = False) -> Frames:
        """Find the frames of a payload; of a stream (video) there is one.

        Raises:
            NoFrames: it has no pixels.
            Inseparable: it has frames that cannot be told apart.
            CorruptPayload, OSError: it cannot be read.
        """
        known = self._known.get((path, is_stream))
        if known is not None:
            self._known.move_to_end((path, is_stream))
            return known[0]
        syntax = transfer_syntax(syntax_uid)
        reader = await self._reading.call(partial(self._payloads.open_payload, path))
        try:
            form = Form(is_deflated=True) if syntax.deflated else AS_STORED
            size = None if syntax.deflated else reader.size
            found = await self._find(path, formed(reader, form), size, syntax, is_stream=is_stream)
        finally:
            reader.close()
        self._remember(found, is_stream=is_stream)
        return found

    async def runs(self, frames: Frames, numbers: Sequence[int]) -> list[list[Run]]:
        """Give the bytes of frames, the first being 0.

        Raises:
            NoFrames: there is no such frame.
            Inseparable: they cannot be told apart after all.
            CorruptPayload, OSError: the payload cannot be read.
        """
        beyond = max(numbers, default=0)
        if isinstance(frames, EncapsulatedFrames):
            if frames.offsets is not None and beyond < frames.count:
                found = await self._chains(frames, numbers)
                if found is not None:
                    return found
            if beyond < frames.count:
                return [_fragments(frames, number) for number in numbers]
        elif beyond < frames.count:
            return [[frames.run(number)] for number in numbers]
        raise NoFrames(f"it has {frames.count} frames, and none with the number {beyond + 1}")

    async def _find(
        self,
        path: str,
        source: Bytes,
        size: int | None,
        syntax: TransferSyntax,
        *,
        is_stream: bool,
    ) -> Frames:
        located, layout, extended = await self._locate(source, size, syntax)
        if located.length is not None:
            word = 1 if located.little_endian else _word_bytes(located, layout)
            form = Form(syntax.deflated, word, located.position)
            return NativeFrames(path, layout, located.position, located.length, form)
        read = reader_of(source)
        table, first = await self._reading.call(partial(basic_offsets, read, located.position))
        frames = EncapsulatedFrames(path, layout, first)
        if not is_stream and layout.frames > 1:
            frames.offsets = _believed(extended, table, layout.frames)
        if frames.offsets is None:
            await self._count(frames, source, 1 if is_stream else layout.frames)
        return frames

    async def _locate(
        self, source: Bytes, size: int | None, syntax: TransferSyntax
    ) -> tuple[Located, PixelLayout, bytes]:
        """Find the pixels; also give how they are laid out, and the Extended Offset Table."""
        locator = PixelLocator(syntax, wanted=LAYOUT_TAGS, noted=_EXTENDED_TAGS)
        await self._through(Locating(locator, reader_of(source), size))
        found = locator.pixels
        if found is None or found.path[0] == tags.SPECTROSCOPY_DATA:
            raise NoFrames("it has no pixels")
        extended = b""
        table = locator.noted.get(EXTENDED_OFFSETS)
        if table is not None and table.length and table.length <= 8 * FRAGMENTS_MAX:
            read = partial(read_exactly, source, table.position, table.length)
            extended = await self._reading.call(read)
        return found, layout_of(locator.header, found.path[0]), extended

    async def _chains(
        self, frames: EncapsulatedFrames, numbers: Sequence[int]
    ) -> list[list[Run]] | None:
        """Follow the table; None: it was wrong, and all fragments have been counted instead."""
        reader = await self._reading.call(partial(self._payloads.open_payload, frames.path))
        try:
            found = []
            for number in numbers:
                chain = await self._reading.call(partial(_chain, frames, number, reader_of(reader)))
                if chain is None:
                    await self._count(frames, reader, frames.layout.frames)
                    self._remember(frames, is_stream=False)
                    return None
                found.append([Run(frames.path, *place) for place in chain])
            return found
        finally:
            reader.close()

    async def _count(self, frames: EncapsulatedFrames, source: Bytes, number: int) -> None:
        """Find all fragments, and which frames they belong to."""
        scan = FragmentScan(reader_of(source), frames.first)
        await self._through(scan)
        firsts = firsts_of(scan.fragments, number)
        if firsts is None:
            raise Inseparable(
                f"its {number} frames are in {len(scan.fragments)} fragments, and nothing says in "
                "which; all pixels together can be had"
            )
        frames.offsets, frames.fragments, frames.firsts = None, scan.fragments, firsts

    async def _through(self, walk: Locating | FragmentScan) -> None:
        while not walk.is_over:
            await self._reading.call(walk.step)

    def _remember(self, frames: Frames, *, is_stream: bool) -> None:
        key = frames.path, is_stream
        self._weight -= self._known.pop(key, (frames, 0))[1]
        weight = frames.weight if isinstance(frames, EncapsulatedFrames) else 0
        self._known[key] = frames, weight
        self._weight += weight
        while len(self._known) > _PAYLOADS_MAX or (
            len(self._known) > 1 and self._weight > _REMEMBERED_MAX
        ):
            self._weight -= self._known.popitem(last=False)[1][1]


def _chain(
    frames: EncapsulatedFrames, number: int, read: Callable[[int, int], bytes]
) -> list[tuple[int, int]] | None:
    offsets = frames.offsets
    if offsets is None:
        return None
    end = frames.first + offsets[number + 1] if number + 1 < len(offsets) else None
    return chain_of(read, frames.first + offsets[number], end)


def _fragments(frames: EncapsulatedFrames, number: int) -> list[Run]:
    fragments, firsts = frames.fragments, frames.firsts
    if fragments is None or firsts is None:
        raise CorruptPayload("its fragments were not counted")
    end = firsts[number + 1] if number + 1 < len(firsts) else len(fragments)
    # Of frames that are missing at the end, nothing is put into the last one that is there.
    return [
        Run(frames.path, fragments.positions[at], fragments.lengths[at])
        for at in range(firsts[number], end)
    ]


def _believed(extended: bytes, basic: bytes, frames: int) -> Sequence[int] | None:
    """Give the table that could be right, as offsets from the item of the first fragment."""
    for table, letter in ((extended, "Q"), (basic, "I")):
        offsets = array(letter)
        if table and not len(table) % offsets.itemsize:
            offsets.frombytes(table)
            if believable(offsets, frames):
                return offsets
    return None


def _word_bytes(located: Located, layout: PixelLayout) -> int:
    """Tell how many bytes a word has that must be turned round (PS3.5 §8.1.1)."""
    if layout.bits_allocated in {16, 32, 64}:
        return layout.bits_allocated // 8
    return WORD_BYTES.get(located.vr, 1)
