"""Works on requests to fetch: a bounded number at a time, each on a lease that it keeps up.

The requests are in the ledger. What this process has begun and not finished when it ends is begun
again by the next one: what is there already is not brought twice.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.delivery import Priority
from hilum.ledger.entry import Origin
from hilum.ledger.fetch import FetchRequest, FetchState, Progress
from hilum.ledger.fetches import Fetches
from hilum.pipeline.fetches.course import Course
from hilum.pipeline.fetches.events import (
    FetchRequestFailed,
    FetchRequestFaulted,
    FetchRequestFinished,
)
from hilum.pipeline.fetches.ports import Places
from hilum.pipeline.fetches.settings import FetchSettings

LOOK_SECONDS: Final = 1.0
LEASE_SECONDS: Final = 30.0
# What was done can be asked about for so long.
KEPT: Final = timedelta(days=7)
_FORGET_SECONDS: Final = 600.0


class Fetcher:
    """The requests that one process works on. Lives on the event loop."""

    def __init__(  # noqa: PLR0913 - parts of one process, by keyword
        self,
        requests: Fetches,
        places: Places,
        *,
        owner: str,
        settings: FetchSettings,
        clock: Clock,
        steady: Clock,
        telemetry: Telemetry,
        is_busy: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self._requests = requests
        self._places = places
        self._owner = owner
        self._clock = clock
        self._steady = steady  # the clock of leases
        self._telemetry = telemetry
        self._is_busy = is_busy
        self._active: dict[str, tuple[Priority, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._is_stopped = False
        self._forgot_at = float("-inf")

    @property
    def under_way(self) -> int:
        """Give how many requests are worked on here."""
        return len(self._active)

    def is_active(self, fetch_id: str) -> bool:
        """Tell whether a request is worked on here."""
        return fetch_id in self._active

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def cancel(self, fetch_id: str) -> None:
        """End a request at once, if it is worked on here; the ledger says that it is cancelled."""
        if fetch_id in self._active:
            self._active[fetch_id][1].cancel()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._is_stopped:
            self._woken.clear()
            try:
                await self._begin_what_can_be()
                await self._forget()
            except HilumError:
                pass  # the ledger cannot be asked now, which others tell of
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()

    async def stop(self) -> None:
        """End what is under way; it is begun again by whoever comes next."""
        self._is_stopped = True
        self._woken.set()
        tasks = [task for _, task in self._active.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            with suppress(HilumError):  # then its leases end by themselves
                await asyncio.to_thread(self._requests.give_back, self._owner)

    async def _begin_what_can_be(self) -> None:
        while not self._is_stopped and (up_to := self._up_to()) is not None:
            expired_by = self._steady.now()
            request = await asyncio.to_thread(
                self._requests.claim,
                self._owner,
                up_to=up_to,
                now=self._clock.now(),
                expired_by=expired_by,
                until=expired_by + timedelta(seconds=LEASE_SECONDS),
            )
            if request is None:
                return
            task = asyncio.get_running_loop().create_task(self._work_on(request))
            self._active[request.fetch_id] = request.bidding.priority, task
            # Not at the end of the task itself: one that is cancelled at once never begins.
            task.add_done_callback(partial(self._ended_with, request.fetch_id))

    def _up_to(self) -> Priority | None:
        """Say what may be begun now; None: nothing."""
        if len(self._active) >= self.settings.at_once:
            return None
        bulk = sum(priority is Priority.BULK for priority, _ in self._active.values())
        if bulk >= self.settings.prefetch_at_once or self._is_busy():
            return Priority.ROUTINE
        return Priority.BULK

    async def _work_on(self, request: FetchRequest) -> None:
        progress = Progress()
        began = self._clock.monotonic()
        state, reason = await self._ended(request, progress)
        await self._settle(request, progress, state, reason)
        self._tell(request, progress, state, reason, self._clock.monotonic() - began)

    def _ended_with(self, fetch_id: str, _: "asyncio.Task[None]") -> None:
        del self._active[fetch_id]
        self._woken.set()

    async def _ended(self, request: FetchRequest, progress: Progress) -> tuple[FetchState, str]:
        """Work on a request to its end, however it ends; raises CancelledError when we stop."""
        work = asyncio.get_running_loop().create_task(self._course(request, progress))
        try:
            if not await self._keep_up(request, work, progress):
                return FetchState.CANCELLED, "it was cancelled"
            work.result()
        except asyncio.CancelledError:
            if self._is_stopped:
                raise
            return FetchState.CANCELLED, "it was cancelled"
        except HilumError as error:
            return _failed(progress), str(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end all the others
            name, place = type(error).__name__, place_of(error)
            self._telemetry.emit(FetchRequestFaulted(request.fetch_id, name, place))
            return _failed(progress), "an error of ours; the log says more"
        finally:
            work.cancel()
            await asyncio.wait({work})
        return _state_of(progress)

    async def _keep_up(
        self, request: FetchRequest, work: "asyncio.Task[None]", progress: Progress
    ) -> bool:
        """Report every second until the work is done; False: it was cancelled."""
        while True:
            await asyncio.wait({work}, timeout=LOOK_SECONDS)
            if work.done():
                return True
            until = self._steady.now() + timedelta(seconds=LEASE_SECONDS)
            told = (request.fetch_id, self._owner, progress)
            with suppress(HilumError):  # the next one may work
                if not await asyncio.to_thread(self._requests.report, *told, until=until):
                    return False

    async def _course(self, request: FetchRequest, progress: Progress) -> None:
        bidding = request.bidding
        archive = self._places.source(bidding.source)
        goal = self._places.goal(bidding.target, fetch_id=request.fetch_id, source=bidding.source)
        if archive is None or goal is None:
            name = bidding.source if archive is None else bidding.target
            raise HilumError(f"there is nothing called {name!r} any more")
        asker = asker_of(request)
        try:
            await Course(archive, goal, asker, progress).run(bidding.wanted)
        finally:
            await goal.aclose()

    async def _settle(
        self, request: FetchRequest, progress: Progress, state: FetchState, reason: str
    ) -> None:
        told = (request.fetch_id, self._owner, progress)
        now = self._clock.now()
        with suppress(HilumError):  # then its lease ends, and it is begun again
            await asyncio.to_thread(
                self._requests.settle, *told, state=state, reason=reason, now=now
            )

    def _tell(
        self,
        request: FetchRequest,
        progress: Progress,
        state: FetchState,
        reason: str,
        seconds: float,
    ) -> None:
        bidding = request.bidding
        common = (request.fetch_id, bidding.source, bidding.target, state.value)
        counts = (progress.fetched, progress.held, progress.bytes)
        if state in {FetchState.FAILED, FetchState.INCOMPLETE}:
            self._telemetry.emit(FetchRequestFailed(*common, *counts, progress.failed, reason))
        else:
            self._telemetry.emit(FetchRequestFinished(*common, *counts, seconds))

    async def _forget(self) -> None:
        now = self._clock.monotonic()
        if now - self._forgot_at < _FORGET_SECONDS:
            return
        self._forgot_at = now
        await asyncio.to_thread(self._requests.forget, before=self._clock.now() - KEPT)


def asker_of(request: FetchRequest) -> Origin:
    """Give who asks archives on behalf of a request, for audit records."""
    bidding = request.bidding
    return Origin("", "", bidding.asker, bidding.host, "", f"fetch-{request.fetch_id}")


def _failed(progress: Progress) -> FetchState:
    is_some_there = progress.fetched or progress.held
    return FetchState.INCOMPLETE if is_some_there else FetchState.FAILED


def _state_of(progress: Progress) -> tuple[FetchState, str]:
    if progress.failed:
        reason = progress.failures[0][1] if progress.failures else ""
        return _failed(progress), reason
    if not progress.expected:
        return FetchState.FAILED, "there is no such thing in that archive"
    return FetchState.DONE, ""
