"""The associations on which one archive is asked: few, reused, and never more than were allowed.

Each one in use is a `Loan`, of whoever borrowed it. The work on it runs in a task of the pool's
own, so that whoever waits for it may go away while the work is wound up in good order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final

from hilum.destinations.dimse.answering.ailing import Waited
from hilum.destinations.dimse.answering.figures import Figures, InUse
from hilum.destinations.dimse.answering.gate import Entrance
from hilum.destinations.dimse.inquiry import Inquiry
from hilum.destinations.dimse.requestor import Requestor
from hilum.destinations.dimse.seats import NoSeat, Seats
from hilum.dicom.sop_classes import VERIFICATION
from hilum.kernel.errors import HilumError

# A question that nobody waits for any more has so long to end; then its association goes.
WIND_UP_SECONDS: Final = 1.0
# Whoever comes when so many wait would not be served in time.
WAITING_MAX: Final = 1000
# Idle for so long, an association is asked whether it is there: a firewall may have forgotten it.
ECHO_AFTER_SECONDS: Final = 10.0
_ECHO_SECONDS: Final = 2.0

Opener = Callable[[Inquiry], Awaitable[Requestor]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one pool may have, and for how long."""

    associations_max: int
    keep_alive_seconds: float
    wait_seconds: float


@dataclass(slots=True, eq=False)
class Loan:
    """An association in use by one piece of work. `is_reused`: it served others before.

    `entrance`: what it brings comes through there.
    """

    requestor: Requestor
    inquiry: Inquiry
    what: str
    is_reused: bool
    since: float
    entrance: Entrance | None = None
    deadline: asyncio.TimerHandle | None = None

    @property
    def received_bytes(self) -> int:
        """Tell how much of instances it has brought."""
        return 0 if self.entrance is None else self.entrance.received_bytes


@dataclass(slots=True, eq=False)
class _Idle:
    requestor: Requestor
    inquiry: Inquiry
    since: float
    expiry: asyncio.TimerHandle = field(init=False)


