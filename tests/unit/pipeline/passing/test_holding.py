"""What is held in memory on its way through: bounded, and never used again while it is sent."""

import pytest

from hilum.destinations.dicomweb.shipment import Shipment
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.buffers import LARGE_BYTES, BufferPool
from hilum.pipeline.passing.holding import HELD_INSTANCE_BYTES_MAX, Budget, Held
from hilum.pipeline.ports import Parcel
from hilum.pipeline.reception import Run
from hilum.testing.payloads import MemoryPayloads


def run_of(buffer, *sizes):
    run = Run()
    at = 0
    for size in sizes:
        run.pieces.append(buffer.view[at : at + size])
        run.size += size
        at += size
    buffer.hold()
    run.buffers.append(buffer)
    return run


@pytest.fixture
def pool():
    return BufferPool(LARGE_BYTES * 4)


def filled(pool, content):
    buffer = pool.lend()
    buffer.view[: len(content)] = content
    return buffer


def test_it_reads_as_a_payload_does(pool):
    held = Held(Budget())
    held.take(run_of(filled(pool, b"abcdef"), 2, 1, 3))
    reader, room = held.open(), memoryview(bytearray(4))

    assert (reader.read_into(room), bytes(room)) == (4, b"abcd")
    assert (reader.read_at(room, 1), bytes(room)) == (4, b"bcde")
    assert (reader.read_into(room), bytes(room[:2])) == (2, b"ef")
    assert reader.read_into(room) == 0
    assert reader.lies_at(0, 6) is None
    with pytest.raises(CorruptPayload):
        reader.lies_at(1, 6)


def test_the_budget_counts_whole_buffers_and_gets_all_back(pool):
    budget = Budget(LARGE_BYTES + 10)
    first, second = Held(budget), Held(budget)
    buffer = pool.lend()
    first.take(run_of(buffer, 10))

    assert first.fits(run_of(buffer, 10))  # no more than it has already
    assert not second.fits(run_of(pool.lend(), 10))
    first.release()
    assert budget.left == LARGE_BYTES + 10
    assert second.fits(run_of(pool.lend(), 10))


def test_what_is_long_is_not_held(pool):
    held, run = Held(Budget()), run_of(pool.lend(), 10)
    run.size = HELD_INSTANCE_BYTES_MAX + 1

    assert not held.fits(run)


def test_what_is_over_holds_and_gives_nothing(pool):
    held = Held(Budget())
    held.release()

    assert not held.fits(run_of(pool.lend(), 10))
    with pytest.raises(CorruptPayload):
        held.open()


@pytest.mark.parametrize("is_read", [False, True])
def test_memory_that_is_still_read_is_nobodys_next_buffer(pool, is_read):
    held, buffer = Held(Budget()), filled(pool, b"abc")
    held.take(run_of(buffer, 3))
    buffer.release()  # the door is done with it

    held.release(is_read=is_read)

    assert (pool.lend() is buffer) is not is_read


def test_a_request_that_was_begun_is_whole_although_one_of_it_is_withdrawn(pool):
    held = Held(Budget())
    held.take(run_of(filled(pool, b"abc"), 3))
    parcel = Parcel(0, "1.2", "1.3", "1.4", "1.5", "1.2.840.10008.1.2.1", 3, "gone", held=held)
    shipment = Shipment((parcel,), MemoryPayloads(), MultipartWriter("boundary", DICOM))
    shipment.open()

    held.release(is_read=True)

    body = b"".join(shipment.take_all())
    assert len(body) == shipment.size
    assert b"abc\r\n--boundary--" in body
