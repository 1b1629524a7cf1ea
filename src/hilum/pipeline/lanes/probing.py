"""Asks a destination that failed whether it is back, within a deadline."""

import asyncio
from collections.abc import Callable

from hilum.kernel.errors import HilumError, Rejected, Unreachable
from hilum.kernel.outcome import Failing
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.lanes.breaker import Failure
from hilum.pipeline.lanes.events import LaneProbed
from hilum.pipeline.ports import Destination


async def probe(
    destination: Destination,
    seconds_max: float,
    telemetry: Telemetry,
    tell_fault: Callable[[str, BaseException], None],
) -> Failure | None:
    """Give what is wrong with `destination`, None when it is well. Never raises."""
    failure = await _failure_of(destination, seconds_max, tell_fault)
    finding = "it is well" if failure is None else failure.reason
    telemetry.emit(LaneProbed(destination.name, failure is None, finding))
    return failure


async def _failure_of(
    destination: Destination,
    seconds_max: float,
    tell_fault: Callable[[str, BaseException], None],
) -> Failure | None:
    try:
        async with asyncio.timeout(seconds_max):
            await destination.verify()
    except TimeoutError:
        return Failure(Failing.UNREACHABLE, f"no answer within {seconds_max:.0f} s")
    except Rejected as error:
        return Failure(Failing.UNWELCOME, str(error))
    except Unreachable as error:
        return Failure(Failing.UNREACHABLE, str(error))
    except HilumError as error:
        return Failure(Failing.CONFUSED, str(error))
    except Exception as error:  # noqa: BLE001 - a fault in a destination must not end its lane
        tell_fault("probing", error)
        return Failure(Failing.CONFUSED, f"a fault of ours: {type(error).__name__}")
    return None
