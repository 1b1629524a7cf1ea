"""Live figures of a pool of associations, for whoever wants to see what is going on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InUse:
    """An association that works: what it does, for how long, and the bytes it has brought."""

    what: str
    seconds: float
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A pool at one moment. `is_open`: those that are being opened or closed are counted, too."""

    answerer: str
    peer: str
    associations_max: int
    open: int
    idle: int
    waiting: int
    in_use: tuple[InUse, ...]
