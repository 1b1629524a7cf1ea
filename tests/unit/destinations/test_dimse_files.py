"""Payloads in files go to the socket as they lie: every byte, in order, whatever the peer does."""

import asyncio
import hashlib
import os
import threading
from pathlib import Path

import pytest
import uvloop
from destination_rigs import HASTY_SECONDS, DimseRig

from hilum.kernel.errors import CorruptPayload
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.testing.peer import HangUp
from hilum.vault.disk import SystemDisk
from hilum.vault.payload import OpenPayload

DESCRIPTORS = Path("/proc/self/fd")
BEFORE = 100  # of each file, where a data set begins behind its file meta


class FilePayloads:
    """Payloads in files, each behind some other bytes. Counts those that are open."""

    def __init__(self, folder):
        self._folder = folder
        self._sizes = {}
        self.open_now = 0
        self.asked = 0  # where something lies

    def put(self, path, content):
        self._sizes[path] = len(content)
        self._file(path).write_bytes(bytes(BEFORE) + content)

    def cut(self, path, *, to):
        os.truncate(self._file(path), BEFORE + to)

    def open_payload(self, path):
        descriptor, _ = SystemDisk().open(self._file(path))
        self.open_now += 1
        return Counted(self, descriptor, BEFORE + self._sizes[path])

    def _file(self, path):
        return self._folder / path.replace("/", "-")


class Counted(OpenPayload):
    def __init__(self, payloads, descriptor, end):
        super().__init__(SystemDisk(), descriptor, start=BEFORE, end=end)
        self._payloads = payloads

    def lies_at(self, offset, size):
        self._payloads.asked += 1
        return super().lies_at(offset, size)

    def close(self):
        if self._payloads is not None:
            self._payloads.open_now -= 1
            self._payloads = None
        super().close()


LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def rig(request, tmp_path):
    rig = DimseRig()
    rig.payloads = FilePayloads(tmp_path)
    rig.loop_factory = request.param
    return rig


def payload(rig, number, content):
    parcel = rig.parcel(number)
    rig.payloads.put(parcel.path, content)
    parcel.size = len(content)
    return parcel


def noise(size, seed=1):
    """Give bytes of which no piece is like another."""
    count = size // 64 + 1
    return b"".join(hashlib.sha512(b"%d.%d" % (seed, n)).digest() for n in range(count))[:size]


def delivered(rig, parcels):
    async def main():
        session = rig.destination().session()
        given = {id(parcel): outcome async for parcel, outcome in session.deliver(parcels)}
        await session.aclose()
        return [given[id(parcel)] for parcel in parcels]

    with rig.peer.in_a_thread(), asyncio.Runner(loop_factory=rig.loop_factory) as runner:
        return runner.run(main())


def digests(contents):
    return [hashlib.sha256(content).hexdigest() for content in contents]


@pytest.mark.parametrize("largest", [50_000, 1 << 20])
def test_each_byte_arrives_in_fragments_of_any_size(rig, largest):
    rig.fragment_bytes_max = largest
    contents = [noise(200_000), noise(65_536, 2), noise(2_000, 3), noise(150_001, 4)]
    parcels = [payload(rig, number, content) for number, content in enumerate(contents)]

    assert delivered(rig, parcels) == [Delivered()] * 4
    even = [contents[0], contents[1], contents[2], contents[3] + b"\0"]
    assert [one.sha256 for one in rig.peer.stored] == digests(even)
    assert sum(one.odd_fragments for one in rig.peer.stored) == 0
    assert rig.payloads.asked
    assert rig.payloads.open_now == 0


def test_a_long_file_goes_beside_the_loop_and_a_short_one_on_it(rig, monkeypatch):
    threads, sendfile = [], os.sendfile

    def seen(*arguments):
        threads.append(threading.current_thread())
        return sendfile(*arguments)

    monkeypatch.setattr(os, "sendfile", seen)
    contents = [noise(100_000), noise(300_000, 2)]
    parcels = [payload(rig, number, content) for number, content in enumerate(contents)]

    assert delivered(rig, parcels) == [Delivered()] * 2
    assert threads[0] is threading.main_thread()
    assert threads[-1] is not threading.main_thread()


