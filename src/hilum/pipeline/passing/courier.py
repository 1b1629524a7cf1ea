"""Brings instances to one destination while their senders wait: at once, or not at all.

There is no queue that outlives a wait: what has no session by its deadline fails, and its sender
tries again. Instances of one sender that wait at the same moment share a delivery, so that a long
request does not cost a round trip for each of its instances.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Final, cast
from weakref import WeakValueDictionary

from hilum.kernel.faults import place_of
from hilum.kernel.outcome import Deferred, Failing, Outcome
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.passing.cargo import Cargo
from hilum.pipeline.passing.events import PassingFaulted
from hilum.pipeline.passing.ports import Target, Targets
from hilum.pipeline.passing.sessions import Sessions
from hilum.pipeline.ports import Parcel, Session

# A deadline is for who does not answer; what is long may take long. Slower lines than this do not
# carry images while somebody waits.
BYTES_PER_SECOND_MIN: Final = 1024 * 1024

_STOPPING: Final = Deferred("the gateway is stopping", failing=Failing.UNTRIED)

# Two gateways that hand what they get to each other would do so until the deadline, with all the
# associations that they may have. Who has the same by chance sends it again a moment later.
_TWICE: Final = Deferred(
    "it is on its way there for somebody else; does what is sent there come back to us?",
    failing=Failing.BUSY,
)

_Outcomes = AsyncGenerator[tuple[Parcel, Outcome], None]


class Round:
    """One delivery: what it carries, and the task that does it; `rest` becomes of what is left."""

    __slots__ = ("batch", "rest", "task")

    def __init__(self, batch: list[Cargo]) -> None:
        self.batch = batch
        self.rest = Deferred("it was not sent before the end", failing=Failing.UNTRIED)
        self.task: asyncio.Task[None] | None = None

    @property
    def is_wanted(self) -> bool:
        """Tell whether anybody waits for an outcome of it."""
        return any(not cargo.is_over for cargo in self.batch)


class Courier:
    """All that goes to one destination, of one process. Lives on the event loop."""

    def __init__(self, name: str, targets: Targets, telemetry: Telemetry) -> None:
        self.name = name
        self._targets = targets
        self._telemetry = telemetry
        self._sessions = Sessions(self._tell_fault)
        # By sender, in the order in which the first of each came.
        self._waiting: dict[str, deque[Cargo]] = {}
        self._rounds: set[Round] = set()
        # What is on its way, by SOP Instance UID: the one that came last of each.
        self._brought: WeakValueDictionary[str, Cargo] = WeakValueDictionary()
        self._alarm: asyncio.TimerHandle | None = None
        self._is_stopped = False

    @property
    def waiting(self) -> int:
        """Give how many instances have no session yet."""
        return sum(map(len, self._waiting.values()))

    @property
    def under_way(self) -> int:
        """Give how many sessions are in use."""
        return len(self._rounds)

    def bring(self, cargo: Cargo) -> None:
        """Bring an instance to the destination; it is settled, or withdrawn by who brought it."""
        if self._is_stopped:
            cargo.settle(_STOPPING)
            return
        if self._is_on_its_way(cargo):
            cargo.settle(_TWICE)
            return
        self._brought[cargo.parcel.sop_instance_uid] = cargo
        self._waiting.setdefault(cargo.sender, deque()).append(cargo)
        self._go_on()

    def _is_on_its_way(self, cargo: Cargo) -> bool:
        """Tell whether somebody else's copy of an instance is; it may come back from there."""
        other = self._brought.get(cargo.parcel.sop_instance_uid)
        return other is not None and not other.is_over and other.sender != cargo.sender

    def withdraw(self, cargo: Cargo) -> None:
        """Nobody waits for `cargo`: what is only done for it ends."""
        cargo.withdraw()
        for one in self._rounds:
            if cargo in one.batch and not one.is_wanted and one.task is not None:
                one.task.cancel()
        self._drop_over()

    async def stop(self) -> None:
        """End what is under way, and every session; whoever still waits gets a failure."""
        self._is_stopped = True
        self._settle_waiting(_STOPPING)
        for one in self._rounds:
            if one.task is not None:
                one.task.cancel()
        tasks = [one.task for one in self._rounds if one.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        if self._alarm is not None:
            self._alarm.cancel()
        await self._sessions.aclose()

    def _go_on(self) -> None:
        if self._waiting:
            self._begin_rounds()
        self._set_alarm()

    def _begin_rounds(self) -> None:
        """Use every session that may be used."""
        target = self._targets(self.name)
        if target is None:
            self._settle_waiting(
                Deferred(
                    f"there is no destination {self.name!r} any more", failing=Failing.UNWELCOME
                )
            )
            return
        while len(self._rounds) < target.window_max and (sender := self._next_sender()) is not None:
            one = Round(self._next_batch(sender, target))
            self._rounds.add(one)
            one.task = asyncio.get_running_loop().create_task(self._run(one, target))
            # Not at the end of the task itself: one that is cancelled at once never begins.
            one.task.add_done_callback(partial(self._ended, one))

    def _next_sender(self) -> str | None:
        """Give who has waited longest and has nothing under way; None: nobody.

        A sender has one session at a time: many archives serve one association after the other, and
        what came meanwhile shares the next delivery.
        """
        served = {cargo.sender for one in self._rounds for cargo in one.batch}
        return next((sender for sender in self._waiting if sender not in served), None)

    def _next_batch(self, sender: str, target: Target) -> list[Cargo]:
        """Take what waits of a sender; what is left waits behind others.

        No two of a batch have one UID: the answer would not tell which of them it is about.
        """
        queue = self._waiting.pop(sender)
        batch: list[Cargo] = []
        size = 0
        while queue and len(batch) < target.batch_instances_max:
            cargo = queue[0]
            size += cargo.parcel.size
            if batch and (size > target.batch_bytes_max or _is_twice(cargo, batch)):
                break
            batch.append(queue.popleft())
        if queue:
            self._waiting[sender] = queue
        return batch

    def _settle_waiting(self, outcome: Deferred) -> None:
        waiting, self._waiting = self._waiting, {}
        for queue in waiting.values():
            for cargo in queue:
                cargo.settle(outcome)

    async def _run(self, one: Round, target: Target) -> None:
        """Deliver a batch; the rest of it has an outcome too."""
        try:
            one.rest = await self._deliver(one, target)
        except TimeoutError:
            one.rest = Deferred("no answer before the deadline", failing=Failing.UNREACHABLE)
        except Exception as error:  # noqa: BLE001 - a session's fault must not leave senders waiting
            self._tell_fault(error)
            one.rest = Deferred("a fault of ours", failing=Failing.CONFUSED)

    def _ended(self, one: Round, _: "asyncio.Task[None]") -> None:
        """Whatever happened: each of a batch has an outcome, or nobody waits for it."""
        self._rounds.discard(one)
        for cargo in one.batch:
            cargo.settle(one.rest)
        self._go_on()

    async def _deliver(self, one: Round, target: Target) -> Deferred:
        """Send; give what those without an outcome are."""
        loop = asyncio.get_running_loop()
        seconds = sum(cargo.parcel.size for cargo in one.batch) / BYTES_PER_SECOND_MIN
        due_at = min(cargo.due_at for cargo in one.batch) + seconds
        session = self._sessions.take(target.destination)
        is_whole = False
        try:
            async with asyncio.timeout_at(max(due_at, loop.time())):
                await self._send(session, one)
            is_whole = True
        finally:
            # One that was left in the middle is of no more use.
            self._sessions.give_back(session, is_whole=is_whole)
        return Deferred("the session ended without an outcome for it", failing=Failing.CONFUSED)

    async def _send(self, session: Session, one: Round) -> None:
        by_parcel = {id(cargo.parcel): cargo for cargo in one.batch}
        # Sessions are asynchronous generators; closing them is part of ending early.
        outcomes = cast("_Outcomes", session.deliver([cargo.parcel for cargo in one.batch]))
        async with aclosing(outcomes):
            async for parcel, outcome in outcomes:
                cargo = by_parcel.get(id(parcel))
                if cargo is not None:
                    self._note(one, cargo, outcome)

    def _note(self, one: Round, cargo: Cargo, outcome: Outcome) -> None:
        """Settle it; what was not tried because of another instance is tried once more."""
        is_untried = isinstance(outcome, Deferred) and outcome.failing is Failing.UNTRIED
        is_once_more = is_untried and not cargo.was_untried and not self._is_stopped
        if is_once_more and not cargo.is_over:
            cargo.was_untried = True
            one.batch.remove(cargo)
            self._waiting.setdefault(cargo.sender, deque()).append(cargo)
        else:
            cargo.settle(outcome)

    def _set_alarm(self) -> None:
        """See to it that what waits for a session does not wait beyond its deadline."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting:
            first = min(cargo.due_at for queue in self._waiting.values() for cargo in queue)
            self._alarm = asyncio.get_running_loop().call_at(first, self._expire)

    def _expire(self) -> None:
        self._alarm = None
        now = asyncio.get_running_loop().time()
        late = Deferred(f"no session with {self.name} was free in time", failing=Failing.BUSY)
        for queue in self._waiting.values():
            for cargo in queue:
                if cargo.due_at <= now:
                    cargo.settle(late)
        self._drop_over()
        self._set_alarm()

    def _drop_over(self) -> None:
        """Forget what waits in vain."""
        for sender, queue in list(self._waiting.items()):
            left = deque(cargo for cargo in queue if not cargo.is_over)
            if left:
                self._waiting[sender] = left
            else:
                del self._waiting[sender]

    def _tell_fault(self, error: BaseException) -> None:
        self._telemetry.emit(PassingFaulted(self.name, type(error).__name__, place_of(error)))


def _is_twice(cargo: Cargo, batch: list[Cargo]) -> bool:
    uid = cargo.parcel.sop_instance_uid
    return any(other.parcel.sop_instance_uid == uid for other in batch)
