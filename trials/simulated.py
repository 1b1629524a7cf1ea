"""One simulated week of trouble in a second: dispatchers, lanes and a ledger in virtual time.

Two processes with one ledger deliver to destinations that fail in every way there is, die at any
ledger call or in between, and start again; a person holds, releases, retries, drops and hurries
deliveries meanwhile. All of it follows from the seed. In the end everything is made well, and
whatever is not as promised is told.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from hilum.kernel.telemetry import Silence
from hilum.ledger.delivery import Priority, State
from hilum.pipeline.lanes.books import Books
from hilum.pipeline.lanes.dispatcher import Dispatcher
from hilum.pipeline.lanes.policy import LanePolicy, Rate, Retry
from hilum.testing.memory_deliveries import MemoryDeliveries, MemorySlots
from hilum.testing.mortal import Life, MortalAside
from hilum.testing.pretend_destination import Conduct, PretendDestination, World
from hilum.testing.virtual_time import VirtualClock, run_virtually

TROUBLE_SECONDS: Final = 90.0
CALM_SECONDS_MAX: Final = 900.0
INSTANCES_MAX: Final = 120
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
# What a destination may be asked in the worst minute by two processes: their back-off begins at
# `seconds_min` and doubles, and each process that starts begins anew.
PROBES_IN_A_MINUTE_MAX: Final = 40


@dataclass(slots=True)
class Report:
    """What a run was like, and what was wrong with it."""

    problems: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


def simulate(seed: int) -> Report:
    """Run the world of `seed` to its end."""
    return run_virtually(lambda clock: _Simulation(seed, clock).run())


class _Process:
    """A worker: it may be killed at any moment."""

    def __init__(self, simulation: "_Simulation", token: str) -> None:
        random = simulation.random
        self.life = Life()
        self.aside = MortalAside(
            self.life,
            random,
            death_share=random.choice((0.0, 0.0, 0.002, 0.01)),
            failure_share=random.choice((0.0, 0.0, 0.05)),
        )
        books = Books(
            *(simulation.deliveries, simulation.slots, self.aside, simulation.clock),
            steady=simulation.clock,
            token=token,
        )
        self.token = token
        self.dispatcher = Dispatcher(
            books, clock=simulation.clock, telemetry=Silence(), chance=random.random
        )
        self.destinations = [
            PretendDestination(name, world) for name, world in simulation.worlds.items()
        ]
        for destination in self.destinations:
            self.life.at_end(destination.cut)
        self.dispatcher.change([(d, simulation.policies[d.name]) for d in self.destinations])
        self.running = asyncio.get_running_loop().create_task(self.dispatcher.run())

    async def bury(self) -> None:
        """Clear the dead process away: none of it has an effect any more."""
        self.life.end()
        self.running.cancel()
        await asyncio.wait({self.running})
        if not self.running.cancelled():
            self.running.exception()  # it died of its death, which is no news


class _Simulation:
    def __init__(self, seed: int, clock: VirtualClock) -> None:
        self.random = Random(seed)
        self.clock = clock
        self.deliveries = MemoryDeliveries()
        self.slots = MemorySlots()
        names = ("a", "b", "c")[: self.random.randint(1, 3)]
        self.worlds = {name: World() for name in names}
        self.policies = {name: self._policy() for name in names}
        self.report = Report()
        self.touched: set[int] = set()  # by a person
        self.at_risk: set[int] = set()  # on their way when a process died
        self.is_calm = False
        self.processes: dict[int, _Process] = {}
        self.generation = 0

    async def run(self) -> Report:
        for number in (1, 2):
            self._start(number)
        keepers = [
            asyncio.get_running_loop().create_task(work)
            for work in (self._deaths(), self._weather(), self._person(), self._modality())
        ]
        await asyncio.sleep(TROUBLE_SECONDS)
        for keeper in keepers:
            keeper.cancel()
        await asyncio.wait(keepers)
        await self._calm_down()
        for process in self.processes.values():
            await process.dispatcher.stop(5.0)
            await asyncio.wait({process.running})
            if process.running.exception() is not None:
                self._problem(f"the dispatcher raised {process.running.exception()!r}")
        self._judge()
        return self.report

    def _start(self, number: int) -> None:
        self.generation += 1
        process = _Process(self, f"worker-{number}-{self.generation}")
        if self.is_calm:
            process.aside.failure_share = process.aside.death_share = 0.0
        self.processes[number] = process

    def _policy(self) -> LanePolicy:
        random = self.random
        rate = random.choice((None, None, None, 20.0))
        return LanePolicy(
            window_max=random.choice((1, 2, 4)),
            rates=() if rate is None else (Rate(instances_per_second=rate),),
            retry=Retry(seconds_min=random.choice((0.5, 5.0)), seconds_max=60.0),
            keep_alive_seconds=random.choice((0.5, 10.0)),
            batch_instances_max=random.choice((1, 10, 64)),
            outcome_seconds_max=60.0,
            outcome_bytes_per_second_min=100_000.0,
        )

    # What happens.

    async def _deaths(self) -> None:
        """Kill at any moment, or wait for one that dies by itself; start it again."""
        random = self.random
        while True:
            await asyncio.sleep(random.uniform(0.2, 2.0))
            for number, process in list(self.processes.items()):
                if not self.is_calm and random.random() < 0.02:
                    process.life.end()
                if process.life.is_over:
                    await self._mourn(number, process)

    async def _mourn(self, number: int, process: _Process) -> None:
        self.report.figures["deaths"] += 1
        self.at_risk |= {
            row.delivery_id
            for row in self.deliveries.rows.values()
            if row.owner.partition("~")[0] == process.token
        }
        await process.bury()
        # The parent knows who died and reclaims at once; sometimes nobody does.
        if self.random.random() < 0.8:
            self.deliveries.reclaim(
                expired_by=self.clock.now(), now=self.clock.now(), dead=[process.token]
            )
        self._start(number)

    async def _weather(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.5, 15.0))
            world = self.random.choice(list(self.worlds.values()))
            world.conduct = self._conduct()

    def _conduct(self) -> Conduct:
        random = self.random
        speed: dict[str, Any] = {
            "bytes_per_second": random.choice((1e9, 1e7, 1e6, 1e3)),
            "seconds_each": random.choice((0.001, 0.01, 0.3)),
            "timeout_seconds": random.choice((5.0, 30.0, 1000.0)),
        }
        kinds: tuple[dict[str, Any], ...] = (
            {},
            {},
            {"is_dead": True},
            {"is_unwelcoming": True},
            {"is_hanging": True},
            {"refused_classes": frozenset({MR})},
            {"refuses_all": True},
            {"busy": timedelta(seconds=random.choice((0, 3, 20)))},
            {"loses_after": random.randint(0, 5)},
        )
        return Conduct(**speed, **random.choice(kinds))

    async def _modality(self) -> None:
        random = self.random
        while len(self.deliveries.rows) < INSTANCES_MAX:
            await asyncio.sleep(random.expovariate(0.5))
            name = random.choice(list(self.worlds))
            priority = random.choice(list(Priority))
            for _ in range(random.randint(1, 25)):
                self.deliveries.plan(
                    name,
                    now=self.clock.now(),
                    priority=priority,
                    size=random.choice((1_000, 100_000, 5_000_000)),
                    sop_class=random.choice((CT, CT, MR)),
                )
            for process in self.processes.values():
                if random.random() < 0.6 and not process.life.is_over:
                    lanes = process.dispatcher
                    random.choice((lanes.wake, lanes.take_over))({name: {priority}})

    async def _person(self) -> None:
        random, deliveries = self.random, self.deliveries
        while True:
            await asyncio.sleep(random.uniform(0.5, 10.0))
            ids = [number for number in deliveries.rows if random.random() < 0.1]
            now = self.clock.now()
            match random.randrange(5):
                case 0:
                    deliveries.hold(ids)
                case 1:
                    deliveries.release(ids, now=now)
                case 2:
                    deliveries.retry(ids, now=now)
                case 3:
                    deliveries.drop(ids[:2])
                case _:
                    for number in ids:
                        deliveries.set_priority([number], random.choice(list(Priority)))

    async def _calm_down(self) -> None:
        """Make everything well, and wait until nothing is left to do."""
        self.is_calm = True
        for world in self.worlds.values():
            world.conduct = Conduct()
        for process in self.processes.values():
            process.aside.failure_share = process.aside.death_share = 0.0
        for number, process in list(self.processes.items()):
            if process.life.is_over:
                await self._mourn(number, process)
        open_states = (State.WAITING, State.DEFERRED, State.ACTIVE)
        begun = self.clock.monotonic()
        while self.clock.monotonic() - begun < CALM_SECONDS_MAX:
            if not any(row.state in open_states for row in self.deliveries.rows.values()):
                return
            await asyncio.sleep(1.0)

    # What was promised.

    def _problem(self, text: str) -> None:
        self.report.problems.append(text)

    def _judge(self) -> None:
        figures = self.report.figures
        for row in self.deliveries.rows.values():
            figures[row.state.value] += 1
            arrived = self.worlds[row.destination].arrivals[row.delivery_id]
            self._judge_row(row, arrived)
        for name, world in self.worlds.items():
            self._judge_world(name, world)
        if self.slots.held:
            # Those of the dead, and those that a failing ledger gave, run out by themselves.
            owners = {p.token for p in self.processes.values() if not p.aside.failures}
            left = [owner for owner, _ in self.slots.held.values() if owner in owners]
            if left:
                self._problem(f"slots were kept: {left}")

    def _judge_row(self, row: Any, arrived: int) -> None:
        number = row.delivery_id
        match row.state:
            case State.DELIVERED if not arrived:
                self._problem(f"{number} is said to be delivered and never arrived")
            case State.WAITING | State.DEFERRED | State.ACTIVE:
                self._problem(f"{number} is forgotten: {row.state.value}, {row.history[-5:]}")
            case _:
                pass
        lost = self.worlds[row.destination].lost_answers
        again = arrived - 1
        if again > 0:
            self.report.figures["sent twice"] += 1
            if number not in lost and number not in self.at_risk:
                self._problem(f"{number} was sent {arrived} times without need: {row.history}")

    def _judge_world(self, name: str, world: World) -> None:
        policy = self.policies[name]
        if world.most_sessions > policy.window_max:
            self._problem(f"{name} had {world.most_sessions} sessions, not {policy.window_max}")
        most = _most_within(world.probes, 60.0)
        if most > PROBES_IN_A_MINUTE_MAX + 4 * self.report.figures["deaths"]:
            self._problem(f"{name} was probed {most} times in a minute")
        self._judge_rate(name, [at for at, _ in world.order])

    def _judge_rate(self, name: str, moments: list[float]) -> None:
        rates = self.policies[name].rates
        if not rates or self.report.figures["deaths"]:
            return  # each process that starts has a burst of its own
        rate = rates[0].instances_per_second or 0
        # A second of slack for the batch at each end.
        if _most_within(sorted(moments), 10.0) > rate * 12:
            self._problem(
                f"{name} took {_most_within(sorted(moments), 10.0)} in 10 s, not {rate}/s"
            )


def _most_within(moments: list[float], seconds: float) -> int:
    most = start = 0
    for end, moment in enumerate(moments):
        while moments[start] < moment - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most
