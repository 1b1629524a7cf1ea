"""A sink never waits and never raises, whatever its descriptor is."""

import os
import socket

import pytest

from hilum.service import sink as sink_module
from hilum.service.sink import LINE_BYTES_MAX, Sink

LINE = b"x" * 199 + b"\n"


@pytest.fixture
def pipe():
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(write)
    os.close(read)


def drained(read):
    data = bytearray()
    try:
        while piece := os.read(read, 1 << 20):
            data += piece
    except BlockingIOError:
        pass
    return bytes(data)


def filled(sink):
    while sink.try_to_write(LINE):
        pass


@pytest.mark.parametrize("can_reopen", [True, False])
def test_a_reader_that_hangs_costs_lines_and_not_time(pipe, monkeypatch, can_reopen):
    if not can_reopen:
        monkeypatch.setattr(sink_module.os, "open", refuse)
    sink = Sink(pipe[1])
    filled(sink)

    sink.write(LINE)
    sink.write(LINE)

    assert sink.dropped == 2
    assert os.get_blocking(pipe[1]), "the open file is not ours alone"
    sink.close()


def refuse(*_arguments):
    raise PermissionError


def test_lines_on_a_pipe_are_whole_or_not_there(pipe):
    sink = Sink(pipe[1])
    long = b"y" * (LINE_BYTES_MAX - 1) + b"\n"
    sink.write(LINE)
    while sink.try_to_write(long) or sink.try_to_write(LINE):
        pass

    lines = drained(pipe[0]).splitlines(keepends=True)

    assert set(lines) == {long, LINE}
    sink.close()


def test_writing_goes_on_when_the_reader_does(pipe):
    sink = Sink(pipe[1])
    filled(sink)
    drained(pipe[0])

    sink.write(b"again\n")

    assert drained(pipe[0]) == b"again\n"
    assert sink.dropped == 0
    sink.close()


def test_a_reader_that_is_gone_is_no_error():
    read, write = os.pipe()
    sink = Sink(write)
    os.close(read)

    sink.write(LINE)

    assert sink.dropped == 1
    sink.close()
    os.close(write)


def test_a_full_disk_is_no_error():
    full = os.open("/dev/full", os.O_WRONLY)
    sink = Sink(full)

    sink.write(LINE)

    assert sink.dropped == 1
    sink.close()
    os.close(full)


def test_a_line_that_was_taken_in_part_is_finished_before_the_next(tmp_path):
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    sink = Sink(log)
    room = [3, 0, 2, 100, 100]

    def grudging(data):
        taken = room.pop(0)
        if taken == 0:
            raise BlockingIOError
        return os.write(log, data[:taken])

    sink._send = grudging
    sink.write(b"first\n")
    sink.write(b"second\n")  # nothing is taken
    sink.write(b"third\n")  # two more bytes of the first
    sink.write(b"fourth\n")

    assert (tmp_path / "log").read_bytes() == b"first\nfourth\n"
    assert sink.dropped == 2
    sink.close()
    os.close(log)


def test_a_socket_is_written_to_without_waiting():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        sink = Sink(ours.fileno())
        filled(sink)

        sink.write(LINE)

        assert sink.dropped == 1
        assert theirs.recv(len(LINE)) == LINE
        sink.close()


def test_a_closed_sink_drops(pipe):
    sink = Sink(pipe[1])
    sink.close()

    sink.write(LINE)

    assert sink.dropped == 1
    assert os.fstat(pipe[1])  # what we were given is still open


def test_workers_append_to_one_file(tmp_path):
    path = tmp_path / "log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT)
    first, second = Sink(log), Sink(log)

    first.write(b"one\n")
    second.write(b"two\n")
    first.write(b"three\n")

    assert path.read_bytes() == b"one\ntwo\nthree\n"
    first.close()
    second.close()
    os.close(log)
