"""Seats at one peer: how many associations one process may have open with it for all purposes.

Deliveries, stores that go through, questions, C-MOVEs and reports take from the same ones. An
association that nobody uses is given up when somebody waits for its seat.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from hilum.destinations.dimse.refusals import Busy


class NoSeat(Busy):
    """All associations that we may have with the peer were in use for too long."""


class Seats:
    """The seats of one peer. `limit` may be changed; what is open then stays so."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: dict[Seat, Callable[[], None]] = {}  # the one that is idle for longest first

    @property
    def free(self) -> int:
        """Tell how many could be taken without waiting."""
        return 0 if self._waiting else max(self.limit - self._taken, 0)

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody waits."""
        return bool(self._waiting)

    async def take(self, *, seconds: float, peer: str) -> "Seat":
        """Take a seat, or wait for one behind those who wait already.

        Raises:
            NoSeat: none came free in time.
        """
        if self.free:
            self._taken += 1
            return Seat(self)
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._make_room()
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except BaseException as error:
            self._forget(waiter)
            if isinstance(error, TimeoutError):
                raise NoSeat(
                    f"{peer}: all {self.limit} associations that we may have with it were in use "
                    f"for {seconds:g} s (associations_max)"
                ) from error
            raise
        return Seat(self)

    def _make_room(self) -> None:
        """Have the association go that nobody uses for the longest."""
        if self._idle:
            self._idle.pop(next(iter(self._idle)))()

    def _forget(self, waiter: "asyncio.Future[None]") -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.cancelled():
            self._pass_on()  # it was given at the last moment

    def _pass_on(self) -> None:
        """A seat is free: it is the next one's."""
        if self._taken <= self.limit:
            while self._waiting:
                waiter = self._waiting.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    return
        self._taken -= 1

    def _lend(self, seat: "Seat", leave: Callable[[], None]) -> None:
        if self._waiting:
            leave()
        else:
            self._idle[seat] = leave

    def _take_up(self, seat: "Seat") -> None:
        self._idle.pop(seat, None)


class Seat:
    """One that is taken, until it is given back."""

    __slots__ = ("_is_given_back", "_seats")

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._is_given_back = False

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody else waits for one."""
        return self._seats.is_wanted

    def lend(self, leave: Callable[[], None]) -> None:
        """Nobody uses it for a while; `leave` is called, now or later, when somebody waits."""
        if not self._is_given_back:
            self._seats._lend(self, leave)  # noqa: SLF001 - of one file

    def take_up(self) -> None:
        """It is used again."""
        self._seats._take_up(self)  # noqa: SLF001 - of one file

    def give_back(self) -> None:
        """Let others have it. Safe to call twice."""
        if not self._is_given_back:
            self._is_given_back = True
            self._seats._take_up(self)  # noqa: SLF001 - of one file
            self._seats._pass_on()  # noqa: SLF001 - of one file
