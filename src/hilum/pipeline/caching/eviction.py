"""Which studies leave the cache: decided from how large they are and when they were used."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

# So many entries cost each process some 50 MB; more than ten gigabytes of images have.
PAYLOADS_MAX: Final = 100_000
# Below so much room for what is kept for good, the cache makes way.
ROOM_MARGIN_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Stock:
    """A study. `newest`: when the last of it came (microseconds); `used`: seconds since 1970."""

    place: str
    payloads: int
    file_bytes: int
    newest: int
    used: float
    is_used: bool


@dataclass(slots=True)
class Excess:
    """How much there is beyond what may be."""

    payloads: int
    file_bytes: int

    def less(self, payloads: int, file_bytes: int) -> None:
        """Count what went."""
        self.payloads -= payloads
        self.file_bytes -= file_bytes

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more has to go."""
        return self.payloads <= 0 and self.file_bytes <= 0


def excess_of(stocks: Iterable[Stock], *, bytes_max: int, room_left: int | None) -> Excess:
    """Tell how much has to go; `room_left`: for what is kept for good, None: not known."""
    payloads = file_bytes = 0
    for stock in stocks:
        payloads += stock.payloads
        file_bytes += stock.file_bytes
    missing = 0 if room_left is None else ROOM_MARGIN_BYTES - room_left
    bound = min(bytes_max, max(file_bytes - missing, 0)) if missing > 0 else bytes_max
    return Excess(payloads - PAYLOADS_MAX, file_bytes - bound)


def too_old(stocks: Iterable[Stock], *, oldest: int) -> Iterator[Stock]:
    """Give the studies that nobody uses and nothing of which may be given out any more."""
    for stock in stocks:
        if not stock.is_used and stock.newest < oldest:
            yield stock


def by_use(stocks: Iterable[Stock]) -> list[Stock]:
    """Give the studies that nobody uses, what was used longest ago first."""
    return sorted((one for one in stocks if not one.is_used), key=lambda one: (one.used, one.place))
