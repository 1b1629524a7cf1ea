"""A data set from one uncompressed transfer syntax to another, in chunks, as it goes by.

Pixels are never held: a chunk goes out when it has come in. What is compressed is refused.
"""

import zlib
from typing import Final

from hilum.dicom.byte_order import swapped
from hilum.dicom.inflate import Inflater
from hilum.dicom.limits import DEFAULT_LIMITS, ReaderLimits
from hilum.dicom.rewriting import ElementRewriter, NotReencodable, Passing
from hilum.dicom.runs import HEADER_BYTES
from hilum.dicom.syntaxes import TransferSyntax
from hilum.kernel.errors import CorruptPayload

__all__ = ["NotReencodable", "Reencoder", "can_reencode"]

Chunk = bytes | bytearray | memoryview

# Headers are read from copies of this size; of a value, what is in a chunk goes by at once.
_WINDOW_BYTES_MAX: Final = 16 << 10
_DECIDING_BYTES_MAX: Final = 8  # of a value that says how others are read


def can_reencode(source: TransferSyntax, target: TransferSyntax) -> bool:
    """Tell whether a data set of one syntax can be put into the other without decoding pixels."""
    is_plain = not source.encapsulated and not target.encapsulated
    return is_plain and source.known and target.known


class Reencoder:
    """One data set on its way. Feed it every byte in order, then ask it to finish."""

    def __init__(
        self,
        source: TransferSyntax,
        target: TransferSyntax,
        *,
        limits: ReaderLimits = DEFAULT_LIMITS,
        signed: bool | None = None,
    ) -> None:
        """Prepare; `signed`: Pixel Representation, where it is known before the data set says so.

        Two attributes that depend on it come before it (0018,9810 and 0022,1452): without knowing
        better they are taken for unsigned.

        Raises:
            NotReencodable: one of the syntaxes is compressed.
        """
        if not can_reencode(source, target):
            raise NotReencodable(f"{source.name} does not become {target.name} without decoding")
        self._rewriter = ElementRewriter(source, target, limits=limits, signed=signed)
        self._inflater = Inflater(limits) if source.deflated else None
        self._deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS) if target.deflated else None
        self._deflated_bytes = 0
        self._position = 0
        self._cut = bytearray()  # a header of which more is to come
        self._passing: Passing | None = None
        self._left = 0  # bytes to come of the value that passes
        self._carry = b""  # the beginning of a word that goes on in the next chunk
        self._deciding = b""

    @property
    def tolerated(self) -> dict[str, int]:
        """The odd encodings met so far, by name."""
        return self._rewriter.tolerated

    def feed(self, chunk: Chunk) -> list[bytes]:
        """Take the next bytes; give what they become, which may hold on to `chunk` nowhere.

        Raises:
            CorruptPayload: they cannot belong to a data set, or exceed the limits.
            NotReencodable: the data set has something that has no other encoding.
        """
        out: list[bytes] = []
        if self._inflater is None:
            self._take(chunk, out)
        else:
            for piece in self._inflater.inflate(chunk):
                self._take(piece, out)
        return self._deflate(out)

    def finish(self) -> list[bytes]:
        """Check that the data set is complete; give what was left of it.

        Raises:
            CorruptPayload: it is empty or ends inside an element, an item or a sequence.
            NotReencodable: as `feed`.
        """
        out: list[bytes] = []
        if self._inflater is not None:
            self._inflater.finish()
        self._take_last(out)
        if self._left or not self._position:
            raise CorruptPayload(
                f"the data set ends after {self._position} bytes, "
                f"{self._left} before the end of an element"
            )
        self._rewriter.finish(self._position, out)
        return self._end(self._deflate(out))

    def _take(self, chunk: Chunk, out: list[bytes]) -> None:
        """Go on through one run of the data set's bytes."""
        view = memoryview(chunk)
        at = 0
        while at < len(view):
            if self._left:
                step = min(self._left, len(view) - at)
                self._pass(view[at : at + step], out)
                at += step
            elif self._cut:
                missing = max(self._rewriter.need_bytes - len(self._cut), 1)
                self._cut += view[at : at + missing]
                at += missing
                if len(self._cut) >= self._rewriter.need_bytes:
                    window = bytes(self._cut)
                    self._cut.clear()
                    self._read(window, out)
            else:
                window = bytes(view[at : at + _WINDOW_BYTES_MAX])
                at += len(window)
                self._read(window, out)

    def _read(self, window: bytes, out: list[bytes], *, is_final: bool = False) -> None:
        """Go through a window that begins with a header; keep what of it must come again."""
        if self._position == 0:
            self._rewriter.start(window)
        at = 0
        view = memoryview(window)
        while at < len(window):
            if self._left:
                step = min(self._left, len(window) - at)
                self._pass(view[at : at + step], out)
                at += step
                continue
            self._rewriter.close_ended(self._position, out)
            size = self._rewriter.read(window, at, self._position, out, is_final=is_final)
            if not size:
                self._cut += window[at:]
                return
            at += size
            self._position += size
            self._begin(out)

    def _begin(self, out: list[bytes]) -> None:
        """Prepare for the value behind the header that was read."""
        self._passing = self._rewriter.passing
        self._deciding = b""
        if self._passing is not None:
            self._left = self._passing.length
            if not self._left and self._passing.decides:
                self._end_value(self._passing, out)

    def _pass(self, piece: memoryview, out: list[bytes]) -> None:
        """Pass on bytes of a value, their words turned round if they must be."""
        passing = self._passing
        if passing is None:
            raise CorruptPayload("a value passes that nobody announced")
        self._left -= len(piece)
        self._position += len(piece)
        if passing.decides:
            self._deciding += bytes(piece[: _DECIDING_BYTES_MAX - len(self._deciding)])
        if passing.word_bytes == 1:
            out.append(bytes(piece))
        elif passing.word_bytes:
            self._turn(piece, passing.word_bytes, out)
        if not self._left:
            self._end_value(passing, out)

    def _turn(self, piece: memoryview, word_bytes: int, out: list[bytes]) -> None:
        raw = self._carry + bytes(piece) if self._carry else piece
        whole = len(raw) if not self._left else len(raw) - len(raw) % word_bytes
        out.append(swapped(raw[:whole], word_bytes))
        self._carry = bytes(raw[whole:])

    def _end_value(self, passing: Passing, out: list[bytes]) -> None:
        if passing.padding and passing.word_bytes:
            out.append(passing.padding)
        if passing.decides:
            self._rewriter.decide(passing.decides, self._deciding)

    def _take_last(self, out: list[bytes]) -> None:
        """Go through what was kept for bytes that never came."""
        if not self._cut:
            return
        window = bytes(self._cut)
        self._cut.clear()
        self._read(window, out, is_final=True)
        if self._cut and (len(self._cut) >= HEADER_BYTES or any(self._cut) or not self._position):
            raise CorruptPayload(
                f"the data set ends after {self._position + len(self._cut)} bytes, inside the "
                "header of an element"
            )

    def _deflate(self, out: list[bytes]) -> list[bytes]:
        if self._deflater is None:
            return out
        packed = [piece for raw in out if (piece := self._deflater.compress(raw))]
        self._deflated_bytes += sum(map(len, packed))
        return packed

    def _end(self, out: list[bytes]) -> list[bytes]:
        """End a deflated stream, padded to an even length (PS3.5 §A.5)."""
        if self._deflater is None:
            return out
        last = self._deflater.flush()
        odd = (self._deflated_bytes + len(last)) & 1
        return [*out, last + bytes(odd)]
