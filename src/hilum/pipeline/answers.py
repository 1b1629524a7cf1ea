"""What intake answers to whoever brought an instance. A door turns it into its own status."""

from dataclasses import dataclass

from hilum.kernel.outcome import Deferred, Delivered, Refused
from hilum.ledger.entry import Verdict
from hilum.pipeline.entities import StatusProfile


@dataclass(frozen=True, slots=True)
class Kept:
    """On disk and in the ledger, as durable as configured: the only answer that means success."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Disk or ledger cannot take it now; the sender should try again later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The data set is not the instance that was announced."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misplaced:
    """The data set is whole, and of another study than the one it was brought to."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The bytes are not a complete data set."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLong:
    """The instance is longer than what is taken; sending it again will not help."""

    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateRefused:
    """Another version of the instance is held and the policy is to keep the first."""

    reason: str


@dataclass(frozen=True, slots=True)
class Passed:
    """The archive behind the entity has it."""

    outcome: Delivered


@dataclass(frozen=True, slots=True)
class NotPassed:
    """The archive behind the entity does not have it, or nobody knows; it is not here either."""

    outcome: Deferred | Refused
    destination: str
    profile: StatusProfile = "standard"

    @property
    def reason(self) -> str:
        """Say what it answered, for the log."""
        return self.outcome.reason


Answer = (
    Kept
    | NoRoom
    | Mismatched
    | Misplaced
    | NotUnderstood
    | TooLong
    | DuplicateRefused
    | Passed
    | NotPassed
)
