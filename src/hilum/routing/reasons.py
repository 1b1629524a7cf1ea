"""Why a route fired or did not, in words that may go into a log: keys and names, never values."""

import enum
from dataclasses import dataclass, replace
from datetime import datetime


class Verdict(enum.Enum):
    """What became of a route."""

    FIRED = "fired"
    FAILED = "failed"  # a condition does not hold
    STOPPED = "stopped"  # a route above it stopped
    SWITCHED_OFF = "switched_off"


@dataclass(frozen=True, slots=True)
class Reason:
    """What became of a route and why.

    `key` is the condition that does not hold. `by` is the route that stopped it. `until`: what it
    sends waits for its calendar. `shared`: destinations that get it by a route above already.
    """

    route: str
    verdict: Verdict
    key: str = ""
    by: str = ""
    until: datetime | None = None
    shared: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.verdict:
            case Verdict.FIRED:
                said = [f"{self.route} fired"]
                if self.until:
                    said.append(f"its deliveries wait until {self.until:%Y-%m-%d %H:%M}Z")
                if self.shared:
                    said.append(f"{', '.join(self.shared)} already by a route above")
                return "; ".join(said)
            case Verdict.FAILED:
                return f"{self.route} did not fire: {self.key} does not fit"
            case Verdict.STOPPED:
                return f"{self.route} was not asked: {self.by} stopped before it"
            case Verdict.SWITCHED_OFF:
                return f"{self.route} is switched off"


def fired(route: str) -> Reason:
    """All conditions hold."""
    return Reason(route, Verdict.FIRED)


def failed(route: str, key: str) -> Reason:
    """The condition under `key` does not hold."""
    return Reason(route, Verdict.FAILED, key=key)


def stopped(route: str, by: str) -> Reason:
    """A route above it fired and stopped."""
    return Reason(route, Verdict.STOPPED, by=by)


def switched_off(route: str) -> Reason:
    """It is not asked."""
    return Reason(route, Verdict.SWITCHED_OFF)


def with_remarks(reason: Reason, until: datetime | None, shared: tuple[str, ...]) -> Reason:
    """Add what is particular to one instance."""
    return replace(reason, until=until, shared=shared)
