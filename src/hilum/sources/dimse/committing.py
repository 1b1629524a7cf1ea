"""Storage commitment that a peer asks us for (N-ACTION): promised durably, then answered.

Reporting comes later and is another operation: see `vouching`.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from hilum.dimse.command import Command
from hilum.dimse.message import encode_response
from hilum.dimse.service.commitment_answer import (
    REQUEST_BYTES_MAX,
    CommitmentRequest,
    read_request,
)
from hilum.dimse.status import (
    INVALID_ARGUMENT,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
)
from hilum.dimse.upper.association import Context
from hilum.kernel.errors import Full, Rejected, RemoteProtocolError, Unreachable
from hilum.ledger.commitment import Commitment
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.buffers import Buffer
from hilum.sources.dimse.events import OperationFailed, OperationRefused
from hilum.sources.dimse.operation import Asker

if TYPE_CHECKING:
    from hilum.sources.dimse.desk import Desk


class Committing:
    """One request (`operations.Running`)."""

    name: ClassVar[str] = "N-ACTION"

    def __init__(
        self,
        desk: "Desk",
        asker: Asker,
        context: Context,
        command: Command,
        promised: Callable[[Context, Commitment], None],
    ) -> None:
        """Take who asks; `promised` is told of a commitment that is answered and not reported."""
        self.data = bytearray()
        self.is_too_long = False
        self._desk = desk
        self._asker = asker
        self._context = context
        self._command = command
        self._promised = promised

    @property
    def message_id(self) -> int | None:
        """Give the number that a C-CANCEL would name; there is none for an N-ACTION."""
        return None

    @property
    def survives_release(self) -> bool:
        """Tell that the answer goes out before a release is agreed to."""
        return True

    @property
    def awaits_answer(self) -> bool:
        """Tell that the peer owes us nothing."""
        return False

    def cancel(self) -> None:
        """Nothing to stop."""

    def take_response(self, command: Command) -> bool:  # noqa: ARG002 - it has asked for nothing
        """Take nothing: a request asks the peer nothing."""
        return False

    def make_way(self) -> None:
        """Others wait until this is answered."""

    async def run(self) -> None:
        """Promise and answer, if that can be sent."""
        try:
            status, comment = await self._status()
            await self._asker.respond(
                self._context.id, encode_response(self._command, status, comment), None
            )
        except Unreachable:
            return  # what was promised is reported all the same, when its lease ends

    async def _status(self) -> tuple[int, str]:
        try:
            request = await self._read()
            await self._promise(request)
        except RemoteProtocolError as error:
            return self._refused(INVALID_ARGUMENT, str(error))
        except Rejected as error:
            return self._refused(PROCESSING_FAILURE, str(error))
        except (Full, LedgerUnavailable):
            return self._refused(RESOURCE_LIMITATION, "the request cannot be kept now")
        except Exception as error:  # noqa: BLE001 - the top of this task: the gateway goes on
            calling = self._asker.origin.calling_ae_title
            self._desk.telemetry.emit(OperationFailed.of(self.name, calling, error))
            return PROCESSING_FAILURE, "a fault of ours"
        return SUCCESS, ""

    async def _read(self) -> CommitmentRequest:
        if self.is_too_long:
            raise RemoteProtocolError(f"a request of more than {REQUEST_BYTES_MAX} bytes")
        # Thousands of items take a while.
        return await asyncio.to_thread(
            read_request, bytes(self.data), self._context.transfer_syntax
        )

    async def _promise(self, request: CommitmentRequest) -> None:
        voucher = self._desk.voucher
        assert voucher is not None  # noqa: S101 - without one no request is taken
        commitment = await voucher.promise(request, self._asker.origin)
        self._promised(self._context, commitment)

    def _refused(self, status: int, reason: str) -> tuple[int, str]:
        calling = self._asker.origin.calling_ae_title
        self._desk.telemetry.emit(OperationRefused(self.name, calling, reason))
        return status, reason


class IncomingRequest:
    """The data set of a request while it arrives (`storing.Incoming`)."""

    __slots__ = ("_begin", "_committing", "size")

    def __init__(self, committing: Committing, begin: Callable[[], None]) -> None:
        self.size = 0
        self._committing = committing
        self._begin = begin

    @property
    def is_behind(self) -> bool:
        """Memory is never too slow."""
        return False

    def take(self, piece: memoryview, buffer: Buffer) -> None:  # noqa: ARG002 - see Incoming
        """Keep the next bytes, as far as a request may be long."""
        self.size += len(piece)
        if self.size <= REQUEST_BYTES_MAX:
            self._committing.data += piece
        else:
            self._committing.is_too_long = True

    def finish(self) -> None:
        """Begin, or wait behind what is going on."""
        self._begin()

    def abandon(self) -> None:
        """Nothing was begun."""
