"""One instance on its way in: pieces from a socket become runs on disk, and a promise at the end.

The event loop calls every method here; only `write_run` runs in a scribe's thread, and never twice
at once for one reception.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.dicom.reader import DataSetReader
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.pipeline.answers import Answer, NoRoom, TooLong
from hilum.pipeline.buffers import Buffer
from hilum.vault.draft import Draft

# A run is handed to the disk when it is this long: while it is still in the processor's cache, and
# long enough that a system call for it does not matter. Shorter payloads wait for the commit.
RUN_BYTES: Final = 192 * 1024
# Of a payload that is longer than this, a run is all that one read of the socket brings: there are
# hundreds, and what is done for each counts.
_LONG_BYTES: Final = 2 * 1024 * 1024
_LONG_RUN_BYTES: Final = 400 * 1024
# How much may wait in memory while the disk is slower than the socket.
BACKLOG_BYTES: Final = 512 * 1024


@dataclass(slots=True)
class Announcement:
    """What the sender said before the bytes. The UIDs are valid UIDs (`is_uid`).

    `study_instance_uid`: the study that it must belong to; "" any.
    """

    source: str
    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    origin: Origin
    study_instance_uid: str = ""


class Clerk(Protocol):
    """Who a reception hands its runs and itself to: the intake."""

    def write_run(self, reception: "Reception", run: "Run") -> None:
        """Have `reception.write(run)` called in a thread, then `reception.written(run, …)`."""
        ...

    def commit(self, reception: "Reception") -> None:
        """Have the finished reception committed with its group."""
        ...


class Run:
    """Pieces of a payload and the buffers they lie in."""

    __slots__ = ("buffers", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []
        self.buffers: list[Buffer] = []
        self.size = 0

    def release(self) -> None:
        """Give the buffers up: the bytes are written or not wanted."""
        self.pieces = []
        for buffer in self.buffers:
            buffer.release()
        self.buffers = []


def _nobody(*_: object) -> None:
    """Stands for a door that has its answer."""


class Reception:
    """An instance that is being received. `answered` is called exactly once unless abandoned."""

    __slots__ = (
        "_clerk",
        "_is_abandoned",
        "_is_finished",
        "_is_writing",
        "_resumed",
        "_run_bytes",
        "announcement",
        "answered",
        "defect",
        "draft",
        "failure",
        "has_met_full_disk",
        "reader",
        "run",
        "size",
        "size_max",
    )

    def __init__(  # noqa: PLR0913 - one constructor call, in the intake
        self,
        clerk: Clerk,
        announcement: Announcement,
        draft: Draft,
        reader: DataSetReader,
        *,
        answered: Callable[[Answer], None],
        resumed: Callable[[], None],
        size_max: int,
    ) -> None:
        self._clerk = clerk
        self.announcement = announcement
        self.draft = draft
        self.reader = reader
        self.answered = answered
        self._resumed = resumed
        self.size_max = size_max
        self.run = Run()
        self._run_bytes = RUN_BYTES
        self.size = 0
        self.failure: Answer | None = None
        self.defect: str | None = None
        self.has_met_full_disk = False
        self._is_writing = False
        self._is_finished = False
        self._is_abandoned = False

    @property
    def is_behind(self) -> bool:
        """Tell whether the disk is slower than the socket: stop reading until `resumed`."""
        return self._is_writing and self.run.size >= BACKLOG_BYTES

    def take(self, piece: memoryview, buffer: Buffer) -> None:
        """Take the next bytes of the data set; they stay in `buffer` until they are written."""
        size = len(piece)
        self.size += size
        if self.failure is not None or size == 0:
            return
        run = self.run
        if not run.buffers or run.buffers[-1] is not buffer:
            buffer.hold()
            run.buffers.append(buffer)
        run.pieces.append(piece)
        run.size += size
        if run.size >= self._run_bytes:
            if self.size > self.size_max:
                self._fail(TooLong(f"the instance is longer than {self.size_max:,} bytes"))
            elif not self._is_writing:
                self._hand_over()

    def finish(self) -> None:
        """The last byte was taken: commit, and answer when that is done."""
        self._is_finished = True
        if not self._is_writing:
            self._clerk.commit(self)

    def abandon(self) -> None:
        """The sender went away before the last byte: drop everything, answer nobody."""
        self._is_abandoned = True
        self.run.release()
        if not self._is_writing:
            self._clerk.commit(self)

    def part(self) -> None:
        """Forget who brought it; the door knows the reception and would be kept alive with it."""
        self.answered = self._resumed = _nobody

    @property
    def is_abandoned(self) -> bool:
        """Tell whether only cleaning up is left to do."""
        return self._is_abandoned

    def hold_last_run(self) -> str | None:
        """Take the last run and give the digest; None: it failed, or nobody waits for it.

        In a scribe's thread, by the commit.
        """
        if self._is_abandoned or self.failure is not None:
            return None
        try:
            digest = self.draft.hold(self.run.pieces)
        except OSError as error:
            self._fail_by_disk(error)
            return None
        self.read(self.run)
        return digest

    def write(self, run: Run) -> None:
        """Write a run and read its structure. In a scribe's thread."""
        try:
            self.draft.write(run.pieces)
        except OSError as error:
            self._fail_by_disk(error)
            return
        self.read(run)

    def spill(self, pieces: Sequence[memoryview]) -> None:
        """Write what was read before and held in memory so far. In a scribe's thread."""
        try:
            self.draft.write(pieces)
        except OSError as error:
            self._fail_by_disk(error)

    def read(self, run: Run) -> None:
        """Read the structure of a run; what is broken is written on, for quarantine."""
        if self.defect is not None:
            return
        try:
            for piece in run.pieces:
                self.reader.feed(piece)
        except CorruptPayload as error:
            self.defect = str(error)

    def written(self, run: Run) -> None:
        """A run is on disk, or failed: go on."""
        self._is_writing = False
        run.release()
        if self._is_finished or self._is_abandoned:
            self._clerk.commit(self)
            return
        if self.failure is not None:
            self.run.release()
            self.run = Run()
        elif self.run.size >= self._run_bytes:
            self._hand_over()
        self._resumed()

    def _hand_over(self) -> None:
        run, self.run = self.run, Run()
        if self.size >= _LONG_BYTES:
            self._run_bytes = _LONG_RUN_BYTES
        self._is_writing = True
        self._clerk.write_run(self, run)

    def _fail_by_disk(self, error: OSError) -> None:
        self.failure = NoRoom(f"writing the payload failed: {error.strerror}")
        self.has_met_full_disk = True

    def _fail(self, failure: Answer) -> None:
        self.failure = failure
        self.run.release()
        self.run = Run()
