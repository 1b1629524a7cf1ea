"""Shows how far a run is: a live line on a terminal, a plain line now and then elsewhere."""

import asyncio
from typing import Final, Protocol, TextIO

from hilum.cli.sending.tally import Tally
from hilum.cli.sending.words import duration_of, size_of
from hilum.kernel.clock import Clock

_LIVE_SECONDS: Final = 0.2
_PLAIN_SECONDS: Final = 5.0
# The speed shown is that of the last seconds: what the link does now, not what it did at first.
_SPEED_WINDOW_SECONDS: Final = 10.0


class Speed:
    """The speed over the last seconds, from samples of a counter."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []

    def sample(self, now: float, count: int) -> float:
        """Take a sample; give the speed per second over the window."""
        self._samples.append((now, count))
        while len(self._samples) > 2 and self._samples[1][0] < now - _SPEED_WINDOW_SECONDS:
            del self._samples[0]
        then, before = self._samples[0]
        return (count - before) / (now - then) if now > then else 0.0


class Display(Protocol):
    """Where progress is shown."""

    interval_seconds: float

    def show(self, line: str, *, done: int, total: int) -> None:
        """Show a line; `done` of `total` bytes are on the way. A total of 0 is not known yet."""
        ...

    def note(self, text: str) -> None:
        """Print a line that stays."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class Plain:
    """Lines that stay: for logs and pipes."""

    interval_seconds = _PLAIN_SECONDS

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, line: str, *, done: int, total: int) -> None:
        """Print a line."""
        self.note(f"{100 * done // total:3d} %  {line}" if total else line)

    def note(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class Live:
    """One line with a bar that is drawn again and again, and gone at the end."""

    interval_seconds = _LIVE_SECONDS

    def __init__(self, stream: TextIO) -> None:
        # Imported here: only a terminal needs it, and it takes its time.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
        )

        self._progress = Progress(
            TaskProgressColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            console=Console(file=stream),
            transient=True,
            auto_refresh=False,
            expand=True,
        )
        self._bar = self._progress.add_task("", total=None)
        self._progress.start()

    def show(self, line: str, *, done: int, total: int) -> None:
        """Draw the line."""
        self._progress.update(
            self._bar, description=line, completed=done, total=total or None, refresh=True
        )

    def note(self, text: str) -> None:
        """Print a line above the live one."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the line away."""
        self._progress.stop()


class Quiet(Plain):
    """No progress, only notes: `--quiet`."""

    def show(self, line: str, *, done: int, total: int) -> None:
        """Show nothing."""


def display(stream: TextIO, *, quiet: bool) -> Display:
    """Choose how to show progress on `stream`."""
    if quiet:
        return Quiet(stream)
    return Live(stream) if stream.isatty() else Plain(stream)


async def watch(tally: Tally, shown: Display, clock: Clock) -> None:
    """Show progress until cancelled."""
    speed, rate = Speed(), Speed()
    speed.sample(clock.monotonic(), 0)
    rate.sample(clock.monotonic(), 0)
    while True:
        await asyncio.sleep(shown.interval_seconds)
        now = clock.monotonic()
        line = progress_line(
            tally,
            bytes_per_second=speed.sample(now, tally.bytes_moved),
            instances_per_second=rate.sample(now, tally.finished),
        )
        shown.show(line, done=_done(tally), total=tally.bytes_in_all)


def _done(tally: Tally) -> int:
    return min(tally.bytes_settled + tally.bytes_open, tally.bytes_in_all)


def progress_line(tally: Tally, *, bytes_per_second: float, instances_per_second: float) -> str:
    """Say how many, how fast, how long still."""
    left = tally.bytes_in_all - _done(tally)
    parts = [
        f"{tally.finished:,}/{tally.instances:,}",
        f"{instances_per_second:,.0f}/s",
        f"{size_of(bytes_per_second)}/s",
    ]
    if bytes_per_second and left:
        parts.append(f"{duration_of(left / bytes_per_second)} left")
    if failed := len(tally.failures) + tally.unreadable:
        parts.append(f"{failed:,} failed")
    return "  ".join(parts)
