"""Decodes frames and draws pictures, some at a time, each in a process that may die.

A frame that crashes a codec costs its own request, and nothing else.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import Final

from hilum.imaging.picture import Picture
from hilum.imaging.pixels import Pixels
from hilum.imaging.plain import PlainFrame
from hilum.imaging.refusal import DamagedPixels, NoPicture
from hilum.kernel.errors import HilumError
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.drawing.easel import Easel, PainterGone, PainterLate
from hilum.pipeline.drawing.events import DrawingFailed, FrameDecoded, PainterLost
from hilum.pipeline.drawing.orders import Order, PictureOrder, PlainOrder, Verdict, read_report

# The largest frames take two seconds; a viewer has given up by then.
ORDER_SECONDS: Final = 20.0
# Orders that wait for a process, for each of them; more are told to come again.
WAITING_MAX: Final = 32
# What all waiting frames have at most in memory.
WAITING_BYTES_MAX: Final = 768 << 20
EXTRA: Final = "pixels"
_TOLD_BYTES_MAX: Final = 300
_LIBRARIES: Final = ("numpy", "PIL", "imagecodecs")


class StudioBusy(HilumError):
    """More is to be drawn than there are processes for: come again."""


def can_draw() -> bool:
    """Tell whether the extra `pixels` is installed."""
    return all(find_spec(name) is not None for name in _LIBRARIES)


class Studio:
    """Has frames decoded. Lives on the event loop; processes are started when they are needed."""

    def __init__(
        self, telemetry: Telemetry, *, processes: int, seconds: float = ORDER_SECONDS
    ) -> None:
        self._telemetry = telemetry
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="studio")
        self._free = [Easel(seconds=seconds) for _ in range(processes)]
        self._all = tuple(self._free)
        self._waiting_max = WAITING_MAX * processes
        self._waiting = 0
        self._waiting_bytes = 0

    async def draw(self, picture: Picture, content: bytes) -> bytes:
        """Draw one frame.

        Raises:
            NoPicture, DamagedPixels: it cannot be drawn.
            StudioBusy: not now.
        """
        return await self._done(PictureOrder(picture), content)

    async def plain(self, pixels: Pixels, content: bytes, step: int = 0) -> PlainFrame:
        """Decode one frame to plain bytes, see `hilum.imaging.decoding.decode_frame`.

        Raises: as `draw` does.
        """
        raw = await self._done(PlainOrder(pixels, step), content)
        photometric, _, plain = raw.partition(b"\0")
        return PlainFrame(plain, photometric.decode("ascii", "replace"))

    async def aclose(self) -> None:
        """End all processes; orders under way fail."""
        for easel in self._all:
            easel.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _done(self, order: Order, content: bytes) -> bytes:
        if (
            self._waiting >= self._waiting_max
            or self._waiting_bytes + len(content) > WAITING_BYTES_MAX
        ):
            raise StudioBusy("more pictures are wanted than can be drawn now; come again")
        self._waiting += 1
        self._waiting_bytes += len(content)
        loop = asyncio.get_running_loop()
        started = loop.time()
        # A client that goes away does not stop a codec: its process is free when that is done.
        future = loop.run_in_executor(self._threads, partial(self._work, order, content))
        future.add_done_callback(partial(self._over, len(content)))
        try:
            verdict, raw = await asyncio.shield(future)
        except (PainterGone, PainterLate) as error:
            raise self._lost(error, loop.time() - started) from None
        self._telemetry.emit(FrameDecoded(verdict.name.lower(), loop.time() - started))
        if verdict is Verdict.FAULT:
            # Of ours most likely; but what brought it about is in the frame, and comes again.
            self._telemetry.emit(DrawingFailed(_told(raw)))
            raise NoPicture("it could not be drawn; the log says more")
        return _judged(verdict, raw)

    def _work(self, order: Order, content: bytes) -> tuple[Verdict, bytes]:
        """Work at a free easel, in a thread: there are as many of one as of the other."""
        easel = self._free.pop()
        try:
            return read_report(easel.work(order, content))
        finally:
            self._free.append(easel)

    def _over(self, size: int, future: "asyncio.Future[tuple[Verdict, bytes]]") -> None:
        self._waiting -= 1
        self._waiting_bytes -= size
        if not future.cancelled():
            future.exception()  # nobody may be left to ask for it

    def _lost(self, error: PainterGone | PainterLate, seconds: float) -> NoPicture:
        """Write down that a process was lost; give what the request is told."""
        if isinstance(error, PainterLate):
            cause, code = "late", 0
            told = NoPicture(f"decoding it takes more than {self._seconds:g} seconds")
        else:
            cause, code = "crash", error.code
            told = DamagedPixels("a codec crashed when it decoded it")
        self._telemetry.emit(PainterLost(cause, code))
        self._telemetry.emit(FrameDecoded(cause, seconds))
        return told


def _judged(verdict: Verdict, raw: bytes) -> bytes:
    """Give what was drawn, or raise what the report says."""
    if verdict is Verdict.DONE:
        return raw
    raise DamagedPixels(_told(raw)) if verdict is Verdict.DAMAGED else NoPicture(_told(raw))


def _told(raw: bytes) -> str:
    return raw[:_TOLD_BYTES_MAX].decode("utf-8", "replace")
