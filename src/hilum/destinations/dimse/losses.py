"""What a failure of the whole association means for the instances that were to travel on it."""

from hilum.destinations.dimse.refusals import Busy
from hilum.kernel.errors import HilumError, Rejected, RemoteProtocolError
from hilum.kernel.outcome import Deferred, Failing


def lost(error: HilumError) -> Deferred:
    """Give the outcome of the instance whose turn it was when `error` came."""
    return Deferred(str(error), failing=failing_of(error))


def untried(error: HilumError) -> Deferred:
    """Give the outcome of those behind it: nothing of them was sent."""
    return Deferred(f"not tried: {error}", failing=Failing.UNTRIED)


def failing_of(error: HilumError) -> Failing:
    """Tell what kind of failure it is, by what to do next."""
    if isinstance(error, Busy):
        return Failing.BUSY
    if isinstance(error, Rejected):
        return Failing.UNWELCOME
    if isinstance(error, RemoteProtocolError):
        return Failing.CONFUSED
    return Failing.UNREACHABLE
