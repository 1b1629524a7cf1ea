"""What happened to an association or a commitment, as outcomes of the instances it concerns."""

from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.refusals import Busy
from hilum.dimse.service.commitment import CommitmentReport, failure_words
from hilum.kernel.errors import HilumError, Rejected, RemoteProtocolError
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.ports import Parcel

# Failure Reasons that no second try changes: class and instance conflict, class not supported.
_FOR_GOOD: Final = frozenset({0x0119, 0x0122})


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


def unconfirmed(why: str, failing: Failing = Failing.BUSY) -> Deferred:
    """Give the outcome of an instance that was taken, and nobody vouches for it."""
    return Deferred(f"it was taken, but storage is not committed: {why}", failing=failing)


def committed(
    delivered: Delivered, parcel: Parcel, report: CommitmentReport, address: Address
) -> Outcome:
    """Read what a report says of one instance."""
    uid = parcel.sop_instance_uid
    if uid in report.committed:
        return delivered
    reason = report.failed.get(uid)
    if reason is None:
        return unconfirmed(f"the report of {address} does not name it")
    words = f"{address} does not commit to store it: {failure_words(reason)}"
    if reason in _FOR_GOOD:
        return Refused(words, reason)
    return Deferred(words, failing=Failing.BUSY, status=reason)
