"""One process that decodes frames, as the gateway sees it: started when needed, ended when late.

Blocks: used by one thread at a time.
"""

import fcntl
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Final, NamedTuple

from hilum.pipeline.drawing.orders import Order

_PROGRAM: Final = "hilum.pipeline.drawing.painter"
# A new process imports its libraries first; on a busy machine that takes seconds.
_START_SECONDS: Final = 20.0
_END_SECONDS: Final = 5.0
# The largest picture is a PNG of noise: somewhat more than its pixels.
_REPORT_BYTES_MAX: Final = 1 << 30
# A CT image at once: filling a pipe of 64 KiB over and over costs more than drawing it.
_PIPE_BYTES: Final = 1 << 20


class PainterGone(Exception):
    """The process ended before it answered. `code`: negative, the signal that ended it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class PainterLate(Exception):
    """The process did not answer in time, and was ended."""


class _Ways(NamedTuple):
    """The pipes to a process and from it."""

    orders: Connection
    reports: Connection


class Easel:
    """A place for one process."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._ways: _Ways | None = None

    def work(self, order: Order, content: bytes) -> bytes:
        """Have an order carried out; give the report.

        Raises:
            PainterGone, PainterLate: there is none; the next order gets a new process.
        """
        is_new = self._process is None
        try:
            return self._asked(order, content)
        except PainterGone as gone:
            # One that had nothing to do for long ends by itself, perhaps just now.
            if gone.code != 0 or is_new:
                raise
        return self._asked(order, content)

    def close(self) -> None:
        """End the process. Safe to call twice."""
        process, ways = self._process, self._ways
        self._process = self._ways = None
        if ways is not None:
            ways.orders.close()
            ways.reports.close()
        if process is not None:
            process.kill()
            process.wait(_END_SECONDS)

    def _asked(self, order: Order, content: bytes) -> bytes:
        seconds = self._seconds if self._ways else self._seconds + _START_SECONDS
        ways = self._ways or self._start()
        try:
            ways.orders.send(order)
            ways.orders.send_bytes(content)
            if not ways.reports.poll(seconds):
                self.close()
                raise PainterLate
            return ways.reports.recv_bytes(_REPORT_BYTES_MAX)
        except (EOFError, OSError) as error:
            raise PainterGone(self._ended()) from error

    def _start(self) -> "_Ways":
        their_orders, orders = Pipe(duplex=False)
        reports, their_reports = Pipe(duplex=False)
        _widen(orders)
        theirs = (their_orders.fileno(), their_reports.fileno())
        # A session of its own: what a terminal or a supervisor sends to all is not for it.
        self._process = subprocess.Popen(  # noqa: S603 - a program of ours
            [sys.executable, "-m", _PROGRAM, *map(str, theirs)],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        their_orders.close()
        their_reports.close()
        self._ways = _Ways(orders, reports)
        return self._ways

    def _ended(self) -> int:
        """Give the exit code of a process that went away."""
        process = self._process
        try:
            code = process.wait(_END_SECONDS) if process else 1
        except subprocess.TimeoutExpired:
            code = 1  # it closed its pipe and goes on: not for us
        self.close()
        return code


def _widen(pipe: Connection) -> None:
    """Let a pipe hold more, where its owner may have so much."""
    with suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
