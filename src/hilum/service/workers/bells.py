"""What workers call each other with: a socket for each, and memory that tells how busy each is."""

import mmap
from contextlib import suppress
from socket import AF_UNIX, SOCK_DGRAM, socket, socketpair
from typing import Final

# Who has not said how busy it is for so long hangs, is dead, or has more than enough to do.
FRESH_SECONDS: Final = 0.5
# Who computes for so small a part of the time can do more, whatever others do.
HAS_TIME: Final = 0.25
MESSAGE_BYTES_MAX: Final = 64 * 1024
_FIGURE_BYTES: Final = 8


class Bells:
    """The bells of all workers. To be made before they are forked; workers count from 1."""

    def __init__(self, workers: int) -> None:
        self._workers = range(1, workers + 1)
        pairs = [socketpair(AF_UNIX, SOCK_DGRAM) for _ in self._workers]
        for one in (end for pair in pairs for end in pair):
            one.settimeout(0)
        self._hearing = {number: pair[0] for number, pair in zip(self._workers, pairs, strict=True)}
        self._calling = {number: pair[1] for number, pair in zip(self._workers, pairs, strict=True)}
        self._loads = _shared(workers + 1)
        self._told_at = _shared(workers + 1)

    def hearing(self, worker: int) -> socket:
        """Give the socket that is readable when a worker is called."""
        return self._hearing[worker]

    def ring(self, worker: int, message: bytes) -> bool:
        """Call a worker; False: it has not listened for too long, or it is too much to say."""
        if len(message) > MESSAGE_BYTES_MAX:
            return False
        with suppress(OSError):
            self._calling[worker].send(message)
            return True
        return False

    def heard(self, worker: int) -> bytes | None:
        """Give what a worker was told next, if it was told something."""
        with suppress(OSError):
            return self._hearing[worker].recv(MESSAGE_BYTES_MAX)
        return None

    def tell_load(self, worker: int, load: float, now: float) -> None:
        """Say how busy a worker is: the part of the time for which it computed."""
        self._loads[worker], self._told_at[worker] = load, now

    def least_busy(self, worker: int, now: float) -> int | None:
        """Give who is less busy than `worker`, or has time anyway; None: nobody else is."""
        others = [
            one
            for one in self._workers
            if one != worker and now - self._told_at[one] < FRESH_SECONDS
        ]
        least = min(others, key=lambda one: self._loads[one], default=None)
        most = max(self._loads[worker], HAS_TIME)
        return None if least is None or self._loads[least] > most else least


def _shared(figures: int) -> "memoryview[float]":
    return memoryview(mmap.mmap(-1, _FIGURE_BYTES * figures)).cast("d")
