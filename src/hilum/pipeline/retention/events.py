"""What retention reports: payloads let go, quotas that fill up."""

from dataclasses import dataclass
from typing import ClassVar

from hilum.kernel.telemetry import Counter, Event, Level, Metric


@dataclass(frozen=True, slots=True)
class PayloadsReleased(Event):
    """Payloads were removed from the vault, as the rules of retention say."""

    message: ClassVar[str] = "Let {payloads} payloads of {size} bytes go ({cause})."
    metrics: ClassVar[tuple[Metric, ...]] = (
        Counter("hilum_payloads_removed_total", ("cause",), amount="payloads"),
        Counter("hilum_payloads_removed_bytes_total", ("cause",), amount="size"),
    )
    payloads: int
    size: int
    cause: str


@dataclass(frozen=True, slots=True)
class RoomNarrowed(Event):
    """A quota or the disk is nearly used up, and what may go did not suffice."""

    level: ClassVar[Level] = Level.WARNING
    message: ClassVar[str] = (
        "Room runs short: {reason}. Payloads go only when they are delivered everywhere and the "
        "rules of [retention] allow it; `hilum check` tells them in words."
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Counter("hilum_room_shortages_total"),)
    reason: str


@dataclass(frozen=True, slots=True)
class RoomRegained(Event):
    """There is room again below the quotas."""

    message: ClassVar[str] = "There is room again below the quotas of [retention]."
