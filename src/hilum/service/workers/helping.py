"""Workers help each other: who takes many instances in lets another one deliver them.

Any worker can deliver what the ledger holds. Who has taken an instance in knows of it first; with a
sender on one association one loop would do all the work and others none. So what is planned in
quick succession is told to the worker that is the least busy. It tells back what it cannot
deliver now. What is lost on the way, to a worker that dies, is found when lanes look for what is
due.
"""

import asyncio
import json
import time
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from hilum.service.workers.bells import Bells

# Deliveries that are planned so soon after others are told to another worker.
FLOW_SECONDS: Final = 0.02
# What comes in this time is told at once.
GAP_SECONDS: Final = 0.01
# How often each worker says how busy it is.
LOAD_SECONDS: Final = 0.1
# Who could not deliver to a destination is not told of more for it at once.
REFUSED_SECONDS: Final = 0.5

News = Mapping[str, Collection[int]]


class Lanes(Protocol):
    """What is needed of the lanes (`Dispatcher`). News are priorities by destination."""

    def wake(self, news: News) -> None:
        """Look for new deliveries."""
        ...

    def take_over(self, news: News) -> News:
        """Look for what another worker has planned; give back what cannot be delivered here."""
        ...


class Helping:
    """What one worker does for others, and they for it."""

    def __init__(self, bells: Bells, worker: int, lanes: Lanes) -> None:
        """Begin, as `worker`. To be made on the event loop."""
        self._bells = bells
        self._worker = worker
        self._lanes = lanes
        self._loop = asyncio.get_running_loop()
        self._planned_at = self._rang_at = -FLOW_SECONDS
        self._told: dict[str, set[int]] = {}
        self._refused_until: dict[str, float] = {}
        self._ringing: asyncio.TimerHandle | None = None
        self._looked = time.monotonic(), time.process_time()
        self._loop.add_reader(bells.hearing(worker), self._hear)
        self._looking = self._loop.call_later(LOAD_SECONDS, self._tell_load)

    def planned(self, news: News) -> None:
        """A commit planned deliveries: have them looked for, here or where there is time."""
        now = self._loop.time()
        is_flow, self._planned_at = now - self._planned_at < FLOW_SECONDS, now
        for name, priorities in news.items():
            if is_flow and self._refused_until.get(name, now) <= now:
                self._told.setdefault(name, set()).update(priorities)
            else:
                self._lanes.wake({name: priorities})
        if self._told and self._ringing is None:
            wait = self._rang_at + GAP_SECONDS - now
            self._ringing = self._loop.call_later(max(wait, 0.0), self._ring)

    def close(self) -> None:
        """Help nobody any more, and do alone what is left."""
        self._loop.remove_reader(self._bells.hearing(self._worker))
        self._looking.cancel()
        if self._ringing is not None:
            self._ringing.cancel()
            self._lanes.wake(self._told)

    def _ring(self) -> None:
        news, self._told, self._ringing = self._told, {}, None
        self._rang_at = self._loop.time()
        helper = self._bells.least_busy(self._worker, time.monotonic())
        if helper is None or not self._tell(helper, news, is_back=False):
            self._lanes.wake(news)

    def _tell(self, worker: int, news: News, *, is_back: bool) -> bool:
        told = {name: sorted(priorities) for name, priorities in news.items()}
        return self._bells.ring(worker, json.dumps([self._worker, is_back, told]).encode())

    def _hear(self) -> None:
        while (message := self._bells.heard(self._worker)) is not None:
            worker, is_back, news = json.loads(message)
            if is_back:
                until = self._loop.time() + REFUSED_SECONDS
                self._refused_until.update(dict.fromkeys(news, until))
                self._lanes.wake(news)
            elif (left := self._lanes.take_over(news)) and not self._tell(
                worker, left, is_back=True
            ):
                self._lanes.wake(left)

    def _tell_load(self) -> None:
        """Say for which part of the time we computed; threads share the interpreter."""
        (at, computed), self._looked = self._looked, (time.monotonic(), time.process_time())
        now, computed_now = self._looked
        self._bells.tell_load(self._worker, (computed_now - computed) / (now - at), now)
        self._looking = self._loop.call_later(LOAD_SECONDS, self._tell_load)
