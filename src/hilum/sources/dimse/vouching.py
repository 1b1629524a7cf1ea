"""Reports on storage commitment, brought on the association on which they were asked for.

Only when nothing else is going on there and the peer keeps it open: who releases it, or does not
answer, is called where it listens. Every commitment that leaves here unheard goes back to the
voucher, whatever ends this.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from itertools import cycle
from typing import TYPE_CHECKING, ClassVar, Final

from hilum.dimse.command import Command, CommandField
from hilum.dimse.service.commitment_answer import Vouched, vouched_data_set, vouched_request
from hilum.dimse.status import Category, category
from hilum.dimse.upper.association import Context
from hilum.kernel.errors import HilumError
from hilum.ledger.commitment import Commitment
from hilum.sources.dimse.events import OperationFailed
from hilum.sources.dimse.operation import Asker

if TYPE_CHECKING:
    from hilum.pipeline.vouching.voucher import Voucher
    from hilum.sources.dimse.desk import Desk

_MESSAGE_IDS: Final = 0xFFFF  # message ids are 16 bit; 0 is left out, some peers dislike it
_HEARD: Final = frozenset({Category.SUCCESS, Category.WARNING})


class Promises:
    """What one association was promised and not told yet."""

    def __init__(self) -> None:
        self._owed: deque[tuple[Context, Commitment]] = deque()
        self._ids = cycle(range(1, _MESSAGE_IDS + 1))
        self._asked: set[int] = set()
        self._message_id = 0
        self._answer: asyncio.Future[int] | None = None

    def __bool__(self) -> bool:
        return bool(self._owed)

    @property
    def awaits_answer(self) -> bool:
        """Tell whether the peer has a report and has not answered yet."""
        return self._answer is not None

    def add(self, context: Context, commitment: Commitment) -> None:
        """Owe one more report."""
        self._owed.append((context, commitment))

    def next(self) -> tuple[Context, Commitment]:
        """Give the oldest; there must be one."""
        return self._owed[0]

    def done(self) -> None:
        """The oldest is owed no more."""
        self._owed.popleft()

    def give_back(self, voucher: "Voucher") -> None:
        """Have the peer called for all that is owed."""
        while self._owed:
            voucher.give_back(self._owed.popleft()[1])

    @contextlib.contextmanager
    def asking(self) -> Iterator[tuple[int, asyncio.Future[int]]]:
        """Give the message id of a report, and the future of its status."""
        self._message_id = next(self._ids)
        self._asked.add(self._message_id)
        self._answer = asyncio.get_running_loop().create_future()
        try:
            yield self._message_id, self._answer
        finally:
            self._answer = None

    def take_response(self, command: Command) -> bool:
        """Take the answer to a report, a late one too; False: it is something else."""
        number, status = command.message_id_being_responded_to, command.status
        is_report = command.command_field == CommandField.N_EVENT_REPORT_RSP
        if not is_report or number not in self._asked or command.has_data_set or status is None:
            return False
        self._asked.discard(number)
        if self._answer is not None and number == self._message_id and not self._answer.done():
            self._answer.set_result(status)
        return True


class Vouching:
    """Tells a peer what it was promised (`operations.Running`)."""

    name: ClassVar[str] = "N-EVENT-REPORT"

    def __init__(self, desk: "Desk", asker: Asker, promises: Promises, voucher: "Voucher") -> None:
        self._desk = desk
        self._asker = asker
        self._promises = promises
        self._voucher = voucher
        self._waiting: asyncio.Event | None = None
        self._is_sending = False

    @property
    def message_id(self) -> int | None:
        """Give the number that a C-CANCEL would name: nobody asked for this."""
        return None

    @property
    def survives_release(self) -> bool:
        """Tell that a peer that leaves is called instead, but for a message that was begun."""
        return self._is_sending

    @property
    def awaits_answer(self) -> bool:
        """Tell that the peer is not waiting for us: we wait for it, or for nothing."""
        return True

    def cancel(self) -> None:
        """Nobody can: see `message_id`."""

    def take_response(self, command: Command) -> bool:
        """Take the answer to a report."""
        return self._promises.take_response(command)

    def make_way(self) -> None:
        """Something that was asked for comes first, unless a report is out already."""
        if self._waiting is not None:
            self._waiting.set()

    async def run(self) -> None:
        """Bring all reports; what is not heard goes back, except when others come first."""
        try:
            if await self._comes_first():
                return
            if self._asker.is_open:
                await self._report_all()
            self._promises.give_back(self._voucher)
        except HilumError:
            self._promises.give_back(self._voucher)
        except Exception as error:  # noqa: BLE001 - the top of this task: the gateway goes on
            calling = self._asker.origin.calling_ae_title
            self._desk.telemetry.emit(OperationFailed.of(self.name, calling, error))
            self._promises.give_back(self._voucher)
        except asyncio.CancelledError:
            self._promises.give_back(self._voucher)
            raise

    async def _comes_first(self) -> bool:
        """Give the peer time to release (which ends this), or to ask for more; tell if it did."""
        self._waiting = asyncio.Event()
        try:
            async with asyncio.timeout(self._voucher.settings.same_association_seconds):
                await self._waiting.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting = None
        return True

    async def _report_all(self) -> None:
        while self._promises:
            context, commitment = self._promises.next()
            vouched = await self._voucher.judge(commitment)
            if not await self._is_heard(context, vouched):
                return
            self._promises.done()
            await self._voucher.heard(commitment, vouched, " on its own association")

    async def _is_heard(self, context: Context, vouched: Vouched) -> bool:
        """Send a report and wait for the answer. Raises Unreachable."""
        information = vouched_data_set(vouched, context.transfer_syntax)
        with self._promises.asking() as (message_id, answer):
            request = vouched_request(message_id, vouched)
            await self._send(context, request, information)
            if not self._asker.is_open:
                return False  # it asked for release meanwhile, and answers no more
            try:
                async with asyncio.timeout(self._voucher.settings.response_seconds):
                    status = await answer
            except TimeoutError:
                return False
        return category(status) in _HEARD

    async def _send(self, context: Context, request: bytes, information: bytes) -> None:
        self._is_sending = True
        try:
            await self._asker.respond(context.id, request, information)
        finally:
            self._is_sending = False
