"""The services of one open association: what each command means and how it is answered."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.message import Command, CommandField, CommandReceived, encode_response
from hilum.dimse.service.commitment_answer import request_refusal
from hilum.dimse.service.ending import query_retrieve_refusal
from hilum.dimse.service.storage import Refusal, store_refusal, store_response
from hilum.dimse.service.verification import echo_response
from hilum.dimse.status import (
    NOT_AUTHORIZED,
    OUT_OF_RESOURCES,
    RESOURCE_LIMITATION,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
)
from hilum.dimse.upper.association import Association, Context
from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.homecoming import Late
from hilum.pipeline.answers import Answer, Kept, Passed
from hilum.pipeline.entities import Entity
from hilum.pipeline.reception import Announcement, Reception
from hilum.pipeline.taking import Taker
from hilum.sources.dimse.admission import Admitted, Caller
from hilum.sources.dimse.committing import Committing, IncomingRequest
from hilum.sources.dimse.events import AssociationClosed, EchoAnswered, OperationRefused
from hilum.sources.dimse.homing import LATE, Homing
from hilum.sources.dimse.operation import Asker, Extended, IncomingIdentifier
from hilum.sources.dimse.operations import Operations, kind_of
from hilum.sources.dimse.outbox import Outbox
from hilum.sources.dimse.reporting import IncomingReport, report_refusal
from hilum.sources.dimse.storing import Incoming, Swallow, status_of
from hilum.sources.dimse.vouching import Promises, Vouching

if TYPE_CHECKING:
    from hilum.sources.dimse.desk import Desk

# Finished instances whose answer is still owed. A peer that keeps to the negotiated window of one
# never has two; others may run ahead so far before they are made to wait.
_OWED_MAX: Final = 16


class Line(Protocol):
    """What a conversation needs of its connection."""

    engine: Association
    outbox: Outbox

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send a command set."""
        ...

    def resume(self) -> None:
        """Read on, if nothing else is in the way."""
        ...

    def answer_release(self) -> None:
        """Agree to the release that was asked for."""
        ...

    def abort(self, ending: str, detail: str) -> None:
        """Tell the peer that it is over, and close."""
        ...


@dataclass(slots=True)
class Tally:
    """What came of an association."""

    stored: int = 0
    refused: int = 0
    size: int = 0


