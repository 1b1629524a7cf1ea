"""Commits on the event loop that overlap: while one waits for the disk, the next ones go on.

With a thread of its own each commit would take the interpreter away from the loop at every call
it makes, which cost as much as the commit itself; and the kernel needs nobody to wait for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Final, Generic, Protocol, TypeVar

from hilum.kernel.clock import Clock
from hilum.kernel.syncing import Bell, Syncing
from hilum.pipeline.wariness import Wariness

T = TypeVar("T")
# What gives the syncs that it needs; who does not wait for them finds that it waits by itself.
Steps = Generator[Syncing, None, T]

# Groups whose payloads are on their way to the device. With one the device would stand still while
# the ledger is written; more make the groups smaller.
_PLACING_MAX: Final = 8
# A turn touches memory and the page cache. One that keeps the loop this long met a slow disk, and
# for a while what comes is left to a thread.
_SLOW_SECONDS: Final = 0.05


class Preparation(Protocol):
    """A group whose payloads are being synced."""

    @property
    def is_safe(self) -> bool:
        """Tell whether that is over."""
        ...


P = TypeVar("P", bound=Preparation)


class Overlapping(Generic[P]):
    """Prepares groups, records them in their order, one transaction at a time. On the loop.

    `prepare` gives the next group, None when there is none now; `record` takes several, `done` is
    told when they are recorded. None of them may raise. `bell` rings when a sync has ended.
    """

    def __init__(
        self,
        clock: Clock,
        bell: Bell,
        *,
        prepare: Callable[[], P | None],
        record: Callable[[Sequence[P]], Steps[None]],
        done: Callable[[Sequence[P]], None],
    ) -> None:
        self._clock = clock
        self._bell = bell
        self._prepare = prepare
        self._record = record
        self._done = done
        self._placing: deque[P] = deque()
        self._recording: list[P] = []
        self._steps: Steps[None] | None = None
        self._awaited: Syncing | None = None
        self._wariness = Wariness(clock, slow_seconds=_SLOW_SECONDS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to the bell."""
        self._loop = loop
        loop.add_reader(self._bell.descriptor, self._rung)

    def stop(self) -> None:
        """Listen no more."""
        if self._loop is not None:
            self._loop.remove_reader(self._bell.descriptor)

    @property
    def is_busy(self) -> bool:
        """Tell whether something is under way."""
        return self._steps is not None or bool(self._placing)

    @property
    def is_slow(self) -> bool:
        """Tell whether a thread should rather do it."""
        return self._wariness.is_wary

    def go_on(self) -> None:
        """Look for something to do when this turn of the loop is over: what comes in it joins."""
        if not self._is_called and self._loop is not None:
            self._is_called = True
            self._loop.call_soon(self._turn)

    def _rung(self) -> None:
        self._bell.hush()
        if not self._is_called:
            self._turn()

    def _turn(self) -> None:
        self._is_called = False
        begun = self._clock.monotonic()
        self._step()
        # First, so that the device has something to do while the ledger is written.
        if len(self._placing) < _PLACING_MAX and (prepared := self._prepare()) is not None:
            self._placing.append(prepared)
        self._begin_to_record()
        self._wariness.judge(begun)

    def _begin_to_record(self) -> None:
        """Record what is safe, if nothing is being recorded."""
        if self._steps is not None:
            return
        placing, recording = self._placing, self._recording
        while placing and placing[0].is_safe:
            recording.append(placing.popleft())
        if recording:
            self._steps = self._record(recording)
            self._step()

    def _step(self) -> None:
        """Go on with what is being recorded, until it must be waited for."""
        if self._steps is None or (self._awaited is not None and not self._awaited.is_over):
            return
        try:
            while (syncing := next(self._steps)).is_over:
                pass
        except StopIteration:
            recorded, self._recording = self._recording, []
            self._steps = self._awaited = None
            self._done(recorded)
        else:
            self._awaited = syncing
