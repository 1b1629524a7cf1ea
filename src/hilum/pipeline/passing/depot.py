"""What all passages of a process share: room on disk, scribes, the audit trail, telemetry."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final

from hilum.dicom.facts import FactsReader, InstanceFacts
from hilum.dicom.shapes import Shapes
from hilum.kernel.clock import Clock
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Event, Telemetry
from hilum.ledger.entry import AuditRecord
from hilum.pipeline.answers import Answer, NoRoom
from hilum.pipeline.archive.accounts import Accounts
from hilum.pipeline.crew import Crew
from hilum.pipeline.events import AnswerFailed, CleanUpFailed
from hilum.pipeline.passing.holding import Budget, Held
from hilum.pipeline.passing.outcomes import Outcomes, Written
from hilum.pipeline.reception import Reception, Run
from hilum.pipeline.room import Room
from hilum.pipeline.scribes import QuickScribe, Scribes
from hilum.vault.draft import Draft
from hilum.vault.seal import Seal
from hilum.vault.vault import Vault

# From here on a payload has so many runs that two threads at work on it pay for their meetings.
_LONG_BYTES: Final = 2 * 1024 * 1024
_SCRIBES: Final = 2
# Instances whose study is remembered, for who asks the archive about them; some 300 bytes each.
_STUDIES_MAX: Final = 20_000

Judge = Callable[[Reception, FactsReader], InstanceFacts | Answer]


class Depot:
    """Room for instances that are passed through. One object a process, on its event loop."""

    def __init__(  # noqa: PLR0913 - parts of one process, by keyword
        self,
        *,
        vault: Vault,
        room: Room,
        ledger_obstacle: Callable[[], str | None],
        audit: Callable[..., None],
        audit_lightly: Callable[..., None],
        clock: Clock,
        telemetry: Telemetry,
        instance_bytes_max: int,
    ) -> None:
        """Take what to work with; `audit` and `audit_lightly` are the ledger's, for a thread."""
        self.instance_bytes_max = instance_bytes_max
        self.shapes = Shapes()
        self.open_receptions = 0
        self._studies: OrderedDict[str, str] = OrderedDict()
        self.emit: Callable[[Event], None] = telemetry.emit
        self._vault = vault
        self._room = room
        self._ledger_obstacle = ledger_obstacle
        self._clock = clock
        self._facts = FactsReader()
        self._scribe = QuickScribe(clock, Scribes("passer", _SCRIBES))
        self._crew = Crew("passage-audit", 1)
        self._accounts = Accounts(audit, crew=self._crew, clock=clock)
        self._outcomes = Outcomes(audit_lightly, clock)
        self.budget = Budget()
        self._held: dict[Reception, Held] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()
        self._emptied.set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work on `loop`."""
        self._scribe.start(loop)
        self._outcomes.start(loop)

    async def stop(self) -> None:
        """Finish what was begun: every reception that is open must come to its end first."""
        await self._emptied.wait()
        if self._telling:
            await asyncio.wait(self._telling)
        self._scribe.stop()
        await self._outcomes.stop()
        self._crew.close()

    @property
    def obstacle(self) -> str | None:
        """Say why nothing can be taken now, or None. What may be held here does not count."""
        return self._ledger_obstacle() or self._room.shortage

    def begin(self, head: bytes) -> Draft:
        """Begin a payload."""
        return self._vault.begin(head)

    def opened(self, reception: Reception) -> None:
        """A reception began."""
        self._held[reception] = Held(self.budget)
        self.open_receptions += 1
        self._emptied.clear()

    def held(self, reception: Reception) -> Held | None:
        """Give what has an examined reception in memory; None: it is in its file."""
        held = self._held[reception]
        return held if held.is_open else None

    def path_of(self, reception: Reception) -> str:
        """Give where the payload of an examined reception can be opened until it is dropped."""
        return self._vault.path_of_draft(reception.draft)

    def write(self, reception: Reception, run: Run) -> None:
        """Hold a run in memory, or have it written by a scribe, with what was held before it."""
        held = self._held[reception]
        if held.fits(run):
            reception.read(run)
            held.take(run)
            reception.written(run)
            return
        self._room.take(held.size + run.size)

        def write() -> None:
            _spill(reception, held)
            reception.write(run)

        def written(_: object) -> None:
            held.release()
            if reception.has_met_full_disk:
                self._room.shut()
            reception.written(run)

        self._submit(reception, write, written)

    def examine(
        self, reception: Reception, judge: Judge, done: Callable[[InstanceFacts | Answer], None]
    ) -> None:
        """Have a finished reception examined and its payload completed, so that it can be read."""
        held, run = self._held[reception], reception.run

        def examined(result: object) -> None:
            if reception.has_met_full_disk:
                self._room.shut()
            if isinstance(result, BaseException):
                done(NoRoom(f"a fault of ours: {type(result).__name__} at {place_of(result)}"))
            else:
                done(result)  # type: ignore[arg-type] # scribes give back what the job gave

        if reception.failure is None and held.fits(run):
            examined(self._judged(reception, judge, held))
            return

        def examine() -> InstanceFacts | Answer:
            _spill(reception, held)
            return self._examine(reception, judge)

        def written(result: object) -> None:
            held.release()
            examined(result)

        self._room.take(held.size + run.size)
        self._submit(reception, examine, written)

    def tell_begun(self, record: AuditRecord) -> "asyncio.Future[None]":
        """Have it written that somebody hands on an instance.

        What is first of a study in a while is made durable. Syncing takes as long as an archive
        does: it goes on meanwhile.
        """
        loop = asyncio.get_running_loop()
        if self._accounts.stands(record):
            begun = loop.create_future()
            self._outcomes.put(record, partial(_settle, begun))
            return begun
        telling = loop.create_task(self._accounts.keep_once([record]))
        self._telling.add(telling)
        telling.add_done_callback(self._told)
        return telling

    def _told(self, telling: "asyncio.Task[None]") -> None:
        self._telling.discard(telling)
        if not telling.cancelled():
            telling.exception()  # whose instance it was may be gone; nobody need hear of it

    def write_down(self, record: AuditRecord, written: Written) -> None:
        """Have what became of an instance written; `written` hears why it was not, or None."""
        self._outcomes.put(record, written)

    def write_behind(self, record: AuditRecord, written: Written) -> None:
        """Have what became of an instance written although nobody waits for that; see above."""
        self._outcomes.put_behind(record, written)

    def remember(self, sop_instance_uid: str, study_instance_uid: str) -> None:
        """Remember of which study an instance is that went through."""
        self._studies[sop_instance_uid] = study_instance_uid
        if len(self._studies) > _STUDIES_MAX:
            self._studies.popitem(last=False)

    def study_of(self, sop_instance_uid: str) -> str | None:
        """Give the study of an instance that went through lately; None: it is not known any more.

        Whoever looks for it in an archive finds it sooner. Whether it is there is another question.
        """
        return self._studies.get(sop_instance_uid)

    def answer(self, reception: Reception, answer: Answer) -> None:
        """Tell the door."""
        try:
            reception.answered(answer)
        except Exception as error:  # noqa: BLE001 - a door's fault must not reach the others
            uid = reception.announcement.sop_instance_uid
            self.emit(AnswerFailed(uid, type(error).__name__, place_of(error)))

    def drop(self, reception: Reception, *, is_read: bool = False) -> None:
        """Have everything of a payload removed. `is_read`: who sends it may still look at it."""
        self._held.pop(reception).release(is_read=is_read)

        def dropped(result: object) -> None:
            if isinstance(result, OSError):
                self.emit(CleanUpFailed(reception.draft.path, str(result.strerror)))
            self.open_receptions -= 1
            if not self.open_receptions:
                self._emptied.set()

        self._submit(reception, reception.draft.discard, dropped)

    def _submit(
        self, reception: Reception, job: Callable[[], object], done: Callable[[object], None]
    ) -> None:
        is_long = reception.size > _LONG_BYTES
        (self._scribe.submit_to_thread if is_long else self._scribe.submit_now)(job, done)

    def _judged(self, reception: Reception, judge: Judge, held: Held) -> object:
        """Examine what is in memory."""
        try:
            reception.read(reception.run)
            held.take(reception.run)
            return judge(reception, self._facts)
        except Exception as error:  # noqa: BLE001 - as a scribe does: a job's failure is its result
            return error

    def _examine(self, reception: Reception, judge: Judge) -> InstanceFacts | Answer:
        """In a scribe's thread, or on the loop while that is quick."""
        digest = reception.hold_last_run()
        if digest is None:
            assert reception.failure is not None  # noqa: S101 - nobody abandons what is finished
            return reception.failure
        judged = judge(reception, self._facts)
        if isinstance(judged, InstanceFacts):
            try:
                reception.draft.complete(self._seal_of(reception, digest))
                reception.draft.close()
            except OSError as error:
                reception.has_met_full_disk = True
                return NoRoom(f"writing the payload failed: {error.strerror}")
        return judged

    def _seal_of(self, reception: Reception, digest: str) -> Seal:
        origin = reception.announcement.origin
        return Seal(
            digest=digest,
            size=reception.size,
            received_at=self._clock.now().isoformat(),
            calling_ae_title=origin.calling_ae_title,
            called_ae_title=origin.called_ae_title,
            peer=origin.peer,
            host=origin.host,
            entity=origin.entity,
            association_id=origin.association_id,
        )


def _settle(begun: "asyncio.Future[None]", error: BaseException | None) -> None:
    if error is None:
        begun.set_result(None)
    else:
        begun.set_exception(error)
        begun.exception()  # whose instance it was may be gone; nobody need hear of it


def _spill(reception: Reception, held: Held) -> None:
    """Write what is held so far, whose place is a file now. In a scribe's thread."""
    if held.pieces:
        reception.spill(held.pieces)
