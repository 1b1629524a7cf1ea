"""One C-FIND, C-MOVE or C-GET that a peer asked for: what the three have in common.

Runs as a task of its own beside the callbacks of the connection; only it sends data sets.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from hilum.dicom.dataset import DataSet
from hilum.dimse.command import Command, encode_command
from hilum.dimse.service.ending import Ending, does_not_match, ended, unable
from hilum.dimse.service.identifier import IdentifierPieces
from hilum.dimse.service.query_negotiation import agreed_bytes
from hilum.dimse.status import SUCCESS
from hilum.dimse.upper.association import Association, Context
from hilum.dimse.upper.fragments import Fragments
from hilum.dimse.upper.items import ExtendedNegotiation
from hilum.dimse.upper.state import State
from hilum.kernel.errors import Full, RemoteProtocolError, Unreachable
from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.buffers import Buffer
from hilum.pipeline.entities import Entity
from hilum.query.identifier import BadIdentifier
from hilum.query.level import Level, Model, model_of
from hilum.query.via import Via, via_of_identifier
from hilum.sources.dimse.events import OperationFailed, OperationRefused
from hilum.sources.dimse.library import Library
from hilum.sources.dimse.outbox import Outbox
from hilum.sources.dimse.patience import Patience

if TYPE_CHECKING:
    from hilum.sources.dimse.desk import Desk

# Longest PDU we send; what the peer announces holds in any case. A longer one saves nothing.
PDU_BYTES_MAX: Final = 1 << 20
# Which of our failures it was, in the last digits of Cxxx.
_UNREADABLE_IDENTIFIER: Final = 0
_FAULT: Final = 1


@dataclass(frozen=True, slots=True)
class Extended:
    """The extended negotiation of an association: what was offered and what was answered."""

    offered: Sequence[ExtendedNegotiation] = ()
    answered: Sequence[ExtendedNegotiation] = ()

    def agreed(self, sop_class_uid: UID) -> bytes:
        """Give what holds for a SOP class."""
        return agreed_bytes(self.offered, self.answered, sop_class_uid)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is: matches or instances that were sent, of how many if that is known.

    `size`: bytes of the instances that arrived.
    """

    sent: int = 0
    expected: int | None = None
    size: int = 0


class Line(Protocol):
    """What operations need of their connection."""

    engine: Association
    outbox: Outbox

    def abort(self, ending: str, detail: str) -> None:
        """Tell the peer that it is over, and close."""
        ...


class Asker:
    """Who asks, and how to answer: the association as operations see it."""

    def __init__(
        self, line: "Line", origin: Origin, extended: Extended, entity: Entity | None
    ) -> None:
        """Take the association; without an `entity` there is nothing that can be asked."""
        self.contexts = line.engine.contexts
        self.outbox = line.outbox
        self._engine = line.engine
        self.abort = line.abort
        self.origin = origin
        self.extended = extended
        self.entity = entity
        self.fragments = Fragments(line.engine, pdu_bytes_max=PDU_BYTES_MAX)

    @property
    def is_open(self) -> bool:
        """Tell whether the peer takes requests and answers them: it has not asked for release."""
        return self._engine.state is State.ESTABLISHED

    async def respond(self, context_id: int, response: bytes, identifier: bytes | None) -> None:
        """Send a response, and its identifier if there is one. Raises Unreachable."""
        fragments = self.fragments
        parts = fragments.command(context_id, response)
        if identifier is not None:
            parts += fragments.data(context_id, identifier, is_last=True)
        with self.outbox.message():
            await self.outbox.send_parts(parts)


