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


def excess_of(stocks: Iterable[Stock], *, bytes_max: int, missing_bytes: int) -> Excess:
    """Tell how much has to go; `missing_bytes`: of room for what is kept for good."""
    payloads = file_bytes = 0
    for stock in stocks:
        payloads += stock.payloads
        file_bytes += stock.file_bytes
    bound = min(bytes_max, max(file_bytes - max(missing_bytes, 0), 0))
    return Excess(payloads - PAYLOADS_MAX, file_bytes - bound)


def missing_room(left_bytes: int, reserve_bytes: int, free_bytes_min: int) -> int:
    """Tell how much room is missing: above the reserve, and above what retention keeps free."""
    free = left_bytes + reserve_bytes
    wanted = free_bytes_min + ROOM_MARGIN_BYTES if free_bytes_min else 0
    return max(ROOM_MARGIN_BYTES - left_bytes, wanted - free)


def too_old(stocks: Iterable[Stock], *, oldest: int) -> Iterator[Stock]:
    """Give the studies that nobody uses and nothing of which may be given out any more."""
    for stock in stocks:
        if not stock.is_used and stock.newest < oldest:
            yield stock


def by_use(stocks: Iterable[Stock]) -> list[Stock]:
    """Give the studies that nobody uses, what was used longest ago first."""
    return sorted((one for one in stocks if not one.is_used), key=lambda one: (one.used, one.place))