class Conversation:
    """An association in use. Everything runs on the event loop."""

    def __init__(
        self,
        desk: "Desk",
        line: Line,
        association_id: str,
        caller: Caller,
        admitted: Admitted,
        *,
        entity: Entity | None = None,
    ) -> None:
        """Begin; `entity` is what was called, None where nothing can be asked for."""
        self._desk = desk
        self._line = line
        self._opened = desk.clock.monotonic()
        self._is_release_asked = False
        self._is_over = False
        self.since = desk.clock.now()
        self.entity = entity
        self.association_id = association_id
        self.caller = caller
        self.admitted = admitted
        self.extended = Extended()
        self.incoming: Incoming | None = None
        self.owed = 0
        self.tally = Tally()
        self.origin = Origin(
            calling_ae_title=caller.calling_ae_title,
            called_ae_title=caller.called_ae_title,
            peer=admitted.peer,
            host=caller.host,
            entity=admitted.entity,
            association_id=association_id,
        )
        self._taker = desk.takers.of(caller.called_ae_title)
        self._unanswered: set[Reception] = set()
        self.operations = Operations(desk.operations, self._operations_settled)
        self._promises = Promises()

    @property
    def taker(self) -> Taker:
        """Give who takes the instances that come."""
        return self._taker

    @property
    def is_operating(self) -> bool:
        """Tell whether something that was asked for is going on."""
        return not self.operations.is_empty

    @property
    def is_at_work(self) -> bool:
        """Tell whether we are the slow side."""
        if self.owed:
            return True
        waits = self._line.outbox.is_waiting or self.operations.awaits_answer
        return self.is_operating and not waits

    @property
    def is_behind(self) -> bool:
        """Tell whether reading should stop until the disk has caught up."""
        incoming = self.incoming
        return self.owed >= _OWED_MAX or (incoming is not None and incoming.is_behind)

    def answer(self, received: CommandReceived) -> None:
        """Act on a command; what it says about a data set decides whether one is awaited."""
        command, context = received.command, received.context
        match command.command_field:
            case CommandField.C_ECHO_RQ if context.abstract_syntax == VERIFICATION:
                self._line.send_command(context.id, echo_response(command, SUCCESS))
                self._desk.telemetry.emit(EchoAnswered(self.caller.calling_ae_title))
            case CommandField.C_STORE_RQ:
                self._store(context, command)
            case CommandField.N_EVENT_REPORT_RQ:
                self._take_report(context, command)
            case CommandField.N_ACTION_RQ:
                self._commit(context, command)
            case CommandField.C_FIND_RQ | CommandField.C_MOVE_RQ | CommandField.C_GET_RQ:
                self._operate(context, command)
            case CommandField.C_CANCEL_RQ:
                # One that comes too late crossed with the last response; a cancel has no answer.
                self.operations.cancel(command)
            case _:
                self._refuse(context, command, UNRECOGNIZED_OPERATION, "the service is not offered")

    def take_response(self, command: Command) -> bool:
        """Take a response of the peer; False: nothing of ours is waiting for it."""
        # An answer to a report may come when nobody waits for it any more.
        return self.operations.take_response(command) or self._promises.take_response(command)

    def finish_incoming(self) -> None:
        """The last byte of the data set that was coming is here."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            if not isinstance(incoming, IncomingIdentifier | IncomingRequest):
                self.owed += 1
            if isinstance(incoming, Reception):
                self._unanswered.add(incoming)
            incoming.finish()

    def release(self) -> None:
        """Agree to a release, once everything that is owed was answered."""
        self._is_release_asked = True
        self.operations.release()
        self._end_if_asked()

    def end(self, ending: str, detail: str) -> None:
        """The association is over, whichever way."""
        self._is_over = True
        if self.incoming is not None:
            self.incoming.abandon()
            self.incoming = None
        while self._unanswered:
            self._taker.withdraw(self._unanswered.pop())
        self.operations.end()
        self._give_back_promises()
        self._desk.telemetry.emit(
            AssociationClosed(
                association_id=self.association_id,
                calling_ae_title=self.caller.calling_ae_title,
                peer=self.admitted.peer,
                host=self.caller.host,
                ending=ending,
                stored=self.tally.stored,
                refused=self.tally.refused,
                size=self.tally.size,
                seconds=self._desk.clock.monotonic() - self._opened,
                detail=detail,
            )
        )

    def _store(self, context: Context, command: Command) -> None:
        if (refusal := store_refusal(context, command)) is not None:
            self._refuse(context, command, refusal.status, refusal.comment)
            return
        if command.move_originator_message_id is not None and self._comes_home(context, command):
            return
        reception = self._taker.receive(
            Announcement(
                source="dimse",
                sop_class_uid=command.affected_sop_class_uid,
                sop_instance_uid=command.affected_sop_instance_uid,
                transfer_syntax_uid=context.transfer_syntax,
                origin=self.origin,
            ),
            answered=lambda answer: self._answered(context, command, reception, answer),
            resumed=self._line.resume,
        )
        self.incoming = reception

    def _comes_home(self, context: Context, command: Command) -> bool:
        """Take a store that belongs to a C-MOVE of ours; tell whether it does."""
        sink = self._desk.homecomings.sink_of(command) if self._desk.homecomings else None
        match sink:
            case None:
                return False
            case Late():
                self._refuse(context, command, NOT_AUTHORIZED, LATE)
            case _:
                homing = Homing(
                    sink,
                    context,
                    command,
                    sender=self.caller.calling_ae_title,
                    telemetry=self._desk.telemetry,
                    answered=lambda answer, size: self._come_home(context, command, answer, size),
                    resumed=self._line.resume,
                )
                self._desk.operations.start(homing, _nothing)
                self.incoming = homing
        return True

    def _come_home(self, context: Context, command: Command, answer: Refusal, size: int) -> None:
        if answer.status == SUCCESS:
            self.tally.stored += 1
            self.tally.size += size
        else:
            self._desk.telemetry.emit(
                OperationRefused(
                    f"0x{command.command_field:04X}", self.caller.calling_ae_title, answer.comment
                )
            )
            self.tally.refused += 1
        self._settle(context.id, store_response(command, answer.status, answer.comment))

    def _take_report(self, context: Context, command: Command) -> None:
        if (refusal := report_refusal(context, command)) is not None:
            self._refuse(context, command, *refusal)
            return
        self.incoming = IncomingReport(
            context,
            command,
            self._desk.commitments,
            answer=lambda response: self._settle(context.id, response),
        )

    def _commit(self, context: Context, command: Command) -> None:
        if self._desk.voucher is None:
            self._refuse(context, command, UNRECOGNIZED_OPERATION, "the service is not offered")
        elif (refusal := request_refusal(context, command)) is not None:
            self._refuse(context, command, refusal.status, refusal.comment)
        elif self.operations.is_full:
            self._refuse(context, command, RESOURCE_LIMITATION, "too many operations at one time")
        else:
            committing = Committing(self._desk, self._asker(), context, command, self._promises.add)
            begin = partial(self.operations.add, committing)
            self.incoming = IncomingRequest(committing, begin)

    def _asker(self) -> Asker:
        return Asker(self._line, self.origin, self.extended, self.entity)

    def _operate(self, context: Context, command: Command) -> None:
        kind = kind_of(context, command)
        if kind is None:
            self._refuse(context, command, UNRECOGNIZED_OPERATION, "the service is not offered")
        elif (refusal := query_retrieve_refusal(context, command)) is not None:
            self._refuse(context, command, refusal.status, refusal.comment)
        elif self.operations.is_full:
            self._refuse(context, command, OUT_OF_RESOURCES, "too many operations at one time")
        else:
            operation = kind(self._desk, self._asker(), context, command)
            begin = partial(self.operations.add, operation)
            self.incoming = IncomingIdentifier(operation, begin)

    def _operations_settled(self) -> None:
        """Nothing that was asked for is going on any more."""
        if self._is_over:
            return
        if self._is_release_asked:
            self._give_back_promises()
        elif self._promises and self._desk.voucher is not None:
            voucher = self._desk.voucher
            self.operations.add(Vouching(self._desk, self._asker(), self._promises, voucher))
        self._end_if_asked()

    def _give_back_promises(self) -> None:
        if self._desk.voucher is not None:
            self._promises.give_back(self._desk.voucher)

    def _end_if_asked(self) -> None:
        if self._is_release_asked and not self.owed and self.operations.is_empty:
            self._line.answer_release()

    def _answered(
        self, context: Context, command: Command, reception: Reception, answer: Answer
    ) -> None:
        self._unanswered.discard(reception)
        if isinstance(answer, Kept | Passed):
            self.tally.stored += 1
            self.tally.size += reception.size
        else:
            self.tally.refused += 1
        status, comment = status_of(answer)
        self._settle(context.id, store_response(command, status, comment))

    def _settle(self, context_id: int, response: bytes) -> None:
        """Give an answer that was owed."""
        self.owed -= 1
        if self._is_over:
            return
        self._line.send_command(context_id, response)
        self._end_if_asked()
        self._line.resume()

    def _refuse(self, context: Context, command: Command, status: int, reason: str) -> None:
        """Answer with an error, after the data set that may follow was read."""
        self._desk.telemetry.emit(
            OperationRefused(f"0x{command.command_field:04X}", self.caller.calling_ae_title, reason)
        )
        self.tally.refused += 1
        response = encode_response(command, status, reason)
        if command.has_data_set:
            self.incoming = Swallow(lambda: self._settle(context.id, response))
        else:
            self._line.send_command(context.id, response)


def _nothing() -> None:
    """Hear that a store that came home is dealt with."""
