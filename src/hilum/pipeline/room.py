"""How much may still be written before the reserve is touched: that is for ledger and audit."""

from collections.abc import Callable

# Gives the reserve in bytes on a file system of the given size.
ReserveOf = Callable[[int], int]


class Room:
    """A count of what may still be taken, refreshed from the file system once in a while."""

    def __init__(self, reserve_of: ReserveOf) -> None:
        self._reserve_of = reserve_of
        self.left = 0
        self.reserve_bytes = 0
        self.is_known = False  # before the first look at the file system nothing may be taken
        # Why nothing may be taken although there is room: a quota of what may be held.
        self.bar: str | None = None

    def refresh(self, free: int, size: int) -> None:
        """Learn what the file system says."""
        self.reserve_bytes = self._reserve_of(size)
        self.left = free - self.reserve_bytes
        self.is_known = True

    def take(self, size: int) -> None:
        """Count what is about to be written."""
        self.left -= size

    def shut(self) -> None:
        """Take nothing more until the next refresh: the disk said that it is full."""
        self.left = min(self.left, 0)

    @property
    def obstacle(self) -> str | None:
        """Say why nothing can be taken now, or None."""
        return self.shortage or self.bar

    @property
    def shortage(self) -> str | None:
        """Say that there is no room, or None: something that does not stay can be written."""
        if self.left > 0:
            return None
        return (
            f"the disk is full up to its reserve of {self.reserve_bytes:,} bytes; free space on it "
            "or lower gateway.reserve_bytes"
        )
