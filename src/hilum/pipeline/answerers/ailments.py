"""What went wrong with an answerer, as a value: what it answered, or that it did not.

Doors turn it into an answer of their own language by the tables in `statuses`.
"""

import enum
from dataclasses import dataclass

from hilum.dimse.status import Service
from hilum.kernel.errors import HilumError


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """It answered with a status code that is no success. `retry_seconds`: it asks for patience."""

    code: int
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class DimseAnswer:
    """It answered with a status that is a failure."""

    status: int
    service: Service


class Lost(enum.Enum):
    """There is no answer, or none that can be understood."""

    UNREACHABLE = "unreachable"  # no connection
    LATE = "late"  # a deadline passed
    BUSY = "busy"  # it says "not now": a transient reject, or our own limits for it are reached
    REJECTED = "rejected"  # it turns us away for good
    ABORTED = "aborted"  # it, or the network, ended the connection in the middle
    NOT_OFFERED = "not offered"  # no presentation context, no such service
    BROKEN = "broken"  # what it answers cannot be understood


Ailment = HttpAnswer | DimseAnswer | Lost


class AnswererFailed(HilumError):
    """An answerer cannot answer. The text is for the operator, without patient data."""

    def __init__(self, text: str, *, answerer: str, ailment: Ailment) -> None:
        super().__init__(text)
        self.answerer = answerer
        self.ailment = ailment
