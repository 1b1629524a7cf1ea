"""A passage: takes instances as intake does, and hands them on to another archive at once.

Nothing is kept here. An instance is written to a draft while it arrives and examined; then it is
delivered while its sender waits, and the answer is what became of that. The draft lies where a
start sweeps, is not synced, and is gone before or soon after the answer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.facts import InstanceFacts
from hilum.dicom.part10 import file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import HilumError
from hilum.kernel.outcome import Deferred, Delivered, Outcome, Refused
from hilum.ledger.entry import AuditRecord
from hilum.pipeline.answers import Answer, NoRoom, NotPassed, Passed
from hilum.pipeline.entities import StatusProfile
from hilum.pipeline.examining import judge
from hilum.pipeline.passing.cargo import Cargo
from hilum.pipeline.passing.courier import Courier
from hilum.pipeline.passing.depot import Depot
from hilum.pipeline.passing.events import (
    InstanceNotPassed,
    InstancePassed,
    OutcomeUnrecorded,
    PassageStopped,
    PassageUnrecorded,
)
from hilum.pipeline.ports import Parcel
from hilum.pipeline.reception import Announcement, Reception, Run
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID

# An archive has so long to answer for an instance after its last byte has come, and longer if it is
# long. Devices wait for half a minute or more; who is not answered by then sends it again anyway.
DEADLINE_SECONDS: Final = 30.0
# Of audit records.
INSTANCE_PASSED: Final = "instance-passed"


@dataclass(slots=True, eq=False)
class _Passing:
    """An instance that was received to its end. `cargo`: from when it is under way."""

    reception: Reception
    began: float
    facts: InstanceFacts | None = None
    cargo: Cargo | None = None
    begun: "asyncio.Future[None] | None" = None  # that it is handed on is written
    outcome: Outcome | None = None  # of what was never sent
    is_withdrawn: bool = False


class Passage:
    """Takes what is brought to one entity (`pipeline.taking.Taker`). On the event loop."""

    def __init__(
        self,
        depot: Depot,
        courier: Courier,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        profile: StatusProfile = "standard",
    ) -> None:
        self.carriers = 0
        self._depot = depot
        self._courier = courier
        self._deadline_seconds = deadline_seconds
        self._profile = profile
        self._under_way: dict[Reception, _Passing] = {}

    @property
    def obstacle(self) -> str | None:
        """Say why nothing can be taken now, or None."""
        return self._depot.obstacle

    def receive(
        self,
        announcement: Announcement,
        *,
        answered: Callable[[Answer], None],
        resumed: Callable[[], None],
    ) -> Reception:
        """Begin to take an instance; the caller feeds it and then finishes or abandons it."""
        depot, origin = self._depot, announcement.origin
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
            depot.begin(head),
            DataSetReader(transfer_syntax(announcement.transfer_syntax_uid), shapes=depot.shapes),
            answered=answered,
            resumed=resumed,
            size_max=depot.instance_bytes_max,
        )
        if (obstacle := self.obstacle) is not None:
            reception.failure = NoRoom(obstacle)
        depot.opened(reception)
        return reception

    def withdraw(self, reception: Reception) -> None:
        """Nobody waits for the answer any more: stop the delivery, if it is under way."""
        passing = self._under_way.get(reception)
        if passing is None or passing.is_withdrawn:
            return
        passing.is_withdrawn = True
        if passing.cargo is not None and not passing.cargo.is_over:
            self._courier.withdraw(passing.cargo)
            self._end_unanswered(passing)

    def write_run(self, reception: Reception, run: Run) -> None:
        """Have a run written by a scribe (see `Clerk`)."""
        self._depot.write(reception, run)

    def commit(self, reception: Reception) -> None:
        """Deliver what was finished; clean up what was abandoned (see `Clerk`)."""
        if reception.is_abandoned:
            self._let_go(reception)
            return
        now = asyncio.get_running_loop().time()
        passing = self._under_way[reception] = _Passing(reception, now)
        self._depot.examine(reception, judge, lambda judged: self._examined(passing, judged))

    def _examined(self, passing: _Passing, judged: InstanceFacts | Answer) -> None:
        reception = passing.reception
        reception.run.release()
        if passing.is_withdrawn:
            self._end_unanswered(passing)
        elif isinstance(judged, InstanceFacts):
            passing.facts = judged
            self._deliver(passing, judged)
        else:
            self._answer(passing, judged)

    def _deliver(self, passing: _Passing, facts: InstanceFacts) -> None:
        reception = passing.reception
        announcement = reception.announcement
        parcel = Parcel(
            delivery_id=0,
            sop_class_uid=announcement.sop_class_uid,
            sop_instance_uid=announcement.sop_instance_uid,
            series_instance_uid=facts.series_instance_uid,
            study_instance_uid=facts.study_instance_uid,
            transfer_syntax_uid=announcement.transfer_syntax_uid,
            size=reception.size,
            path=self._depot.path_of(reception),
            held=self._depot.held(reception),
        )
        passing.cargo = Cargo(
            parcel,
            sender=announcement.origin.association_id,
            due_at=passing.began + self._deadline_seconds,
            settled=lambda outcome: self._delivered(passing, outcome),
        )
        # First sent, then written down: the archive is at work meanwhile.
        self._courier.bring(passing.cargo)
        passing.begun = self._depot.tell_begun(self._record(passing, "begun", None))
        if passing.outcome is not None:
            self._delivered(passing, passing.outcome)

    def _delivered(self, passing: _Passing, outcome: Outcome) -> None:
        """Go on once it is written that it was begun."""
        begun = passing.begun
        if begun is None:
            passing.outcome = outcome
        elif begun.done():
            self._write_down(passing, outcome, begun)
        else:
            begun.add_done_callback(lambda done: self._write_down(passing, outcome, done))

    def _write_down(
        self, passing: _Passing, outcome: Outcome, begun: "asyncio.Future[None]"
    ) -> None:
        if begun.cancelled():
            self._answer(passing, self._unrecorded(passing, None))
        elif (error := begun.exception()) is not None:
            self._answer(passing, self._unrecorded(passing, error))
        elif isinstance(outcome, Delivered):
            self._passed(passing, outcome)
        else:
            record = self._record(passing, _word_of(outcome), outcome)
            self._depot.write_down(record, lambda error: self._written(passing, outcome, error))

    def _passed(self, passing: _Passing, outcome: Delivered) -> None:
        """Answer. All else follows while the next instance is under way.

        That it was handed on is in the ledger.
        """
        seconds = asyncio.get_running_loop().time() - passing.began
        self._end(passing, Passed(outcome))
        if passing.facts is not None:
            self._depot.remember(passing.facts.sop_instance_uid, passing.facts.study_instance_uid)
        record = self._record(passing, _word_of(outcome), outcome)
        self._depot.write_behind(
            record, lambda error: self._written_behind(passing, seconds, error)
        )

    def _written(
        self, passing: _Passing, outcome: Deferred | Refused, error: BaseException | None
    ) -> None:
        """Answer with a failure, which is written down before."""
        if error is not None:
            self._answer(passing, self._unrecorded(passing, error))
        else:
            self._answer(passing, NotPassed(outcome, self._courier.name, self._profile))

    def _unrecorded(self, passing: _Passing, error: BaseException | None) -> NoRoom:
        uid = passing.reception.announcement.sop_instance_uid
        self._depot.emit(PassageUnrecorded(self._courier.name, uid, _reason_of(error)))
        return NoRoom("the ledger cannot take the record of it")

    def _written_behind(
        self, passing: _Passing, seconds: float, error: BaseException | None
    ) -> None:
        announcement, size = passing.reception.announcement, passing.reception.size
        name, uid = self._courier.name, announcement.sop_instance_uid
        title = announcement.origin.calling_ae_title
        self._depot.emit(InstancePassed(announcement.source, name, title, uid, size, seconds))
        if error is not None:
            self._depot.emit(OutcomeUnrecorded(name, uid, _reason_of(error)))

    def _answer(self, passing: _Passing, answer: Answer) -> None:
        """Answer with a failure, and tell of it."""
        self._end(passing, answer)
        if passing.facts is not None or not isinstance(answer, NoRoom):
            self._tell(passing, answer)

    def _end(self, passing: _Passing, answer: Answer) -> None:
        if not passing.is_withdrawn:
            self._depot.answer(passing.reception, answer)
        self._let_go(passing.reception)

    def _end_unanswered(self, passing: _Passing) -> None:
        """Clean up; that it was tried is written down if that is possible, whoever waits."""
        reception = passing.reception
        announcement = reception.announcement
        if passing.cargo is not None:
            self._depot.write_down(self._record(passing, "withdrawn", None), lambda _: None)
        self._depot.emit(
            PassageStopped(
                announcement.source,
                self._courier.name,
                announcement.origin.calling_ae_title,
                announcement.sop_instance_uid,
            )
        )
        self._let_go(reception, is_read=True)

    def _let_go(self, reception: Reception, *, is_read: bool = False) -> None:
        self._under_way.pop(reception, None)
        reception.run.release()
        reception.part()
        self._depot.drop(reception, is_read=is_read)

    def _record(self, passing: _Passing, word: str, outcome: Outcome | None) -> AuditRecord:
        announcement, facts = passing.reception.announcement, passing.facts
        detail = f"through to {self._courier.name}"
        match outcome:
            case Delivered(remark=remark):
                detail += f"; {remark}" if remark else ""
            case None if word == "withdrawn":
                detail += "; the sender went away"
            case None:
                pass
            case failure:
                detail += f"; {failure.reason}"
        return AuditRecord(
            INSTANCE_PASSED,
            word,
            announcement.origin,
            study_instance_uid=facts.study_instance_uid if facts else "",
            sop_instance_uid=announcement.sop_instance_uid,
            patient_id=facts.patient_id if facts else "",
            detail=detail,
        )

    def _tell(self, passing: _Passing, answer: Answer) -> None:
        announcement = passing.reception.announcement
        title, uid = announcement.origin.calling_ae_title, announcement.sop_instance_uid
        reason = getattr(answer, "reason", "")
        self._depot.emit(
            InstanceNotPassed(
                announcement.source, self._courier.name, _kind_of(answer), title, uid, reason
            )
        )


def _reason_of(error: BaseException | None) -> str:
    return str(error) if isinstance(error, HilumError) else type(error).__name__


def _word_of(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()


def _kind_of(answer: Answer) -> str:
    return type(answer.outcome if isinstance(answer, NotPassed) else answer).__name__
