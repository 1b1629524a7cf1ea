"""Where log lines go: a descriptor that is written to without ever waiting for its reader.

A log reader that hangs, a terminal that is paused or a full disk must not hang a modality: a line
that cannot be written at once is dropped and counted. It never raises.
"""

import os
import select
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from functools import partial
from typing import Final

STDOUT: Final = (
    1  # where a service is expected to log; whoever starts us decides what becomes of it
)

# A write of at most PIPE_BUF bytes is whole or not at all (POSIX write): lines of several workers
# on one pipe cannot mix, and a pipe that is ready takes one without waiting. 4,096 on Linux.
LINE_BYTES_MAX: Final = select.PIPE_BUF

# What Linux lets everyone ask for (/proc/sys/fs/pipe-max-size): some 4,000 lines of patience.
PIPE_BYTES: Final = 1 << 20

Send = Callable[[bytes], int]


class Sink:
    """Takes lines of at most LINE_BYTES_MAX bytes and loses them rather than time."""

    def __init__(self, descriptor: int = STDOUT) -> None:
        self.dropped = 0  # lines, since the start
        self.is_terminal = os.isatty(descriptor)
        # Re-entrant: the garbage collector may run a finaliser that logs while we are in here.
        self._lock = threading.RLock()
        self._rest = b""  # of a line that was taken in part; nothing else may be written before it
        self._send, self._close = _never_waiting(descriptor)

    def write(self, line: bytes) -> None:
        """Write `line` now, or drop it and count."""
        if not self.try_to_write(line):
            self.dropped += 1

    def try_to_write(self, line: bytes) -> bool:
        """Write `line` now; tell whether it was taken."""
        with self._lock:
            try:
                if self._rest:
                    self._finish_the_last_line()
                self._rest = line[self._send(line) :]
            except OSError:
                return False  # a slow reader, no reader at all, a full disk, or we are closed
            return True

    def _finish_the_last_line(self) -> None:
        self._rest = self._rest[self._send(self._rest) :]
        if self._rest:
            raise BlockingIOError

    def close(self) -> None:
        """Let go of our copy of the descriptor; the one we were given stays open."""
        with self._lock:
            self._send = _closed
            self._close()


def _never_waiting(descriptor: int) -> tuple[Send, Callable[[], None]]:
    """Make a writer of our own, and its close, for the open file `descriptor` of any kind.

    O_NONBLOCK belongs to the open file, which we share with our parent and maybe with its shell; so
    it is never set there: the file is opened once more, or the flag is given with each call.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):  # systemd's journal
        connection = socket.socket(fileno=os.dup(descriptor))
        return partial(_send_to_socket, connection), connection.close
    if stat.S_ISREG(mode):
        own = os.dup(descriptor)  # and its position with it: the workers append to one file
        return partial(os.write, own), partial(os.close, own)
    if stat.S_ISFIFO(mode):
        with suppress(OSError):
            fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        # A pipe or terminal that another user made (`sudo -u hilum … | tee`), or no /proc.
        own = os.dup(descriptor)
        return partial(_write_if_ready, own), partial(os.close, own)
    return partial(os.write, own), partial(os.close, own)


def _send_to_socket(connection: socket.socket, line: bytes) -> int:
    return connection.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def _write_if_ready(descriptor: int, line: bytes) -> int:
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    if not room.poll(0):
        raise BlockingIOError
    return os.write(descriptor, line)


def _closed(_line: bytes) -> int:
    raise BrokenPipeError
