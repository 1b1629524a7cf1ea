"""Read a data set while it arrives: check its structure to the end, keep the wanted attributes.

Takes any cut of the stream, in any transfer syntax, without I/O and without copying pixels.
"""

from typing import Final

from hilum.dicom.header import Header
from hilum.dicom.inflate import Inflater
from hilum.dicom.limits import DEFAULT_LIMITS, ReaderLimits
from hilum.dicom.shapes import Shape, Shapes
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.tags import CATALOGUE_TAGS
from hilum.dicom.walker import StructureWalker
from hilum.kernel.errors import CorruptPayload

__all__ = ["CATALOGUE_TAGS", "DataSetReader", "ReaderLimits"]

Chunk = bytes | bytearray | memoryview

# Headers are walked through copies of this size: reading from bytes is a third faster than from a
# memoryview, and the copy costs less than a microsecond. Long values are stepped over uncopied.
_WINDOW_BYTES_MAX: Final = 16 << 10
# An element header without a VR, and the shortest one with: before that much has come, nothing
# can be said.
_HEADER_BYTES: Final = 8


class DataSetReader:
    """One data set on its way in.

    Feed it every byte in order, then ask it to finish. After an exception it is of no more use.
    """

    def __init__(
        self,
        syntax: TransferSyntax,
        wanted: frozenset[int] = CATALOGUE_TAGS,
        limits: ReaderLimits = DEFAULT_LIMITS,
        *,
        shapes: Shapes | None = None,
    ) -> None:
        """Begin; readers that share `shapes` walk only through what none of them has seen."""
        self.wanted = wanted
        self._limits = limits
        self._shapes = shapes
        self._walker = StructureWalker(
            explicit=syntax.explicit,
            little_endian=syntax.little_endian,
            wanted=wanted,
            limits=limits,
        )
        # No larger than the longest value that may be kept, so that this needs no check of its own.
        self._window_bytes = min(_WINDOW_BYTES_MAX, limits.value_bytes_max)
        self._little_endian = syntax.little_endian
        self._inflater = Inflater(limits) if syntax.deflated else None
        self._position = 0  # of the next byte to come
        self._skip_bytes = 0  # still to come of a value that nobody wants
        self._cut = bytearray()  # a header, or a wanted value, of which more is to come
        self._cut_needs_bytes = _HEADER_BYTES
        self._header: Header | None = None

    @property
    def header(self) -> Header | None:
        """The wanted attributes; None until pixel data was reached or the data set finished."""
        if self._header is None and self._walker.pixels_reached:
            self._header = self._make_header()
        return self._header

    @property
    def met(self) -> Header:
        """The wanted attributes that were met so far."""
        return self._make_header()

    def feed(self, chunk: Chunk) -> None:
        """Take the next bytes of the data set.

        Raises:
            CorruptPayload: they cannot belong to a data set, or exceed the limits.
        """
        size = len(chunk)
        if self._inflater is None:
            if self._skip_bytes >= size:
                # Most of most data sets: the middle of a value that nobody wants.
                self._skip_bytes -= size
                self._position += size
            else:
                self._take(chunk)
            return
        for piece in self._inflater.inflate(chunk):
            self._take(piece)

    def finish(self) -> Header:
        """Check that the data set is complete now, and give its header.

        Raises:
            CorruptPayload: it is empty or ends inside an element, an item or a sequence.
        """
        if self._inflater is not None:
            self._inflater.finish()
            if self._inflater.trailing_bytes > 1:
                self._tolerate("bytes behind the deflated data set")
        self._take_last()
        if self._position == 0:
            raise CorruptPayload("the data set is empty")
        if self._skip_bytes:
            raise CorruptPayload(
                f"the data set ends after {self._position} bytes, "
                f"{self._skip_bytes} before the end of an element"
            )
        self._walker.finish(self._position)
        self._header = self._make_header()
        return self._header

    def _take(self, chunk: Chunk) -> None:
        """Walk on through one run of the data set's bytes."""
        size = len(chunk)
        at = 0
        while at < size:
            if self._skip_bytes:
                step = min(self._skip_bytes, size - at)
                self._skip_bytes -= step
                self._position += step
                at += step
            elif self._cut:
                missing = self._cut_needs_bytes - len(self._cut)
                self._cut += chunk[at : at + missing]
                at += missing
                if at <= size:
                    window = bytes(self._cut)
                    self._cut.clear()
                    self._walk(window)
            else:
                window = bytes(chunk[at : at + self._window_bytes])
                at += len(window)
                self._walk(window)

    def _walk(self, window: bytes, *, is_final: bool = False) -> None:
        """Walk through a window that begins with a header; keep what of it must come again."""
        unseen, first = None, window
        if self._position == 0:
            if len(window) < _HEADER_BYTES:
                self._cut += window
                self._cut_needs_bytes = _HEADER_BYTES
                return
            self._walker.start(window)
            if (unseen := self._shapes) is not None:
                shape = unseen.find(window, self._walker.beginning)
                if shape is not None:
                    unseen = unseen if shape.may_be_longer(window) else None
                    window = self._step_over(shape, window)
        if not window:
            return
        end = self._walker.walk(window, self._position, is_final=is_final)
        if unseen is not None:
            unseen.note(first, self._walker, self._limits)
        if end < len(window):
            self._position += end
            self._cut += window[end:]
            self._cut_needs_bytes = self._walker.need_bytes
        else:
            self._position += len(window)
            self._skip_bytes = end - len(window)

    def _step_over(self, shape: Shape, window: bytes) -> bytes:
        """Step over what is as it was in another data set; give what is left to walk through."""
        self._walker.resume(
            zip(shape.tags, shape.values.unpack_from(window), strict=True),
            odd=shape.odd,
            captured=shape.captured,
            pixels_reached=shape.pixels_reached,
        )
        step = min(shape.end, len(window))
        self._position += step
        self._skip_bytes = shape.end - step
        return window[step:]

    def _take_last(self) -> None:
        """Walk through what was kept for bytes to come that never came."""
        if not self._cut:
            return
        window = bytes(self._cut)
        self._cut.clear()
        self._walk(window, is_final=True)
        if not self._cut:
            return
        if any(self._cut) or self._position == 0:
            raise CorruptPayload(
                f"the data set ends after {self._position + len(self._cut)} bytes, "
                "inside the header of an element or inside its value"
            )
        # A data set of odd length, padded to an even one as a whole. pydicom reads over it, too.
        self._tolerate("zeros behind the data set")

    def _tolerate(self, oddity: str) -> None:
        tolerated = self._walker.tolerated
        tolerated[oddity] = tolerated.get(oddity, 0) + 1

    def _make_header(self) -> Header:
        """Make a header that goes on filling while attributes behind the pixels arrive."""
        walker = self._walker
        return Header(walker.values, walker.tolerated, little_endian=self._little_endian)
