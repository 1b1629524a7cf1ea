"""Intake: every door brings its instances here, and gets success only for what is durable.

Runs on the event loop; what may block goes to scribes. Finished receptions wait while a commit is
under way and are then committed together, so that many associations share one sync.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hilum.dicom.part10 import file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.shapes import Shapes
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.clock import Clock
from hilum.kernel.faults import place_of
from hilum.kernel.syncing import Bell
from hilum.kernel.telemetry import Event, Telemetry
from hilum.pipeline.answers import Answer, Kept, NoRoom, Passed
from hilum.pipeline.buffers import BufferPool
from hilum.pipeline.commit import CommitReport, Committer, Prepared
from hilum.pipeline.events import (
    AnswerFailed,
    CleanUpFailed,
    GroupCommitted,
    InstanceReceived,
    InstanceRefused,
    IntakeObstructed,
    IntakeRestored,
    JournalAbandoned,
    PayloadQuarantined,
)
from hilum.pipeline.overlapping import Overlapping, Steps
from hilum.pipeline.planning import Planner
from hilum.pipeline.reception import Announcement, Reception, Run
from hilum.pipeline.room import Room
from hilum.pipeline.scribes import SLOW_SECONDS, SLOW_SYNC_SECONDS, QuickScribe, Scribes
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID
from hilum.vault.vault import Vault

# More in one transaction would make the first of them wait for the last.
GROUP_MAX: Final = 64
# Writing runs of large payloads: two keep the disk busy while one waits for a slow sync.
_WRITERS: Final = 2
# What all connections together may hold in large buffers.
_BUFFERS_BYTES_MAX: Final = 96 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Bounds of one instance."""

    instance_bytes_max: int


