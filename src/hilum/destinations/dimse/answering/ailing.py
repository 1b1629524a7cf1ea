"""What an error of an association means to whoever asked: one table, from errors to ailments."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hilum.destinations.dimse.endings import Ended, TooSlow
from hilum.destinations.dimse.refusals import Busy, OperationFailed
from hilum.dimse.status import Service
from hilum.kernel.errors import Full, HilumError, Rejected, Unreachable
from hilum.pipeline.answerers.ailments import Ailment, AnswererFailed, DimseAnswer, Lost


class NotOffered(Rejected):
    """The peer is there, and has not what is asked of it."""


class Waited(Full):
    """All associations that we may have are in use, and none came free in time."""


class Broken(Unreachable):
    """The peer, or the network, ended an association that was open."""


# The first that fits; an association that breaks the protocol gives what cannot be understood.
_AILMENTS: Final[tuple[tuple[type[HilumError], Lost], ...]] = (
    (Full, Lost.BUSY),  # of ours: associations, homecomings
    (Busy, Lost.BUSY),
    (TooSlow, Lost.LATE),
    (NotOffered, Lost.NOT_OFFERED),
    (Rejected, Lost.REJECTED),
    (Broken, Lost.ABORTED),
    (Ended, Lost.ABORTED),
    (Unreachable, Lost.UNREACHABLE),
)


def ailment_of(error: HilumError, service: Service) -> Ailment:
    """Say what went wrong, as a value."""
    if isinstance(error, OperationFailed):
        return DimseAnswer(error.status, service)
    found = (lost for kind, lost in _AILMENTS if isinstance(error, kind))
    return next(found, Lost.BROKEN)


def failed(error: HilumError, *, answerer: str, service: Service) -> AnswererFailed:
    """Make of an error what the port allows; its text has no patient data, nor has ours."""
    if isinstance(error, AnswererFailed):
        return error
    return AnswererFailed(str(error), answerer=answerer, ailment=ailment_of(error, service))


@contextmanager
def answering(answerer: str, service: Service) -> Iterator[None]:
    """Turn every error that Hilum can explain into AnswererFailed."""
    try:
        yield
    except HilumError as error:
        raise failed(error, answerer=answerer, service=service) from error


@contextmanager
def underway() -> Iterator[None]:
    """Tell a loss in the middle from a peer that was never reached."""
    try:
        yield
    except (TooSlow, Busy):
        raise
    except Unreachable as error:
        raise Broken(str(error)) from error
