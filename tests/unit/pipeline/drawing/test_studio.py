"""Frames are decoded in processes that may die: real ones here, for nothing else can."""

import asyncio
import os
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pixel_data_sets import JPEG_LS, image_builder, pixels

from hilum.imaging.picture import PNG, Wish, picture_of
from hilum.imaging.refusal import DamagedPixels, NoPicture
from hilum.pipeline.drawing.easel import Easel, PainterGone, PainterLate
from hilum.pipeline.drawing.events import DrawingFailed, FrameDecoded, PainterLost
from hilum.pipeline.drawing.orders import PlainOrder, Verdict, read_report
from hilum.pipeline.drawing.studio import Studio, StudioBusy, can_draw

pytestmark = pytest.mark.slow
PLAIN = PlainOrder(pixels())
FRAME = bytes([1, 2, 3, 4])


class Recorder:
    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


class Act:
    """An order whose arrival does something to the process."""

    def __init__(self, act, *arguments):
        self._act = act, arguments

    def __reduce__(self):
        return self._act


@pytest.fixture(scope="module")
def recorder():
    return Recorder()


@pytest.fixture(scope="module")
def studio(recorder):
    made = Studio(recorder, processes=1, seconds=1.5)
    yield made
    asyncio.run(made.aclose())


@pytest.fixture
def easel():
    made = Easel(seconds=1.0)
    yield made
    made.close()


def test_a_picture_is_drawn_by_another_process(studio, recorder):
    built = image_builder().data_set
    picture = picture_of(built, pixels(), 0, Wish(PNG))

    drawn = asyncio.run(studio.draw(picture, FRAME))

    assert np.asarray(Image.open(BytesIO(drawn))).tolist() == [[1, 2], [3, 4]]
    assert recorder.events[-1].outcome == "done"


def test_a_frame_comes_back_plain(studio):
    plain = asyncio.run(studio.plain(pixels(allocated=16, rows=1), b"\1\0\2\0"))

    assert (plain.content, plain.photometric) == (b"\1\0\2\0", "MONOCHROME2")


def test_what_cannot_be_decoded_is_told_and_the_process_goes_on(studio, recorder):
    async def several():
        with pytest.raises(DamagedPixels, match="4 are expected"):
            await studio.plain(pixels(), b"\1")
        with pytest.raises(DamagedPixels, match="JPEG"):
            await studio.plain(pixels(syntax=JPEG_LS), b"nonsense")
        with pytest.raises(NoPicture, match="log says more"):
            await studio._done(PlainOrder(pixels(), None), FRAME)
        return await studio.plain(pixels(), FRAME)

    asyncio.run(studio.plain(pixels(), FRAME))  # now there is a process
    before = studio._all[0]._process.pid
    assert asyncio.run(several()).content == FRAME
    assert any(isinstance(one, DrawingFailed) for one in recorder.events)
    assert studio._all[0]._process.pid == before


def test_a_crash_costs_one_request(studio, recorder):
    async def several():
        first = asyncio.create_task(studio._done(Act(os.abort), FRAME))
        second = asyncio.create_task(studio.plain(pixels(), FRAME))
        return await asyncio.gather(first, second, return_exceptions=True)

    lost, plain = asyncio.run(several())

    assert isinstance(lost, DamagedPixels)
    assert plain.content == FRAME
    assert PainterLost("crash", -6) in recorder.events
    assert "crash" in {one.outcome for one in recorder.events if isinstance(one, FrameDecoded)}


def test_what_takes_too_long_is_ended(studio, recorder):
    async def several():
        await studio.plain(pixels(), FRAME)  # the process is there now
        with pytest.raises(NoPicture, match=r"more than 1\.5 seconds"):
            await studio._done(Act(time.sleep, 60), FRAME)
        return await studio.plain(pixels(), FRAME)

    assert asyncio.run(several()).content == FRAME
    assert PainterLost("late", 0) in recorder.events


def test_a_process_has_little_memory(studio):
    """What a codec asks for beyond is refused it; here, reading the order already is."""
    with pytest.raises(DamagedPixels):
        asyncio.run(studio._done(Act(bytearray, 4 << 30), FRAME))


def test_too_many_orders_are_told_to_come_again():
    crowded = Studio(Recorder(), processes=1)
    crowded._waiting = crowded._waiting_max

    with pytest.raises(StudioBusy):
        asyncio.run(crowded.plain(pixels(), FRAME))

    crowded._waiting = 0
    crowded._waiting_bytes = 768 << 20
    with pytest.raises(StudioBusy):
        asyncio.run(crowded.plain(pixels(), FRAME))


def test_a_client_that_goes_away_leaves_the_process_free(studio):
    async def leave():
        task = asyncio.create_task(studio.plain(pixels(), FRAME))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await studio.plain(pixels(), FRAME)
        return studio._waiting, studio._waiting_bytes

    assert asyncio.run(leave()) == (0, 0)


def test_a_process_that_ended_for_want_of_work_is_started_again(easel):
    easel.work(PLAIN, FRAME)
    before = easel._process
    easel._ways.orders.send(Act(os._exit, 0))
    before.wait(10)

    assert read_report(easel.work(PLAIN, FRAME))[0] is Verdict.DONE
    assert easel._process.pid != before.pid


def test_a_process_ends_with_its_gateway(easel):
    easel.work(PLAIN, FRAME)

    easel._ways.orders.close()

    assert easel._process.wait(10) == 0


def test_an_easel_without_a_process_says_why(easel):
    with pytest.raises(PainterGone):
        easel.work(Act(os._exit, 3), FRAME)
    easel.work(PLAIN, FRAME)
    with pytest.raises(PainterLate):
        easel.work(Act(time.sleep, 60), FRAME)


def test_a_process_writes_no_file(easel, tmp_path):
    with pytest.raises(PainterGone):
        easel.work(Act(Path.write_text, tmp_path / "file", "x" * 100_000), FRAME)

    assert not (tmp_path / "file").stat().st_size


def test_the_extra_is_here():
    assert can_draw()
