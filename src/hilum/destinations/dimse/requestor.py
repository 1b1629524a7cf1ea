"""The requestor of an association: the one way in which Hilum calls a DIMSE peer."""

import contextlib
import itertools
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.dialogue import Dialogue
from hilum.destinations.dimse.file_way import FILE_FRAGMENT_BYTES_MIN
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.pieces import Chunks, Pieces
from hilum.destinations.dimse.questions import Questions, Reporter
from hilum.destinations.dimse.refusals import context_refusal
from hilum.destinations.dimse.requesting import request_of
from hilum.destinations.dimse.response import status_of
from hilum.destinations.dimse.seating import seated
from hilum.destinations.dimse.seats import Seat
from hilum.destinations.dimse.wire import Wire
from hilum.dicom.sop_classes import VERIFICATION, sop_class_name
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.command import RESPONSE_BIT
from hilum.dimse.message import Command, CommandField, Priority, decode_command
from hilum.dimse.service.commitment import commitment_data_set, commitment_request
from hilum.dimse.service.commitment_answer import Vouched, vouched_data_set, vouched_request
from hilum.dimse.service.storage import store_request
from hilum.dimse.service.verification import echo_request
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.events import Released
from hilum.dimse.upper.fragments import Bytes, Fragments
from hilum.dimse.upper.items import (
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
)
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.negotiation import Context
from hilum.dimse.upper.pdu import AssociateAccept, AssociateRequest
from hilum.kernel.errors import HilumError, LocalProtocolError, Rejected, RemoteProtocolError
from hilum.kernel.names import UID
from hilum.pipeline.archive.segments import Lying

if TYPE_CHECKING:
    from hilum.pipeline.archive.movers import Errand

_MESSAGE_IDS: Final = 0xFFFF  # message ids are 16 bit; 0 is left out, some peers dislike it

Reference = tuple[UID, UID]  # SOP class and instance

VERIFICATION_CONTEXT: Final = PresentationContext(
    1, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN.uid, EXPLICIT_VR_LITTLE_ENDIAN.uid)
)


async def associate(
    address: Address,
    contexts: Sequence[PresentationContext],
    options: RequestorOptions,
    *,
    reporter: Reporter | None = None,
    roles: Sequence[RoleSelection] = (),
    extended: Sequence[ExtendedNegotiation] = (),
) -> "Requestor":
    """Open an association with the peer at `address`. When this raises nothing is left open.

    With a `reporter` the peer may report storage commitment on it. `roles` and `extended` are
    offered as they are (PS3.7 §D.3.3.4, §D.3.3.5).

    Raises:
        Unreachable: no connection or no answer in time, or the peer is busy: try again later.
        Rejected: the peer does not want us; the message says why and what to change.
        RemoteProtocolError: what answered does not speak DICOM.
    """
    request = request_of(address, contexts, options, roles=roles, extended=extended)
    association = Association.requestor(request, UpperLimits())
    wire = Wire(association, address, Questions(reporter))
    seat = await seated(wire, address, options)
    try:
        seconds = options.association_timeout_seconds
        await wire.send([association.request()], seconds=seconds)
        accept = await wire.answer(AssociateAccept, to="our association request", seconds=seconds)
        return Requestor(
            wire, association, request, accept, address=address, options=options, seat=seat
        )
    except BaseException:
        wire.abort()
        await wire.wait_closed()
        raise


