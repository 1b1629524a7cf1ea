"""How a lane is doing, for metrics, the API and forecasts. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """One lane of one process; depth and age of what waits are in the ledger."""

    destination: str
    gate: str  # why nothing is begun now, or "open"
    breaker: str  # closed, open, halfopen
    reason: str  # what is wrong, in the destination's own words; '' if nothing
    failing: str
    interrupted_seconds: float
    window: int
    sessions: int
    busy: int
    stock: int
    delivered: int  # since the process began
    delivered_bytes: int