@pytest.mark.slow
def test_a_slow_peer_gets_every_byte_and_does_not_run_out_of_time(rig):
    rig.peer.seconds_per_read = 0.002
    rig.answer_seconds = 4 * HASTY_SECONDS
    contents = [noise(14_000_000), noise(70_000, 2)]
    parcels = [payload(rig, number, content) for number, content in enumerate(contents)]

    assert delivered(rig, parcels) == [Delivered()] * 2
    assert [one.sha256 for one in rig.peer.stored] == digests(contents)


def test_a_file_that_became_shorter_is_refused_and_the_next_one_arrives(rig):
    contents = [noise(200_000), noise(100_000, 2)]
    parcels = [payload(rig, number, content) for number, content in enumerate(contents)]
    rig.payloads.cut(parcels[0].path, to=90_000)

    first, second = delivered(rig, parcels)

    assert isinstance(first, Refused)
    assert "ends before" in first.reason
    assert second == Delivered()
    assert [one.sha256 for one in rig.peer.stored] == digests(contents[1:])
    assert rig.payloads.open_now == 0


@pytest.mark.parametrize("missing", [1, 6, 10])
def test_what_ends_the_association_never_completes_a_file_that_is_too_short(rig, missing):
    """An A-ABORT has ten bytes: in the middle of a fragment the peer takes them for its end."""
    content = noise(100_000)
    parcel = payload(rig, 0, content)
    rig.payloads.cut(parcel.path, to=len(content) - missing)

    (outcome,) = delivered(rig, [parcel])

    assert isinstance(outcome, Refused)
    assert rig.peer.stored == []


@pytest.mark.parametrize("after", [0, 500_000])
def test_a_peer_that_aborts_in_the_middle_costs_one_try(rig, after):
    rig.peer.aborts_after = after
    parcels = [payload(rig, number, noise(6_000_000, number)) for number in range(2)]

    first, second = delivered(rig, parcels)

    assert isinstance(first, Deferred)
    assert first.failing is not Failing.UNTRIED
    assert isinstance(second, Deferred)
    assert rig.payloads.open_now == 0


@pytest.mark.slow
def test_a_peer_that_reads_no_more_costs_the_deadline(rig):
    rig.peer.reads_bytes_max = 100_000
    rig.answer_seconds = HASTY_SECONDS
    first = payload(rig, 0, noise(14_000_000))

    (outcome,) = delivered(rig, [first])

    assert isinstance(outcome, Deferred)
    assert "took no byte" in outcome.reason
    assert rig.payloads.open_now == 0


def test_a_peer_that_hangs_up_is_a_loss_as_any_other(rig):
    def hang_up(_):
        raise HangUp

    rig.peer.on_store = hang_up

    (outcome,) = delivered(rig, [payload(rig, 0, noise(100_000))])

    assert isinstance(outcome, Deferred)
    assert outcome.failing is Failing.UNREACHABLE


def test_what_cannot_be_read_any_more_is_no_matter_of_the_peer(rig):
    first, second = (payload(rig, number, noise(80_000, number)) for number in range(2))
    opened = rig.payloads.open_payload

    def damaged(path):
        if path == first.path:
            raise CorruptPayload("no seal")
        return opened(path)

    rig.payloads.open_payload = damaged

    outcomes = delivered(rig, [first, second])

    assert isinstance(outcomes[0], Refused)
    assert outcomes[1] == Delivered()


def test_an_association_that_is_over_leaves_no_descriptor_open(rig):
    before = len(list(DESCRIPTORS.iterdir()))

    for number in range(3):
        delivered(rig, [payload(rig, number, noise(100_000, number))])

    assert len(list(DESCRIPTORS.iterdir())) <= before
