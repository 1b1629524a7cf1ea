"""What a peer asks us on an association that we opened: a report of storage commitment, or nothing.

It is put together in memory, bounded; its answer waits until it parts no message of ours.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hilum.dimse.message import (
    Command,
    CommandField,
    CommandReceived,
    DataReceived,
    encode_response,
)
from hilum.dimse.service.commitment import (
    REPORT_BYTES_MAX,
    STORAGE_COMMITMENT,
    CommitmentReport,
    read_report,
)
from hilum.dimse.status import PROCESSING_FAILURE, SUCCESS
from hilum.kernel.errors import RemoteProtocolError

if TYPE_CHECKING:
    from hilum.dimse.upper.negotiation import Context

# Takes a report and tells whether anybody waited for it.
Reporter = Callable[[CommitmentReport], bool]


class Questions:
    """Takes requests of the peer; gives the answers that are owed, with their contexts."""

    def __init__(self, reporter: Reporter | None) -> None:
        self._reporter = reporter
        self._asked: tuple[Context, Command] | None = None
        self._data = bytearray()
        self._owed: list[tuple[int, bytes]] = []

    def ask(self, received: CommandReceived) -> None:
        """Take a request.

        Raises:
            RemoteProtocolError: on this association nobody may ask us that.
        """
        command, context = received.command, received.context
        is_report = command.command_field == CommandField.N_EVENT_REPORT_RQ
        if self._reporter is None or not is_report or not command.has_data_set:
            raise RemoteProtocolError(
                f"it asks us something (0x{command.command_field:04X}) on an association of ours"
            )
        if context.abstract_syntax != STORAGE_COMMITMENT:
            raise RemoteProtocolError("it reports on a context of another service")
        self._asked = context, command
        self._data.clear()

    def take(self, received: DataReceived) -> None:
        """Take a piece of what belongs to the request.

        Raises:
            RemoteProtocolError: it is too long, or no report.
        """
        if self._asked is None or self._reporter is None:
            return  # of a response, which has none that we know
        if len(self._data) + len(received.data) > REPORT_BYTES_MAX:
            raise RemoteProtocolError(f"a report of more than {REPORT_BYTES_MAX} bytes")
        self._data += received.data
        if received.is_last:
            context, command = self._asked
            self._asked = None
            report = read_report(bytes(self._data), context.transfer_syntax)
            self._data.clear()
            status = SUCCESS if self._reporter(report) else PROCESSING_FAILURE
            self._owed.append((context.id, encode_response(command, status)))

    def owed(self) -> list[tuple[int, bytes]]:
        """Give the answers to send now."""
        owed, self._owed = self._owed, []
        return owed
