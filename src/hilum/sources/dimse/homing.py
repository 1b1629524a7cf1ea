"""A C-STORE that belongs to a C-MOVE of our own: it goes to whoever asked for it, not to intake."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from hilum.dimse.command import Command
from hilum.dimse.service.storage import Refusal
from hilum.dimse.status import PROCESSING_FAILURE
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.buffers import Buffer
from hilum.pipeline.events import AnswerFailed
from hilum.pipeline.landing import Sink, Touchdown
from hilum.pipeline.reception import BACKLOG_BYTES

LATE: Final = "the retrieval it belongs to is over"


class Homing:
    """One data set on its way home (`storing.Incoming`), and the work that takes it there.

    `answered` gets the answer and how long it was, unless it was abandoned; `resumed` is called
    when it is not behind any more.
    """

    def __init__(  # noqa: PLR0913 - parts of one store, by keyword
        self,
        sink: Sink,
        context: Context,
        command: Command,
        *,
        sender: str,
        telemetry: Telemetry,
        answered: Callable[[Refusal, int], None],
        resumed: Callable[[], None],
    ) -> None:
        self.size = 0
        self._sink = sink
        self._context = context
        self._command = command
        self._sender = sender
        self._telemetry = telemetry
        self._answered = answered
        self._resumed = resumed
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_finished = False
        self._is_abandoned = False
        self._news = asyncio.Event()

    @property
    def is_behind(self) -> bool:
        """Tell whether reading should stop until the disk has caught up."""
        return self._waiting_bytes >= BACKLOG_BYTES

    def take(self, piece: memoryview, buffer: Buffer) -> None:  # noqa: ARG002 - see Incoming
        """Take the next bytes; their buffer is used again."""
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        self._waiting_bytes += len(piece)
        self._news.set()

    def finish(self) -> None:
        """The last byte was taken."""
        self._is_finished = True
        self._news.set()

    def abandon(self) -> None:
        """The sender went away."""
        self._is_abandoned = True
        self._news.set()

    async def run(self) -> None:
        """Carry it there; raises nothing."""
        try:
            answer = await self._carry()
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the answer
            uid = self._command.affected_sop_instance_uid
            self._telemetry.emit(AnswerFailed(uid, type(error).__name__, place_of(error)))
            answer = Refusal(PROCESSING_FAILURE, "it cannot be kept")
            await self._end()
        if not self._is_abandoned:
            self._answered(answer, self.size)

    async def _carry(self) -> Refusal:
        touchdown = await Touchdown.begin(
            self._sink, self._context, self._command, sender=self._sender
        )
        try:
            while await self._end_or_more():
                while self._pieces:
                    await touchdown.take(self._next())
            return touchdown.answer if self._is_abandoned else await touchdown.finish()
        finally:
            await touchdown.abandon()

    async def _end_or_more(self) -> bool:
        """Wait; tell whether there are pieces."""
        while not self._pieces and not self._is_finished and not self._is_abandoned:
            self._news.clear()
            await self._news.wait()
        return bool(self._pieces) and not self._is_abandoned

    async def _end(self) -> None:
        """Drop what comes until the end: the answer goes behind it."""
        while await self._end_or_more():
            self._pieces.clear()
            self._waiting_bytes = 0
            self._resumed()

    def _next(self) -> bytes:
        was_behind = self.is_behind
        piece = self._pieces.popleft()
        self._waiting_bytes -= len(piece)
        if was_behind and not self.is_behind:
            self._resumed()
        return piece