class Requestor:
    """An open association in which we ask. One operation at a time; any failure ends it."""

    def __init__(  # noqa: PLR0913 - parts of one association, by keyword
        self,
        wire: Wire,
        association: Association,
        request: AssociateRequest,
        accept: AssociateAccept,
        *,
        address: Address,
        options: RequestorOptions,
        seat: Seat,
    ) -> None:
        self.address = address
        self.request = request
        self.accept = accept
        self.errand: Errand | None = None  # the C-MOVE that stores are sub-operations of
        self.seat = seat
        self._wire = wire
        self._association = association
        self._options = options
        self._seconds = options.response_timeout_seconds
        self._is_beside = options.is_beside
        self._fragments = Fragments(association, pdu_bytes_max=options.fragment_bytes_max)
        self._is_busy = False
        self._message_ids = itertools.cycle(range(1, _MESSAGE_IDS + 1))

    @property
    def contexts(self) -> Mapping[int, Context]:
        """The presentation contexts that can be used, by id."""
        return self._association.contexts

    @property
    def is_open(self) -> bool:
        """Tell whether another operation may be tried."""
        return self._wire.failure is None

    @property
    def takes_files(self) -> bool:
        """Tell whether a data set in a file is best sent from there, as one piece."""
        return self._wire.takes_files and self._fragments.bytes_max >= FILE_FRAGMENT_BYTES_MIN

    def next_message_id(self) -> int:
        """Give an id that no request of ours on this association had lately."""
        return next(self._message_ids)

    def context_for(self, abstract_syntax: UID) -> Context:
        """Give the context to ask for a service on.

        Raises:
            Rejected: the peer does not offer it to us.
        """
        for context in self.contexts.values():
            if context.abstract_syntax == abstract_syntax and context.we_are_scu:
                return context
        asked = (one.id for one in self.request.contexts if one.abstract_syntax == abstract_syntax)
        raise Rejected(
            f"{self.address} does not offer us {sop_class_name(abstract_syntax)}: "
            f"{self.refusal(next(asked, 0))}. Is it allowed there for {self.address.calling!r}?"
        )

    def refusal(self, context_id: int) -> str:
        """Say why `context_id` is not among `contexts`."""
        results = {context.id: context.result for context in self.accept.contexts}
        return context_refusal(results.get(context_id))

    async def echo(self, *, message_id: int = 1, seconds: float | None = None) -> int:
        """Verify the peer (C-ECHO, PS3.4 Annex A) and give its status.

        It has `seconds` to answer; None: as long as for everything.

        Raises:
            Unreachable, RemoteProtocolError: the association is over.
            LocalProtocolError: Verification is not among `contexts`.
        """
        context_id = self._verification()
        with self._operation():
            seconds = seconds or self._seconds
            parts = self._fragments.command(context_id, echo_request(message_id))
            await self._wire.send(parts, seconds=seconds)
            response = await self._response(CommandField.C_ECHO_RSP, message_id, seconds)
        return status_of(response)

    async def store(
        self,
        context_id: int,
        message_id: int,
        sop_class: UID,
        sop_instance: UID,
        chunks: Iterable[Bytes] | AsyncIterable[Bytes],
    ) -> Command:
        """Store one instance (C-STORE, PS3.4 Annex B) and give the response, whatever its status.

        `chunks` are the data set, encoded in the context's transfer syntax; they are sent as they
        are, with a NUL behind them if their number of bytes is odd (see `Fragments.data`). Memory
        is bounded by two chunks and the transport's buffer. When `chunks` raises, the peer must not
        take the part for the whole: the association is aborted and the error goes on.

        Raises:
            Unreachable, RemoteProtocolError: the association is over, and nobody knows whether the
                peer has the instance.
        """
        return await self.store_pieces(
            context_id, message_id, sop_class, sop_instance, Chunks(chunks)
        )

    async def store_pieces(
        self,
        context_id: int,
        message_id: int,
        sop_class: UID,
        sop_instance: UID,
        pieces: Pieces,
        *,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
    ) -> Command:
        """Store one instance like `store`; its pieces may all lie in the same memory.

        `meanwhile` is awaited when the last piece was taken, before the answer is waited for. It
        may use the memory of the pieces, and must raise nothing.

        Raises:
            Unreachable, RemoteProtocolError: as for `store`.
        """
        command = self._store_request(message_id, sop_class, sop_instance)
        with self._operation():
            async with contextlib.aclosing(pieces):
                with self._message():
                    await self._send_pieces(context_id, command, pieces)
            if meanwhile is not None:
                await meanwhile()
            return await self._response(CommandField.C_STORE_RSP, message_id, self._seconds)

    def _store_request(self, message_id: int, sop_class: UID, sop_instance: UID) -> bytes:
        errand = self.errand
        return store_request(
            message_id,
            sop_class_uid=sop_class,
            sop_instance_uid=sop_instance,
            priority=Priority.MEDIUM if errand is None else errand.priority,
            originator=None if errand is None else errand.originator,
        )

    async def request_commitment(
        self, context_id: int, message_id: int, transaction: UID, instances: Sequence[Reference]
    ) -> int:
        """Ask the peer to vouch for instances (PS3.4 §J.3.2), and give its status.

        Success says that it has understood; the report comes later, here or elsewhere.

        Raises:
            Unreachable, RemoteProtocolError: the association is over.
        """
        syntax = self.contexts[context_id].transfer_syntax
        information = commitment_data_set(transaction, instances, syntax)
        request = commitment_request(message_id)
        return await self._exchange(context_id, message_id, request, information)

    async def report_commitment(self, context_id: int, message_id: int, vouched: Vouched) -> int:
        """Tell the peer what we vouch for (PS3.4 §J.3.3), and give its status.

        Raises:
            Unreachable, RemoteProtocolError: the association is over.
        """
        information = vouched_data_set(vouched, self.contexts[context_id].transfer_syntax)
        request = vouched_request(message_id, vouched)
        return await self._exchange(context_id, message_id, request, information)

    async def _exchange(
        self, context_id: int, message_id: int, request: bytes, information: bytes
    ) -> int:
        """Send a request with a short data set, and give the status of its response."""
        expected = decode_command(request).command_field | RESPONSE_BIT
        with self._operation():
            with self._message():
                parts = self._fragments.command(context_id, request)
                await self._send(parts, context_id, information, is_last=True)
            response = await self._response(expected, message_id, self._seconds)
        return status_of(response)

    @contextlib.asynccontextmanager
    async def converse(
        self,
        context_id: int,
        message_id: int,
        command: bytes,
        identifier: bytes,
        *,
        seconds: float | None = None,
    ) -> AsyncGenerator[Dialogue, None]:
        """Ask something that has many answers; whoever leaves before the last one aborts.

        The peer may ask us meanwhile, as it does in a C-GET: all that it says is in the dialogue.
        It may be silent for `seconds`, or as long as for everything.

        Raises:
            Unreachable, RemoteProtocolError: the association is over.
        """
        seconds = seconds or self._seconds
        with self._operation():
            self._wire.listen()
            try:
                with self._message():
                    parts = self._fragments.command(context_id, command)
                    await self._send(parts, context_id, identifier, is_last=True)
                yield Dialogue(self._wire, context_id, message_id, seconds=seconds)
            finally:
                self._wire.stop_listening()

    async def release(self) -> None:
        """End the association in order, and be done with it whether or not the peer answers.

        To be called in any case, after failures and `abort` too: when this returns, the transport
        is closed.
        """
        if self.is_open:
            seconds = self._options.release_timeout_seconds
            try:
                await self._wire.send([self._association.release()], seconds=seconds)
                await self._wire.answer(Released, to="our release request", seconds=seconds)
            except HilumError:
                # Every response that counts has been read; how the peer ends is its own affair.
                self.abort()
        self._wire.close()
        await self._wire.wait_closed()

    def abort(self) -> None:
        """End the association at once, if it is not over; `release` still waits for the end."""
        self._wire.abort()

    def _verification(self) -> int:
        for context in self.contexts.values():
            if context.abstract_syntax == VERIFICATION:
                return context.id
        raise LocalProtocolError("C-ECHO needs an accepted context for Verification")

    @contextlib.contextmanager
    def _operation(self) -> Iterator[None]:
        """Bound one operation: whatever interrupts it leaves an association nobody can use."""
        if self._is_busy:
            raise LocalProtocolError("this association has an operation outstanding")
        self._wire.check()
        self._is_busy = True
        try:
            yield
        except BaseException:
            self.abort()
            raise
        finally:
            self._is_busy = False

    @contextlib.contextmanager
    def _message(self) -> Iterator[None]:
        """Let nothing go between the fragments of a message; afterwards, what waited for it."""
        self._wire.is_in_message = True
        try:
            yield
        finally:
            self._wire.is_in_message = False
        self._wire.answer_questions()

    async def _send_pieces(self, context_id: int, command: bytes, pieces: Pieces) -> None:
        # The command leaves with the first piece: one segment less to wait for.
        parts = self._fragments.command(context_id, command)
        is_last = False
        while not is_last:
            piece, is_last = await pieces.piece()
            if isinstance(piece, Lying):
                headers = self._fragments.headers(context_id, piece.size)
                await self._wire.send_file(
                    parts, headers, piece, seconds=self._seconds, is_beside=self._is_beside
                )
            else:
                await self._send(parts, context_id, piece, is_last=is_last)
            parts = []

    async def _send(
        self, parts: list[Bytes], context_id: int, chunk: Bytes, *, is_last: bool
    ) -> None:
        """Send `parts` and a piece of a data set behind them."""
        self._wire.check()  # the peer may have ended while we waited for the chunk
        parts += self._fragments.data(context_id, chunk, is_last=is_last)
        await self._wire.send(parts, seconds=self._seconds)

    async def _response(self, expected: int, message_id: int, seconds: float) -> Command:
        """Wait for the response to `message_id`; anything else is a broken peer (PS3.7 §9.3)."""
        command = await self._wire.answer(Command, to="our request", seconds=seconds)
        if command.command_field != expected or command.message_id_being_responded_to != message_id:
            raise RemoteProtocolError(
                f"{self.address} answered with something else than a response ({expected:04X}) "
                f"to message {message_id} (PS3.7 §9.3)"
            )
        status_of(command)
        return command
