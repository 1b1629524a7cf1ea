"""Whether an answerer is well: the breaker of lanes, fed with what questions come to.

While it is open nobody asks; `verify` is tried in the background until the answerer is back.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final, assert_never

from hilum.kernel.clock import Clock
from hilum.kernel.faults import place_of
from hilum.kernel.outcome import Failing
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.ailments import Ailment, AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.pipeline.answerers.events import AnswererInterrupted, AnswererRestored, FetchFaulted
from hilum.pipeline.answerers.ports import Answerer
from hilum.pipeline.answerers.telling import NotAsked, late
from hilum.pipeline.lanes.breaker import (
    Breaker,
    Closed,
    Failure,
    HalfOpen,
    Open,
    after_failed_probe,
    after_failure,
    after_probe,
    after_success,
)
from hilum.pipeline.lanes.policy import Retry

VERIFY_SECONDS: Final = 10.0
_FAILINGS: Final[dict[Lost, Failing | None]] = {
    Lost.UNREACHABLE: Failing.UNREACHABLE,
    Lost.LATE: Failing.UNREACHABLE,
    Lost.ABORTED: Failing.UNREACHABLE,
    Lost.BUSY: Failing.BUSY,
    Lost.REJECTED: Failing.UNWELCOME,
    Lost.BROKEN: Failing.CONFUSED,
    Lost.NOT_OFFERED: None,  # it is well, and does something else
}
# A server, or a proxy before it, that says so is not there for others either.
_BUSY_CODES: Final = frozenset((429, 502, 503, 504))


def failure_of(error: AnswererFailed) -> Failure | None:
    """Give what a breaker makes of a failure; None: an answer, though not the one hoped for."""
    ailment: Ailment = error.ailment
    match ailment:
        case HttpAnswer(code=code, retry_seconds=seconds):
            if code not in _BUSY_CODES:
                return None
            wait = timedelta(seconds=seconds) if seconds and code in {429, 503} else None
            return Failure(Failing.BUSY, str(error), wait)
        case DimseAnswer():
            return None
        case Lost():
            failing = _FAILINGS[ailment]
            return None if failing is None else Failure(failing, str(error))
        case _:
            assert_never(ailment)


class Wellness:
    """The breaker of one answerer, and its probes. Closed by `aclose`."""

    def __init__(
        self,
        answerer: Answerer,
        *,
        clock: Clock,
        telemetry: Telemetry,
        chance: Callable[[], float],
        retry: Retry,
    ) -> None:
        self._answerer = answerer
        self._clock = clock
        self._telemetry = telemetry
        self._chance = chance
        self._retry = retry
        self._breaker: Breaker = Closed()
        self._last: AnswererFailed | None = None
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_well(self) -> bool:
        """Tell whether it may be asked."""
        return not isinstance(self._breaker, Open)

    @property
    def last_failure(self) -> str:
        """Say how it failed last, "" if it never did."""
        return "" if self._last is None else str(self._last)

    def check(self) -> None:
        """Raise NotAsked, with what was wrong last, while it may not be asked."""
        if isinstance(self._breaker, Open) and self._last is not None:
            raise NotAsked(
                str(self._last), answerer=self._last.answerer, ailment=self._last.ailment
            ) from self._last

    def failed(self, error: AnswererFailed) -> None:
        """Note a failure."""
        failure = failure_of(error)
        if failure is None:
            self.answered()
            return
        before, self._last = self._breaker, error
        self._breaker = after_failure(
            before,
            failure,
            retry=self._retry,
            now=self._clock.monotonic(),
            chance=self._chance(),
        )
        if isinstance(self._breaker, Open) and not isinstance(before, Open):
            wait = self._breaker.until - self._clock.monotonic()
            self._telemetry.emit(AnswererInterrupted(self._answerer.name, wait, failure.reason))
            self._probing = asyncio.ensure_future(self._probe())

    def answered(self) -> None:
        """Note that it answered."""
        before = self._breaker
        self._breaker = after_success(before)
        if isinstance(before, HalfOpen):
            seconds = self._clock.monotonic() - before.since
            self._telemetry.emit(AnswererRestored(self._answerer.name, seconds))

    async def aclose(self) -> None:
        """Stop probing."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    async def _probe(self) -> None:
        """Try until it is well. Ends by that, or is cancelled."""
        while isinstance(breaker := self._breaker, Open):
            await asyncio.sleep(max(breaker.until - self._clock.monotonic(), 0))
            failure = await self._verified()
            if failure is None:
                self._breaker = after_probe(breaker)
            else:
                self._breaker = after_failed_probe(
                    breaker,
                    failure,
                    retry=self._retry,
                    now=self._clock.monotonic(),
                    chance=self._chance(),
                )

    async def _verified(self) -> Failure | None:
        """Give what is wrong, None if nothing is."""
        try:
            async with asyncio.timeout(VERIFY_SECONDS):
                await self._answerer.verify()
        except TimeoutError:
            self._last = late(self._answerer.name, VERIFY_SECONDS)
            return Failure(Failing.UNREACHABLE, str(self._last))
        except AnswererFailed as error:
            failure = failure_of(error)
            self._last = error if failure else self._last
            return failure
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the probes
            fault = type(error).__name__
            self._telemetry.emit(FetchFaulted(self._answerer.name, fault, place_of(error)))
            return Failure(Failing.CONFUSED, f"a fault of ours: {fault}")
        return None