class Pool:
    """Lives on the event loop. `aclose` ends everything that it began."""

    def __init__(
        self,
        answerer: str,
        peer: str,
        opener: Opener,
        bounds: Bounds,
        seats: Seats | None = None,
    ) -> None:
        """Take whom to ask and how; `seats`: what the opener takes them from."""
        self._answerer = answerer
        self._peer = peer
        self._opener = opener
        self._bounds = bounds
        self._seats = seats
        self._slots = asyncio.Semaphore(bounds.associations_max)
        self._open = 0
        self._waiting = 0
        self._idle: list[_Idle] = []  # the one that was used last is the last
        self._loans: set[Loan] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def figures(self) -> Figures:
        """Tell what is going on now."""
        now = asyncio.get_running_loop().time()
        return Figures(
            answerer=self._answerer,
            peer=self._peer,
            associations_max=self._bounds.associations_max,
            open=self._open,
            idle=len(self._idle),
            waiting=self._waiting,
            in_use=tuple(
                [InUse(one.what, now - one.since, one.received_bytes) for one in self._loans]
            ),
        )

    @property
    def free(self) -> int:
        """Tell how many could be borrowed without waiting."""
        if self._waiting:
            return 0
        free = self._bounds.associations_max - len(self._loans)
        return free if self._seats is None else min(free, self._seats.free + len(self._idle))

    async def borrow(self, inquiry: Inquiry, what: str) -> Loan:
        """Give an association that was opened for `inquiry`, an idle one or a new one.

        It has to be given to `work`, or to `give_back`.

        Raises:
            Waited: none came free in time.
            HilumError: as `associate` does.
        """
        await self._wait_for_a_slot()
        try:
            requestor = await self._idle_for(inquiry)
            is_reused = requestor is not None
            if requestor is None:
                requestor = await self._opened(inquiry)
        except BaseException:
            self._slots.release()
            raise
        now = asyncio.get_running_loop().time()
        loan = Loan(requestor, inquiry, what, is_reused, now)
        self._loans.add(loan)
        return loan

    def work(self, loan: Loan, body: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `body` on a loan and give it back at its end, whatever it is."""

        async def run() -> None:
            try:
                await body
            finally:
                self.give_back(loan)

        task = asyncio.get_running_loop().create_task(run(), name=f"asking {self._answerer}")
        self._work.add(task)
        task.add_done_callback(self._ended)
        return task

    def give_back(self, loan: Loan) -> None:
        """End a loan: its association waits for the next, or is closed. A second call is none."""
        if loan not in self._loans:
            return
        self._loans.remove(loan)
        self._slots.release()
        if loan.deadline is not None:
            loan.deadline.cancel()
        if loan.requestor.is_open and not self._is_closed:
            self._keep(loan)
        else:
            loan.requestor.abort()
            self._close(loan.requestor)

    def leave(self, loan: Loan) -> None:
        """End a loan whose association is of no use to anybody."""
        if loan in self._loans:
            self._loans.remove(loan)
            self._slots.release()
            self._close(loan.requestor)

    def wind_up(self, loan: Loan) -> None:
        """Nobody waits for this any more; what has not ended in a second is aborted."""
        if loan in self._loans and loan.deadline is None:
            loop = asyncio.get_running_loop()
            loan.deadline = loop.call_later(WIND_UP_SECONDS, loan.requestor.abort)

    async def aclose(self) -> None:
        """End all associations, and wait until they are closed. Safe to call twice."""
        self._is_closed = True
        for loan in tuple(self._loans):
            loan.requestor.abort()
        while self._idle:
            self._close(self._take_out(self._idle[-1]))
        while pending := self._work | self._closing:
            await asyncio.wait(pending)

    # What borrowing takes.

    async def _wait_for_a_slot(self) -> None:
        if self._is_closed or self._waiting >= WAITING_MAX:
            raise Waited(f"{self._peer}: {self._waiting} questions wait for it already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._bounds.wait_seconds):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Waited(
                f"{self._peer}: all {self._bounds.associations_max} associations that we may have "
                f"were in use for {self._bounds.wait_seconds:g} s (archive.associations_max)"
            ) from error
        finally:
            self._waiting -= 1

    async def _idle_for(self, inquiry: Inquiry) -> Requestor | None:
        """Give an idle association that is still there; those that are not go without a word."""
        while idle := next((one for one in reversed(self._idle) if one.inquiry == inquiry), None):
            requestor = self._take_out(idle)
            try:
                is_there = await _is_there(requestor, since=idle.since)
            except BaseException:
                requestor.abort()
                self._close(requestor)
                raise
            if is_there:
                return requestor
            requestor.abort()
            self._close(requestor)
        return None

    async def _opened(self, inquiry: Inquiry) -> Requestor:
        while self._open >= self._bounds.associations_max:
            if self._idle:
                self._close(self._take_out(self._idle[0]))
            await asyncio.wait(self._closing, return_when=asyncio.FIRST_COMPLETED)
        self._open += 1
        try:
            return await self._opener(inquiry)
        except NoSeat as error:
            self._open -= 1
            raise Waited(str(error)) from error
        except BaseException:
            self._open -= 1
            raise

    # What comes back.

    def _keep(self, loan: Loan) -> None:
        loop = asyncio.get_running_loop()
        idle = _Idle(loan.requestor, loan.inquiry, loop.time())
        idle.expiry = loop.call_later(self._bounds.keep_alive_seconds, self._expire, idle)
        self._idle.append(idle)
        loan.requestor.seat.lend(lambda: self._give_up(idle))

    def _give_up(self, idle: _Idle) -> None:
        """Somebody else needs its seat."""
        if idle in self._idle:
            self._expire(idle)

    def _expire(self, idle: _Idle) -> None:
        self._close(self._take_out(idle))

    def _take_out(self, idle: _Idle) -> Requestor:
        idle.expiry.cancel()
        self._idle.remove(idle)
        idle.requestor.seat.take_up()
        return idle.requestor

    def _close(self, requestor: Requestor) -> None:
        """Release an association beside everything else; it counts as open until it is closed."""

        async def close() -> None:
            try:
                await requestor.release()
            finally:
                self._open -= 1

        task = asyncio.get_running_loop().create_task(close(), name=f"leaving {self._answerer}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may wait any more


async def _is_there(requestor: Requestor, *, since: float) -> bool:
    """Find out, as far as it costs little, whether an idle association can be used."""
    if not requestor.is_open:
        return False
    can_echo = any(one.abstract_syntax == VERIFICATION for one in requestor.contexts.values())
    if not can_echo or asyncio.get_running_loop().time() - since < ECHO_AFTER_SECONDS:
        return True
    try:
        await requestor.echo(message_id=requestor.next_message_id(), seconds=_ECHO_SECONDS)
    except HilumError:
        return False
    return True
