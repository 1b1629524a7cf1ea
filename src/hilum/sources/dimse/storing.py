"""What a C-STORE does at the door: bytes to intake, and intake's answer to a status.

A refused C-STORE still has a data set that must be read to its end before the answer may go.
"""

from typing import Final, Protocol, assert_never

from hilum.dimse.status import (
    CANNOT_UNDERSTAND,
    DATA_SET_MISMATCH,
    DUPLICATE_SOP_INSTANCE,
    OUT_OF_RESOURCES,
    SUCCESS,
)
from hilum.pipeline.answerers.store_statuses import store_comment, store_status
from hilum.pipeline.answers import (
    Answer,
    DuplicateRefused,
    Kept,
    Mismatched,
    Misplaced,
    NoRoom,
    NotPassed,
    NotUnderstood,
    Passed,
    TooLong,
)
from hilum.pipeline.buffers import Buffer

# Error Comment (0000,0902) is an LO of 64 characters (PS3.7 §C.4.2).
COMMENT_LENGTH_MAX: Final = 64


class Incoming(Protocol):
    """A data set that is arriving: a reception, or one that is read only to be dropped."""

    size: int

    @property
    def is_behind(self) -> bool:
        """Tell whether reading should stop until the disk has caught up."""
        ...

    def take(self, piece: memoryview, buffer: Buffer) -> None:
        """Take the next bytes."""
        ...

    def finish(self) -> None:
        """The last byte was taken."""
        ...

    def abandon(self) -> None:
        """The sender went away."""
        ...


class Swallow:
    """Reads a data set that nobody wants, so that the refusal can be answered in its turn."""

    __slots__ = ("_answer", "size")

    def __init__(self, answer: "RefusalAnswer") -> None:
        self._answer = answer
        self.size = 0

    @property
    def is_behind(self) -> bool:
        """Dropping is never too slow."""
        return False

    def take(self, piece: memoryview, buffer: Buffer) -> None:  # noqa: ARG002 - see Incoming
        """Count and drop."""
        self.size += len(piece)

    def finish(self) -> None:
        """Send the refusal."""
        self._answer()

    def abandon(self) -> None:
        """Nothing was kept."""


class RefusalAnswer(Protocol):
    """Sends the refusal that was decided when the command came."""

    def __call__(self) -> None:
        """Send it."""
        ...


def status_of(answer: Answer) -> tuple[int, str]:  # noqa: PLR0911 - one for each kind
    """Give the C-STORE status (PS3.4 Table B.2-1) and comment for what the taker says."""
    match answer:
        case Kept():
            return SUCCESS, ""
        case NoRoom(reason):
            return OUT_OF_RESOURCES, _comment(reason)
        case Mismatched(reason) | Misplaced(reason):
            return DATA_SET_MISMATCH, _comment(reason)
        case NotUnderstood(reason) | TooLong(reason):
            return CANNOT_UNDERSTAND, _comment(reason)
        case DuplicateRefused(reason):
            return DUPLICATE_SOP_INSTANCE, _comment(reason)
        case Passed(outcome):
            return store_status(outcome), ""
        case NotPassed(outcome, destination, profile):
            return store_status(outcome, profile), store_comment(outcome, destination)
        case _:
            assert_never(answer)


def _comment(reason: str) -> str:
    return reason[:COMMENT_LENGTH_MAX]
