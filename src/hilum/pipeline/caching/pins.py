"""Which cached payloads are in use in this process: pinned, or let go a moment ago.

Pinned and unpinned on the event loop, looked at by a thread that takes payloads away.
"""

from hilum.kernel.clock import Clock
from hilum.vault.cache.leases import GRACE_SECONDS
from hilum.vault.cache.places import place_of


class Pins:
    """Counts of pins, by path, and when what is not pinned was used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._used: dict[str, float] = {}

    def __contains__(self, path: str) -> bool:
        """Tell whether it is pinned."""
        return path in self._counts

    def __len__(self) -> int:
        """Give how many payloads are pinned."""
        return len(self._counts)

    def add(self, path: str) -> None:
        """Pin."""
        self._counts[path] = self._counts.get(path, 0) + 1

    def remove(self, path: str) -> bool:
        """Unpin; tell whether that was the last pin."""
        left = self._counts.get(path, 0) - 1
        if left > 0:
            self._counts[path] = left
            return False
        if self._counts.pop(path, None) is None:
            return False  # let go more often than it was held
        self.use(path)
        return True

    def use(self, *paths: str) -> None:
        """They were given out now."""
        self._used.update(dict.fromkeys(paths, self._clock.monotonic()))

    def is_used(self, path: str) -> bool:
        """Tell whether it is pinned, or was used a moment ago."""
        if path in self._counts:
            return True
        used = self._used.get(path)
        return used is not None and self._clock.monotonic() - used < GRACE_SECONDS

    def places(self) -> set[str]:
        """Give the studies of what is pinned."""
        return set(map(place_of, list(self._counts)))

    def tidy(self) -> None:
        """Forget what was used long ago."""
        since = self._clock.monotonic() - GRACE_SECONDS
        # A list of its items would be made one by one, and the loop may add some meanwhile.
        for path, used in self._used.copy().items():
            if used < since:
                self._used.pop(path, None)
