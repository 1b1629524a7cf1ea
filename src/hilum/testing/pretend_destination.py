"""A destination in virtual time that takes what it is given, or fails as it is told to.

It remembers everything that arrived, how often, and how many sessions were open at once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.ports import Parcel


@dataclass(slots=True)
class Conduct:
    """How a destination behaves now; a test may change it at any moment."""

    is_dead: bool = False  # nobody answers
    is_unwelcoming: bool = False  # turns us away
    is_hanging: bool = False  # takes the connection and then says nothing
    refused_classes: frozenset[str] = frozenset()
    refuses_all: bool = False
    busy: timedelta | None = None  # answers "not now", and when to come again; 0: not when
    loses_after: int | None = None  # the connection breaks before this many answers of a batch
    bytes_per_second: float = 1e9
    seconds_each: float = 0.001
    connect_seconds: float = 0.005
    timeout_seconds: float = 30.0  # a session's own patience


@dataclass(slots=True)
class World:
    """What the other side saw. It outlives every process that sends."""

    conduct: Conduct = field(default_factory=Conduct)
    arrivals: Counter[int] = field(default_factory=Counter)
    order: list[tuple[float, Parcel]] = field(default_factory=list)
    begun: Counter[int] = field(default_factory=Counter)
    lost_answers: set[int] = field(default_factory=set)
    open_sessions: int = 0
    most_sessions: int = 0
    probes: list[float] = field(default_factory=list)


class PretendDestination:
    """A `pipeline.ports.Destination`."""

    def __init__(self, name: str, world: World | None = None) -> None:
        self.name = name
        self.world = World() if world is None else world
        self.is_closed = False
        self._sessions: list[PretendSession] = []

    async def verify(self) -> None:
        """Answer a probe."""
        world, conduct = self.world, self.world.conduct
        world.probes.append(asyncio.get_running_loop().time())
        await asyncio.sleep(conduct.connect_seconds)
        if conduct.is_unwelcoming:
            raise Rejected("called AE title not recognized (PS3.8 Table 9-21)")
        if conduct.is_dead:
            raise Unreachable("nobody answers")
        if conduct.is_hanging:
            await asyncio.sleep(conduct.timeout_seconds)
            raise Unreachable("no answer in time")

    def session(self) -> "PretendSession":
        """Give a new session."""
        session = PretendSession(self)
        self._sessions.append(session)
        return session

    def cut(self) -> None:
        """Lose the process that holds it: its connections are gone, nothing more arrives."""
        for session in self._sessions:
            session.cut()

    async def aclose(self) -> None:
        """Note that nobody needs it any more."""
        self.is_closed = True


class PretendSession:
    """A `pipeline.ports.Session`."""

    def __init__(self, destination: PretendDestination) -> None:
        self._destination = destination
        self._world = destination.world
        self._is_open = False
        self._is_cut = False

    def cut(self) -> None:
        """Lose the process that holds it."""
        self._end()
        self._is_cut = True

    async def deliver(self, parcels: Sequence[Parcel]) -> AsyncIterator[tuple[Parcel, Outcome]]:
        """Give one outcome for each, as the conduct of the moment has it."""
        left = list(parcels)
        failure = await self._open()
        answers = 0
        while left and failure is None:
            parcel = left[0]
            failure = await self._send(parcel, answers)
            if failure is None:
                left.pop(0)
                answers += 1
                yield parcel, self._answer(parcel)
        if failure is not None:
            self._end()
            yield left.pop(0), failure
            for parcel in left:
                yield parcel, Deferred(failure.reason, failing=Failing.UNTRIED)

    async def aclose(self) -> None:
        """Close in order; also in the middle of a batch."""
        await asyncio.sleep(0.001)
        self._end()

    async def _open(self) -> Deferred | None:
        conduct = self._world.conduct
        if self._is_open:
            return None
        await asyncio.sleep(conduct.connect_seconds)
        await self._stop_if_cut()
        if conduct.is_dead:
            return Deferred("nobody answers", failing=Failing.UNREACHABLE)
        if conduct.is_unwelcoming:
            return Deferred("called AE title not recognized", failing=Failing.UNWELCOME)
        self._is_open = True
        self._world.open_sessions += 1
        self._world.most_sessions = max(self._world.most_sessions, self._world.open_sessions)
        return None

    async def _send(self, parcel: Parcel, answers: int) -> Deferred | None:
        """Bring one over; give how the connection was lost, if it was."""
        conduct = self._world.conduct
        loop = asyncio.get_running_loop()
        self._world.begun[parcel.delivery_id] += 1
        begun = loop.time()
        await asyncio.sleep(conduct.seconds_each + parcel.size / conduct.bytes_per_second)
        await self._stop_if_cut()
        if conduct.is_hanging:
            await asyncio.sleep(conduct.timeout_seconds)
            return Deferred("it stopped in the middle", failing=Failing.UNREACHABLE)
        is_lost = conduct.is_dead or answers == conduct.loses_after
        is_taken = not (is_lost and parcel.delivery_id % 2)
        if is_taken and isinstance(self._answer(parcel), Delivered):
            self._world.arrivals[parcel.delivery_id] += 1
            self._world.order.append((begun, parcel))
        if is_lost:
            # It may have arrived all the same: only the answer is missing.
            self._world.lost_answers.add(parcel.delivery_id)
            return Deferred("connection reset", failing=Failing.UNREACHABLE)
        return None

    async def _stop_if_cut(self) -> None:
        if self._is_cut:
            await asyncio.get_running_loop().create_future()

    def _answer(self, parcel: Parcel) -> Outcome:
        conduct = self._world.conduct
        if conduct.refuses_all or parcel.sop_class_uid in conduct.refused_classes:
            return Refused("SOP class not supported", 0x0122)
        if conduct.busy is not None:
            return Deferred("out of resources", conduct.busy or None, Failing.BUSY)
        return Delivered()

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._world.open_sessions -= 1
