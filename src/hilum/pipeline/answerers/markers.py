"""Marks in the file system of the C-MOVEs to ourselves that are under way, for all processes.

A store may reach any process that listens. Its Move Originator names a mark, and the mark says for
whom it comes; whoever took it writes that into the mark, where the one that waits finds it. Blocks,
for microseconds.
"""

import fcntl
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import Full

# Tools that move something to us on purpose, under our own title, begin to count at 1.
_FIRST: Final = 1024
_LAST: Final = 65535
# So long after its end a C-MOVE is remembered, and its number not given again: a store that comes
# later than that is an arrival like any other.
LATE_SECONDS: Final = 600.0
# A mark that its process did not renew for so long has lost it; renewed every few seconds.
LOST_SECONDS: Final = 60.0
# Numbers that are tried; a gateway has a few dozen C-MOVEs under way, and many more that are over.
_TRIES: Final = 512
_LINE_BYTES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Mark:
    """Who waits for the stores of a C-MOVE. `is_over`: nobody any more."""

    answerer: str
    ae_title: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Report:
    """An instance that another process took: it is in the cache at `path`."""

    path: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sender: str


class Markers:
    """The marks below one folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def open(self) -> None:
        """Make the folder. Raises OSError."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def set(self, *, answerer: str, ae_title: str) -> int:
        """Set a mark under a number that nobody else has. Raises Full, OSError."""
        text = json.dumps([answerer, ae_title]).encode() + b"\n"
        count = _LAST - _FIRST + 1
        start = random.randrange(count)  # noqa: S311 - so that processes seldom want the same one
        with self._alone():
            for turn in range(_TRIES):
                number = _FIRST + (start + turn) % count
                if self._is_free(number):
                    self._path(number).write_bytes(text)
                    self._date(number)
                    return number
        raise Full("too many C-MOVEs to ourselves are under way, or were a moment ago")

    def renew(self, number: int) -> None:
        """Say that somebody still waits."""
        with suppress(OSError):
            self._date(number)

    def end(self, number: int) -> None:
        """Nobody waits any more; the mark stays for what comes late."""
        with suppress(OSError):
            self._over(number).touch(0o640)
            self._date(number)

    def find(self, number: int) -> Mark | None:
        """Tell who waits under a number; None: nobody has, for a long time."""
        try:
            with self._path(number).open("rb") as stream:
                age = self._age(os.fstat(stream.fileno()).st_mtime)
                answerer, ae_title = json.loads(stream.readline(_LINE_BYTES_MAX))
        except (OSError, ValueError, TypeError):
            return None
        if age > LATE_SECONDS:
            return None
        is_over = age > LOST_SECONDS or self._over(number).exists()
        return Mark(str(answerer), str(ae_title), is_over)

    def report(self, number: int, report: Report) -> None:
        """Tell who waits that an instance came. Raises OSError."""
        fields = [
            report.path,
            report.sop_class_uid,
            report.sop_instance_uid,
            report.transfer_syntax_uid,
            report.sender,
        ]
        descriptor = os.open(self._path(number), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            # One write a line, which begins with a line's end: lines of several processes do not
            # mix, and one that was torn costs itself.
            os.write(descriptor, b"\n%s\n" % json.dumps(fields).encode())
        finally:
            os.close(descriptor)
        self.renew(number)

    def read(self, number: int, offset: int) -> tuple[list[Report], int]:
        """Give what was reported behind an offset (0: the beginning), and where that ends."""
        try:
            with self._path(number).open("rb") as stream:
                if offset == 0:
                    offset = len(stream.readline(_LINE_BYTES_MAX))
                stream.seek(offset)
                text = stream.read()
        except OSError:
            return [], offset
        whole = text.rfind(b"\n") + 1
        reports = [one for line in text[:whole].splitlines() if (one := _report(line))]
        return reports, offset + whole

    def tidy(self) -> None:
        """Forget what was over long ago."""
        with suppress(OSError), self._alone():
            for path in self._folder.glob("*"):
                if path.suffix in {"", ".over"} and path.name != "lock":
                    with suppress(OSError):
                        if self._age(path.stat().st_mtime) > LATE_SECONDS:
                            path.unlink()

    def _is_free(self, number: int) -> bool:
        try:
            age = self._age(self._path(number).stat().st_mtime)
        except FileNotFoundError:
            age = LATE_SECONDS + 1
        if age <= LATE_SECONDS:
            return False
        self._over(number).unlink(missing_ok=True)
        return True

    def _age(self, time: float) -> float:
        """Give how long ago; a clock that was put back makes nothing young."""
        return abs(self._clock.now().timestamp() - time)

    def _date(self, number: int) -> None:
        now = self._clock.now().timestamp()
        os.utime(self._path(number), (now, now))

    def _path(self, number: int) -> Path:
        return self._folder / str(number)

    def _over(self, number: int) -> Path:
        return self._folder / f"{number}.over"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _report(line: bytes) -> Report | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    match fields:
        case [str(), str(), str(), str(), str()]:
            return Report(*fields)
        case _:
            return None
