"""One process that decodes frames, as the gateway sees it: started when needed, ended when late.

Blocks: used by one thread at a time.
"""

import subprocess
import sys
from multiprocessing.connection import Connection, Pipe
from typing import Final

from hilum.pipeline.drawing.orders import Order

_PROGRAM: Final = "hilum.pipeline.drawing.painter"
# A new process imports its libraries first; on a busy machine that takes seconds.
_START_SECONDS: Final = 20.0
_END_SECONDS: Final = 5.0
# The largest picture is a PNG of noise: somewhat more than its pixels.
_REPORT_BYTES_MAX: Final = 1 << 30


class PainterGone(Exception):
    """The process ended before it answered. `code`: negative, the signal that ended it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class PainterLate(Exception):
    """The process did not answer in time, and was ended."""


class Easel:
    """A place for one process."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

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
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.wait(_END_SECONDS)

    def _asked(self, order: Order, content: bytes) -> bytes:
        seconds = self._seconds if self._connection else self._seconds + _START_SECONDS
        connection = self._connection or self._start()
        try:
            connection.send(order)
            connection.send_bytes(content)
            if not connection.poll(seconds):
                self.close()
                raise PainterLate
            return connection.recv_bytes(_REPORT_BYTES_MAX)
        except (EOFError, OSError) as error:
            raise PainterGone(self._ended()) from error

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        descriptor = theirs.fileno()
        # A session of its own: what a terminal or a supervisor sends to all is not for it.
        self._process = subprocess.Popen(  # noqa: S603 - a program of ours
            [sys.executable, "-m", _PROGRAM, str(descriptor)],
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._connection = ours
        return ours

    def _ended(self) -> int:
        """Give the exit code of a process that went away."""
        process = self._process
        try:
            code = process.wait(_END_SECONDS) if process else 1
        except subprocess.TimeoutExpired:
            code = 1  # it closed its pipe and goes on: not for us
        self.close()
        return code
