"""What intake answers to whoever brought an instance. A door turns it into its own status."""

from dataclasses import dataclass

from hilum.ledger.entry import Verdict


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


Answer = Kept | NoRoom | Mismatched | Misplaced | NotUnderstood | TooLong | DuplicateRefused
