"""A report of storage commitment that an archive brings on an association of its own.

It is short, and put together in memory, bounded; who waits for it is told.
"""

from collections.abc import Callable

from hilum.dimse.message import Command, encode_response
from hilum.dimse.service.commitment import (
    REPORT_BYTES_MAX,
    STORAGE_COMMITMENT,
    read_report,
)
from hilum.dimse.status import (
    CANNOT_UNDERSTAND,
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
)
from hilum.dimse.upper.association import Context
from hilum.kernel.errors import RemoteProtocolError
from hilum.pipeline.buffers import Buffer
from hilum.pipeline.commitments import Commitments


def report_refusal(context: Context, command: Command) -> tuple[int, str] | None:
    """Give the status and comment that refuse an N-EVENT-REPORT; None: it can be taken."""
    if context.abstract_syntax != STORAGE_COMMITMENT or not context.we_are_scu:
        return SOP_CLASS_NOT_SUPPORTED, "propose SCP role for storage commitment"
    if not command.has_data_set:
        return CANNOT_UNDERSTAND, "the report has no data set"
    return None


class IncomingReport:
    """A report while it arrives (`storing.Incoming`)."""

    __slots__ = ("_answer", "_command", "_commitments", "_context", "_data", "size")

    def __init__(
        self,
        context: Context,
        command: Command,
        commitments: Commitments,
        *,
        answer: Callable[[bytes], None],
    ) -> None:
        self.size = 0
        self._context = context
        self._command = command
        self._commitments = commitments
        self._answer = answer
        self._data = bytearray()

    @property
    def is_behind(self) -> bool:
        """Memory is never too slow."""
        return False

    def take(self, piece: memoryview, buffer: Buffer) -> None:  # noqa: ARG002 - see Incoming
        """Keep the next bytes, as far as a report may be long."""
        self.size += len(piece)
        if self.size <= REPORT_BYTES_MAX:
            self._data += piece

    def finish(self) -> None:
        """Pass the report on and answer."""
        self._answer(encode_response(self._command, *self._judged()))

    def abandon(self) -> None:
        """Nothing was kept."""

    def _judged(self) -> tuple[int, str]:
        if self.size > REPORT_BYTES_MAX:
            return PROCESSING_FAILURE, "the report is too long"
        try:
            report = read_report(bytes(self._data), self._context.transfer_syntax)
        except RemoteProtocolError:
            return PROCESSING_FAILURE, "the report cannot be read"
        if not self._commitments.report(report):
            return PROCESSING_FAILURE, "nobody waits for this transaction"
        return SUCCESS, ""
