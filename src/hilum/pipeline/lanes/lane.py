"""A lane: everything one destination gets from this process, as fast as it may and can.

It claims ahead, hands batches to its runners, and settles what became of them. What it waits for
is only its own: no other lane, and not intake, is ever held up by it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.kernel.faults import place_of
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.lanes.batching import BatchLimits, limits_of
from hilum.pipeline.lanes.books import Books
from hilum.pipeline.lanes.breaker import Failure, HalfOpen, Open
from hilum.pipeline.lanes.claiming import Claims
from hilum.pipeline.lanes.events import LaneFaulted, LaneHindered
from hilum.pipeline.lanes.fairness import PRIORITIES
from hilum.pipeline.lanes.figures import LaneFigures
from hilum.pipeline.lanes.goods import Goods, Result, size_of
from hilum.pipeline.lanes.health import Health
from hilum.pipeline.lanes.pacing import NEVER, Gate, Pacing, Permission
from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.lanes.runner import Runner
from hilum.pipeline.lanes.settling import Settler
from hilum.pipeline.lanes.share import NOTICE_SECONDS
from hilum.pipeline.lanes.slots import LaneSlots
from hilum.pipeline.lanes.stock import Stock
from hilum.pipeline.lanes.verdicts import judged, telling
from hilum.pipeline.ports import Destination

# The ledger is behind, or our leases are not certain: how long until we look again.
LEDGER_SECONDS: Final = 1.0
# After a fault of ours, a duty is begun again.
FAULT_SECONDS: Final = 1.0
# A ledger that fails is told of so often, not every time it is asked.
TELL_SECONDS: Final = 30.0
# While it is shut for so long, others may as well have what was claimed.
_SHUT: Final = (Gate.HELD, Gate.HOURS, Gate.BREAKER)


class Lane:
    """The lane of one destination."""

    def __init__(
        self,
        destination: Destination,
        policy: LanePolicy,
        *,
        books: Books,
        clock: Clock,
        telemetry: Telemetry,
        chance: Callable[[], float],
    ) -> None:
        self.name = destination.name
        self.policy = policy
        self.destination = destination
        self._books = books
        self._clock = clock
        self._telemetry = telemetry
        self._chance = chance
        self._pacing = Pacing(policy, clock.monotonic())
        self.health = Health(
            destination,
            self._pacing,
            clock=clock,
            telemetry=telemetry,
            chance=chance,
            interrupted=self._interrupted,
            restored=self._restored,
        )
        self._stock = Stock()
        self._settler = Settler(books, clock, lambda e: self._hindered("settling", e))
        self._claims = Claims(
            self.name,
            books,
            clock,
            stock=self._stock,
            pacing=self._pacing,
            is_open=self.may_claim,
            arrived=self.stir,
            tell=lambda error: self._hindered("claiming", error),
        )
        self.slots = LaneSlots(self.name, books, clock, self._hindered)
        self._idle: list[Runner] = []
        self._busy = 0
        self._runners: dict[Runner, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._stopped = asyncio.Event()
        self._recovering: asyncio.Task[None] | None = None
        self._delivered, self._delivered_bytes = 0, 0
        self._told_at = -NEVER

    # What the dispatcher does with it.

    async def run(self) -> None:
        """Work until stop(); then finish what is being sent and put the rest back."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._live(group)
        finally:
            self._group = None
            self._is_stopping = True
            if self._timer is not None:
                self._timer.cancel()

    async def _live(self, group: asyncio.TaskGroup) -> None:
        settling = group.create_task(self._keep("settling", self._settler.run))
        claiming = group.create_task(self._keep("claiming", self._claims.run))
        sharing = group.create_task(self._keep("counting slots", self._notice))
        self._claims.expect()
        await self._stopped.wait()
        await asyncio.wait({claiming, sharing})
        self._put_back_stock()
        while self._runners:
            await asyncio.wait(set(self._runners.values()))
        self._put_back_stock()
        self._settler.end()
        await asyncio.wait({settling})

    def wake(self, priorities: Iterable[int] = PRIORITIES) -> None:
        """Look for deliveries: some of `priorities` were planned or became due."""
        if not self._is_stopping:
            self._claims.expect(priorities)

    def change(self, policy: LanePolicy) -> None:
        """Follow another policy from now on."""
        self.policy = policy
        self._pacing.change(policy)
        if policy.is_held:
            self._put_back_stock()
        self.stir()

    def stop(self) -> None:
        """Begin nothing more; run() ends when what is being sent is over."""
        self._is_stopping = True
        self._claims.end()
        self._stopped.set()
        if self._recovering is not None:
            self._recovering.cancel()
        for runner in self._idle:
            runner.give(None)
        self._idle.clear()

    def cut(self) -> None:
        """Do not wait for what is being sent any longer: it goes back to waiting."""
        for sending in self._runners.values():
            sending.cancel()

    def figures(self) -> LaneFigures:
        """Tell how the lane is doing."""
        now, breaker = self._clock.monotonic(), self._pacing.breaker
        return LaneFigures(
            destination=self.name,
            gate=self._permission(now).gate.value,
            breaker=type(breaker).__name__.lower(),
            reason=breaker.reason if isinstance(breaker, Open | HalfOpen) else "",
            failing=breaker.failing.value if isinstance(breaker, Open | HalfOpen) else "",
            interrupted_seconds=now - breaker.since
            if isinstance(breaker, Open | HalfOpen)
            else 0.0,
            window=self._pacing.window.size,
            sessions=len(self.slots),
            busy=self._busy,
            stock=len(self._stock),
            delivered=self._delivered,
            delivered_bytes=self._delivered_bytes,
        )

    # What its runners do with it.

    def is_idle(self, runner: Runner) -> None:
        """Let a runner have the next batch."""
        if self._is_stopping:
            runner.give(None)
            return
        self._idle.append(runner)
        self.stir()

    def has_work(self) -> bool:
        """Tell whether something is at hand that may go soon."""
        return bool(self._stock) and not self._is_stopping

    def is_gone(self, runner: Runner) -> None:
        """Forget a runner that ends."""
        with suppress(ValueError):
            self._idle.remove(runner)

    def note(self, goods: Goods, outcome: Outcome) -> None:
        """Take the outcome of one parcel."""
        now, wall, before = self._clock.monotonic(), self._clock.now(), self._pacing.breaker
        result = judged(goods, outcome, self.policy.retry, wall, self._chance())
        self._pacing.learn(outcome, goods.parcel.size, now, self._chance())
        self._telemetry.emit(telling(self.name, result, wall))
        if isinstance(outcome, Delivered):
            self.health.is_sure(now)
            self._delivered += 1
            self._delivered_bytes += goods.parcel.size
        self._settler.add(result)
        self.health.follow(before)

    def ended(self, runner: Runner, tried: Sequence[Goods], untried: Sequence[Goods]) -> None:
        """Take note that a runner's batch is over; what was tried had its outcomes."""
        self._busy -= 1
        now, before = self._clock.monotonic(), self._pacing.breaker
        seconds = now - runner.began_at
        if tried:
            self._pacing.ended(len(tried), size_of(tried), seconds)
            self._pacing.window.judge(now)
        elif not self._is_stopping:
            failure = Failure(Failing.UNTRIED, "its sessions end before anything is sent")
            self._pacing.failed(failure, now, self._chance())
            self.health.follow(before)
        if untried:
            self._pacing.untried(len(untried), size_of(untried), now)
            self._put_back(untried)
        if not self._stock:
            self._pacing.window.idle(now)
            if not self._busy:
                self._settler.hurry()
        self.stir()

    def tell_fault(self, duty: str, error: BaseException) -> None:
        """Tell of a fault of ours."""
        self._telemetry.emit(LaneFaulted(self.name, duty, type(error).__name__, place_of(error)))

    # What it decides.

    def stir(self) -> None:
        """Begin what may begin now."""
        now = self._clock.monotonic()
        while self._stock and not self._is_stopping:
            permission = self._permission(now)
            if permission.gate in _SHUT:
                self._put_back_stock()
                break
            if permission.gate is not Gate.OPEN:
                self._look_again(permission.wait_seconds)
                break
            if not self._idle:
                self._open_runners(now, len(self._stock))
                break
            self._hand_over(self._idle.pop(), now)
        self._claims.look()

    def _permission(self, now: float) -> Permission:
        if self._is_stopping:
            return Permission(Gate.STOPPING, NEVER)
        if self._settler.is_full or not self._books.are_leases_good(now):
            return Permission(Gate.LEDGER, LEDGER_SECONDS)
        self._pacing.set_share(self.slots.part(now))
        return self._pacing.permission(now, self._clock.now(), busy=self._busy)

    def _hand_over(self, runner: Runner, now: float) -> None:
        pacing = self._pacing
        if isinstance(pacing.breaker, HalfOpen):
            limits = BatchLimits(1, 0)
        else:
            limits = limits_of(
                self.policy,
                pacing.pace,
                pacing.rates,
                waiting=len(self._stock),
                sessions=pacing.window.size - self._busy,
            )
        goods = self._stock.take(limits, runner.context)
        pacing.began(len(goods), size_of(goods), now)
        self._busy += 1
        runner.began_at = now
        runner.give(goods)

    def _open_runners(self, now: float, work: int) -> None:
        """Open as many sessions as there may be and is `work` for."""
        if denied := self.slots.denied_seconds(now):
            self._look_again(denied)
            return
        opening = sum(runner.is_opening for runner in self._runners)
        is_trial = isinstance(self._pacing.breaker, HalfOpen)
        most = 1 if is_trial else self._pacing.window.size
        wanted = min(most - len(self._runners), work - opening)
        for _ in range(wanted):
            runner = Runner(self, self.destination)
            running = self._begin("running", runner.run())
            if running is not None:
                self._runners[runner] = running
                running.add_done_callback(lambda _, runner=runner: self._is_over(runner))  # type: ignore[misc] # bound now

    def _is_over(self, runner: Runner) -> None:
        del self._runners[runner]
        if not self._runners and self.slots.denied_seconds(self._clock.monotonic()):
            # Others have all the slots; they can have the work, too.
            self._put_back_stock()
        self.stir()

    def may_claim(self) -> bool:
        """Tell whether something could be sent soon; ask for a slot if that is what is missing."""
        now = self._clock.monotonic()
        if self._is_stopping or self._settler.is_full or not self._books.are_leases_good(now):
            return False
        if self._pacing.is_shut(now, self._clock.now()) is not None:
            return False
        if self.slots.are_scarce:
            # A claim would only go back and forth: first the slot, then the work for it.
            if not self._runners:
                self._open_runners(now, 1)
            return False
        return True

    def _interrupted(self) -> None:
        """Give everything back and probe, until the destination is well."""
        self._put_back_stock()
        if not self._is_stopping:
            self._recovering = self._begin("probing", self.health.recover())

    def _restored(self) -> None:
        self._claims.expect()
        self.stir()

    # What it does with the ledger.

    def _put_back(self, goods: Sequence[Goods]) -> None:
        """Keep what was not tried for the next batch, or let the ledger have it again."""
        now = self._clock.monotonic()
        if self._is_stopping or self._pacing.is_shut(now, self._clock.now()) is not None:
            self._settle_untried(goods)
        else:
            self._stock.put_back(goods)

    def _put_back_stock(self) -> None:
        self._settle_untried(self._stock.clear())

    def _settle_untried(self, goods: Sequence[Goods]) -> None:
        for one in goods:
            self._settler.add(Result(one, Deferred("not begun", failing=Failing.UNTRIED)))
        if goods:
            self._settler.hurry()

    async def _notice(self) -> None:
        while not self._is_stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), NOTICE_SECONDS)
            if not self._is_stopping:
                await self.slots.notice(self.policy)
                if self.policy.rates:
                    self.stir()  # the part of the rate may be another one now

    def _look_again(self, seconds: float) -> None:
        if seconds == NEVER:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._stir_again)

    def _stir_again(self) -> None:
        self._timer = None
        self.stir()

    def _hindered(self, duty: str, error: HilumError) -> None:
        now = self._clock.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self._telemetry.emit(LaneHindered(self.name, duty, str(error)))

    async def _keep(self, duty: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do what the lane cannot be without; after a fault of ours, again."""
        is_over = False
        while not is_over:
            try:
                await work()
                is_over = True
            except Exception as error:  # noqa: BLE001 - the top of a task: it tells and counts
                self.tell_fault(duty, error)
                await asyncio.sleep(FAULT_SECONDS)

    def _begin(self, duty: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Begin a task of this lane; None when the lane was cancelled and begins nothing more."""
        guarded = self._guard(duty, work)
        try:
            return self._group.create_task(guarded) if self._group is not None else None
        except RuntimeError:
            guarded.close()
            work.close()
            return None

    async def _guard(self, duty: str, work: Coroutine[Any, Any, None]) -> None:
        """Let a fault of ours end one duty, not the lane."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the top of a task: it tells and counts
            self.tell_fault(duty, error)