class Operation(ABC):
    """What was asked for. `run` gives every response; it is run once, or never."""

    name: ClassVar[str]

    def __init__(self, desk: "Desk", asker: Asker, context: Context, command: Command) -> None:
        self.identifier = IdentifierPieces()
        self.is_canceled = False
        self.level: Level | None = None  # None: the identifier was not read yet
        self.began = desk.clock.now()
        self._patience = Patience()
        self._desk = desk
        self._asker = asker
        self._context = context
        self._command = command
        self._via: Via = ()

    @property
    def message_id(self) -> int | None:
        """Give the number that a C-CANCEL would name."""
        return self._command.message_id

    @property
    def survives_release(self) -> bool:
        """Tell whether it can go on when the peer has asked for release."""
        return True

    @property
    def awaits_answer(self) -> bool:
        """Tell whether the peer owes us an answer to something that we asked it."""
        return False

    @property
    def awaits_archive(self) -> bool:
        """Tell whether it waits for an archive now, which may be elsewhere and slow."""
        return self._patience.is_waiting

    @property
    def progress(self) -> Progress:
        """Give how far it is."""
        return Progress()

    def make_way(self) -> None:  # noqa: B027 - most do not
        """Something else waits for this: it was asked for first, and comes first."""

    def cancel(self) -> None:
        """Stop soon: the peer does not want the rest."""
        self.is_canceled = True
        self._patience.end()

    def take_response(self, command: Command) -> bool:  # noqa: ARG002 - see `Getting`
        """Take a response of the peer; False: nobody has asked for it."""
        return False

    async def run(self) -> None:
        """Carry it out and send the last response, whatever happens, if that can be sent."""
        try:
            await self._answer()
        except Unreachable:
            # The peer went away: there is nobody to tell.
            return
        except Exception as error:  # noqa: BLE001 - the top of this task: the gateway goes on
            calling = self._asker.origin.calling_ae_title
            self._desk.telemetry.emit(OperationFailed.of(self.name, calling, error))
            await self._end_if_possible(unable("a fault of ours", _FAULT))

    async def _answer(self) -> None:
        try:
            identifier = self.identifier.read(self._context.transfer_syntax)
            self._via = via_of_identifier(identifier)
            await self._act(identifier)
        except BadIdentifier as error:
            await self._refuse(does_not_match(error.tag, str(error), error.status))
        except RemoteProtocolError:
            await self._refuse(unable("the identifier cannot be read", _UNREADABLE_IDENTIFIER))
        except AnswererFailed as error:
            await self._end_ailing(error)
        except (Full, LedgerUnavailable):
            await self._refuse(self._without_resources("the archive cannot be asked now"))

    @abstractmethod
    async def _act(self, identifier: DataSet) -> None:
        """Do what the identifier asks for and send the last response.

        Raises:
            BadIdentifier, Full, LedgerUnavailable, AnswererFailed: it cannot be done; nothing
                final was sent.
            Unreachable: the peer went away.
        """

    @abstractmethod
    def _without_resources(self, comment: str) -> Ending:
        """Give the ending that says "not now"."""

    @abstractmethod
    def _ailing(self, error: AnswererFailed) -> Ending:
        """Give the ending that tells what is the matter with an archive elsewhere."""

    async def _end_ailing(self, error: AnswererFailed) -> None:
        ending = self._ailing(error)
        if ending.status == SUCCESS:  # "there is no such thing" is an answer to a question
            await self._respond(encode_command(ended(self._command, ending)))
        else:
            await self._refuse(ending, f"{error.answerer}: {error}")

    @property
    def _entity(self) -> Entity:
        entity = self._asker.entity
        assert entity is not None  # noqa: S101 - without one no such context is accepted
        return entity

    @property
    def _origin(self) -> Origin:
        """Say who asks, and through whom."""
        return replace(self._asker.origin, via=self._entity.asked_via(self._via))

    @property
    def _library(self) -> Library:
        library = self._desk.library
        assert library is not None  # noqa: S101 - without one no such context is accepted
        return library

    @property
    def _model(self) -> Model:
        model = model_of(self._context.abstract_syntax)
        assert model is not None  # noqa: S101 - no other context is accepted for an operation
        return model

    async def _respond(self, response: bytes, identifier: bytes | None = None) -> None:
        await self._asker.respond(self._context.id, response, identifier)

    async def _refuse(self, ending: Ending, reason: str = "") -> None:
        """Send a last response that tells nothing but its status; the operator is told why."""
        calling = self._asker.origin.calling_ae_title
        told = reason or ending.comment
        self._desk.telemetry.emit(OperationRefused(self.name, calling, told))
        await self._respond(encode_command(ended(self._command, ending)))

    async def _end_if_possible(self, ending: Ending) -> None:
        with contextlib.suppress(Unreachable):
            await self._respond(encode_command(ended(self._command, ending)))

    def _seconds_since(self, began: float) -> float:
        return self._desk.clock.monotonic() - began


class IncomingIdentifier:
    """The identifier of an operation while it arrives (`storing.Incoming`)."""

    __slots__ = ("_complete", "_pieces", "size")

    def __init__(self, operation: Operation, complete: Callable[[], None]) -> None:
        self.size = 0
        self._pieces = operation.identifier
        self._complete = complete

    @property
    def is_behind(self) -> bool:
        """Memory is never too slow."""
        return False

    def take(self, piece: memoryview, buffer: Buffer) -> None:  # noqa: ARG002 - see Incoming
        """Keep the next bytes, as far as an identifier may be long."""
        self.size += len(piece)
        self._pieces.take(piece)

    def finish(self) -> None:
        """Begin with the operation, or put it behind the one that is going on."""
        self._complete()

    def abandon(self) -> None:
        """Nothing was begun."""