class Intake:
    """Takes instances in. One object a process."""

    def __init__(  # noqa: PLR0913 - the ports of the journey, each named
        self,
        *,
        vault: Vault,
        committer: Committer,
        clock: Clock,
        telemetry: Telemetry,
        room: Room,
        planner: Planner,
        owed: Callable[[Mapping[str, Collection[int]]], None],
        is_synced: bool,
        limits: IntakeLimits,
        bell: Bell | None = None,
    ) -> None:
        """Begin. `bell` rings when a sync has ended; None: syncs are done where they are asked."""
        self._vault = vault
        self._committer = committer
        self._clock = clock
        self._telemetry = telemetry
        self._room = room
        self._planner = planner
        self._owed = owed
        self._limits = limits
        self._writers = QuickScribe(clock, Scribes("writer", _WRITERS))
        committing = Scribes("committer", 1)
        slow_seconds = SLOW_SYNC_SECONDS if is_synced else SLOW_SECONDS
        self._committing = QuickScribe(clock, committing, slow_seconds=slow_seconds)
        self._is_synced = is_synced
        self._overlapping: Overlapping[Prepared] | None = None
        if bell is not None:
            self._overlapping = Overlapping(
                clock, bell, prepare=self._prepare_next, record=self._record, done=self._recorded
            )
        self._waiting: deque[Reception] = deque()
        self._is_committing = False
        self._ledger_obstacle: str | None = None
        self._reported: str | None = None
        self._idle = asyncio.Event()
        self._shapes = Shapes()
        self.buffers = BufferPool(_BUFFERS_BYTES_MAX)
        self.open_receptions = 0
        # Who might bring an instance at this moment; the doors count them.
        self.carriers = 0
        # A commit failed once: files without a row may lie in the vault, to be adopted at a start.
        self.has_doubt = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work on `loop`."""
        self._writers.start(loop)
        self._committing.start(loop)
        if self._overlapping is not None:
            self._overlapping.start(loop)
        self._idle.set()

    async def stop(self) -> None:
        """Finish every commit that was begun, then end the threads."""
        await self._idle.wait()
        await asyncio.sleep(0)  # what the last group brings with it is written down in this turn
        self._writers.stop()
        self._committing.stop()
        if self._overlapping is not None:
            self._overlapping.stop()

    @property
    def obstacle(self) -> str | None:
        """Say why nothing can be taken in now, or None."""
        return self._ledger_obstacle or self._room.obstacle

    @property
    def waiting(self) -> int:
        """Give how many finished instances wait for a commit."""
        return len(self._waiting)

    def receive(
        self,
        announcement: Announcement,
        *,
        answered: Callable[[Answer], None],
        resumed: Callable[[], None],
    ) -> Reception:
        """Begin to take an instance in; the caller feeds it and then finishes or abandons it."""
        origin = announcement.origin
        head = file_meta(
            sop_class_uid=announcement.sop_class_uid,
            sop_instance_uid=announcement.sop_instance_uid,
            transfer_syntax_uid=announcement.transfer_syntax_uid,
            sending_ae_title=origin.calling_ae_title,
            receiving_ae_title=origin.called_ae_title,
            private_creator_uid=SEAL_CREATOR_UID,
            private_information=BLANK,
        )
        reception = Reception(
            self,
            announcement,
            self._vault.begin(head),
            DataSetReader(
                transfer_syntax(announcement.transfer_syntax_uid),
                self._planner.tags_wanted,
                shapes=self._shapes,
            ),
            answered=answered,
            resumed=resumed,
            size_max=self._limits.instance_bytes_max,
        )
        if (obstacle := self.obstacle) is not None:
            reception.failure = NoRoom(obstacle)
        self.open_receptions += 1
        return reception

    def withdraw(self, reception: Reception) -> None:
        """Nothing: what is complete is kept, whoever waits (see `Taker`)."""

    def write_run(self, reception: Reception, run: Run) -> None:
        """Have a run written by a scribe (see `Clerk`)."""
        self._room.take(run.size)
        self._writers.submit_now(
            lambda: reception.write(run), lambda _: self._run_written(reception, run)
        )

    def commit(self, reception: Reception) -> None:
        """Have a finished or abandoned reception dealt with by the next commit (see `Clerk`)."""
        self.open_receptions -= 1
        self._waiting.append(reception)
        self._commit_next()

    def learn_room(self, free: int, size: int) -> None:
        """Learn what the file system has left; to be told about once a second."""
        self._room.refresh(free, size)
        self._report_obstacle()

    def bar(self, reason: str | None) -> None:
        """Take nothing, whatever room there is, until the reason is gone: None."""
        self._room.bar = reason
        self._report_obstacle()

    def ledger_recovered(self) -> None:
        """The ledger was seen to work again."""
        self._ledger_obstacle = None
        self._report_obstacle()

    @property
    def ledger_obstacle(self) -> str | None:
        """Say what is wrong with the ledger, or None."""
        return self._ledger_obstacle

    def _run_written(self, reception: Reception, run: Run) -> None:
        if reception.has_met_full_disk:
            self._room.shut()
        reception.written(run)

    def _commit_next(self) -> None:
        """Commit what waits: at once for a lone sender, otherwise so that others can join it."""
        overlapping = self._overlapping
        if self._is_committing:
            return
        if overlapping is not None and (overlapping.is_busy or self._may_overlap):
            self._idle.clear()
            overlapping.go_on()
            return
        self._is_committing = bool(self._waiting)
        if not self._is_committing:
            self._idle.set()
            return
        self._idle.clear()
        if self.carriers <= 1:
            submit = self._committing.submit_now
        elif self._is_synced:
            submit = self._committing.submit_to_thread
        else:
            submit = self._committing.submit
        submit(self._commit_group, self._committed)

    @property
    def _may_overlap(self) -> bool:
        """Tell whether there can be others to join, and a disk that can be trusted."""
        overlapping = self._overlapping
        return (
            bool(self._waiting)
            and not self._is_committing
            and self.carriers > 1
            and overlapping is not None
            and not overlapping.is_slow
        )

    def _commit_group(self) -> Prepared:
        """Commit what waits by now: the longer the way here, the larger the group."""
        prepared = self._prepare()
        try:
            self._committer.record([prepared])
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost anybody an answer
            prepared.report = _crashed(prepared.group, error)
        return prepared

    def _prepare_next(self) -> Prepared | None:
        """Take what waits by now, also when those have left who might have joined it.

        What a slow disk keeps waiting is left to a thread, which comes after what is under way.
        """
        overlapping = self._overlapping
        if not self._waiting or self._is_committing:
            return None
        if overlapping is not None and overlapping.is_slow and overlapping.is_busy:
            return None
        return self._prepare()

    def _prepare(self) -> Prepared:
        begun = self._clock.monotonic()
        waiting = self._waiting
        group = [waiting.popleft() for _ in range(min(len(waiting), GROUP_MAX))]
        try:
            prepared = self._committer.prepare(group)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost anybody an answer
            prepared = Prepared(group, _crashed(group, error))
        prepared.begun = begun
        return prepared

    def _record(self, groups: Sequence[Prepared]) -> Steps[None]:
        try:
            yield from self._committer.steps(groups)
        except Exception as error:  # noqa: BLE001 - as above
            for one in groups:
                one.report = _crashed(one.group, error)

    def _recorded(self, groups: Sequence[Prepared]) -> None:
        try:
            for one in groups:
                self._tell_group(one)
        finally:
            self._commit_next()

    def _committed(self, prepared: Prepared) -> None:
        self._is_committing = False
        try:
            self._tell_group(prepared)
        finally:
            # Whatever went wrong with one of them, the others must not wait for ever.
            self._commit_next()

    def _tell_group(self, prepared: Prepared) -> None:
        """Answer all of a group; what is only written down waits until the doors have sent that."""
        group, report = prepared.group, prepared.report
        for reception, answer in zip(group, report.answers, strict=True):
            reception.run.release()
            if answer is not None:
                self._answer(reception, answer)
            reception.part()
        self._act_upon(report)
        seconds = self._clock.monotonic() - prepared.begun
        asyncio.get_running_loop().call_soon(self._write_down, prepared, seconds)

    def _write_down(self, prepared: Prepared, seconds: float) -> None:
        group, report = prepared.group, prepared.report
        for reception, answer in zip(group, report.answers, strict=True):
            if answer is not None:
                self._tell(reception, answer)
        for path, reason in report.quarantined:
            self._telemetry.emit(PayloadQuarantined(path, reason))
        self._telemetry.emit(GroupCommitted(len(group), seconds))

    def _answer(self, reception: Reception, answer: Answer) -> None:
        try:
            reception.answered(answer)
        except Exception as error:  # noqa: BLE001 - a door's fault must not reach the others
            self._telemetry.emit(
                AnswerFailed(
                    reception.announcement.sop_instance_uid,
                    type(error).__name__,
                    place_of(error),
                )
            )

    def _tell(self, reception: Reception, answer: Answer) -> None:
        announcement = reception.announcement
        who = announcement.origin
        common: dict[str, Any] = {  # Any: fields shared by two event classes
            "source": announcement.source,
            "sender": who.calling_ae_title or who.peer or who.host or "this machine",
            "calling_ae_title": who.calling_ae_title,
            "sop_instance_uid": announcement.sop_instance_uid,
        }
        event: Event
        if isinstance(answer, Kept):
            event = InstanceReceived(verdict=answer.verdict.value, size=reception.size, **common)
        else:
            assert not isinstance(answer, Passed)  # noqa: S101 - what is kept here stays here
            event = InstanceRefused(outcome=type(answer).__name__, reason=answer.reason, **common)
        self._telemetry.emit(event)

    def _act_upon(self, report: CommitReport) -> None:
        emit = self._telemetry.emit
        if report.owed:
            self._owed(report.owed)
        for path, reason in report.leftovers:
            emit(CleanUpFailed(path, reason))
            # Perhaps a payload without a row: the next start looks.
            self.has_doubt = True
        if report.journal_fault is not None:
            emit(JournalAbandoned(report.journal_fault))
        if report.disk_is_full:
            self._room.shut()
        if report.ledger_was_asked:
            self._ledger_obstacle = report.ledger_error
            self.has_doubt |= report.ledger_error is not None
        self._report_obstacle()

    def _report_obstacle(self) -> None:
        if not self._room.is_known:
            return  # it is about to be looked at
        obstacle = self.obstacle
        if (obstacle is None) == (self._reported is None):
            return
        self._reported = obstacle
        event = IntakeRestored() if obstacle is None else IntakeObstructed(obstacle)
        self._telemetry.emit(event)


def _crashed(group: Sequence[Reception], error: Exception) -> CommitReport:
    """Answer for a commit that failed in a way nobody foresaw: nobody gets success."""
    # Not its text, which might quote a value.
    reason = (
        f"the commit failed unexpectedly ({type(error).__name__} at {place_of(error)}); "
        "please report it"
    )
    answers: list[Answer | None] = [
        None if reception.is_abandoned else NoRoom(reason) for reception in group
    ]
    return CommitReport(answers, [], [], ledger_was_asked=True, ledger_error=reason)
