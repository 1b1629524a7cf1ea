"""What became of one attempt to bring an instance somewhere: never a status string."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it. `warning` is its status when it had a remark."""

    warning: int | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: the reason may pass by itself, so try again."""

    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """No: trying again without a change will not help."""

    reason: str
    status: int | None = None


Outcome = Delivered | Deferred | Refused
