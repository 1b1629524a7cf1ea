"""One gateway for one data folder: two would tear each other's vault and ledger apart."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from hilum.kernel.errors import Misconfigured
from hilum.service.closed import remedy_for
from hilum.service.opening import DataFolder

# Whoever only asks (is_occupied) holds the lock for a moment.
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.01


@contextmanager
def occupied(folder: DataFolder) -> Iterator[None]:
    """Hold the data folder; the lock is the kernel's and ends with the process, however it ends.

    Raises:
        Misconfigured: another process holds it, or the folder cannot be used.
    """
    try:
        folder.run.mkdir(mode=0o750, parents=True, exist_ok=True)
        stream = (folder.run / "lock").open("a", encoding="ascii")
    except OSError as error:
        raise Misconfigured(
            f"gateway.data: {folder.root} cannot be used: {error.strerror}. "
            f"{remedy_for(folder.root, error)}"
        ) from error
    with stream:
        if not any(_is_locked(stream, attempt) for attempt in range(_TRIES)):
            raise Misconfigured(
                f"gateway.data: {folder.root} is in use by another Hilum; stop that one first, or "
                "give this one a folder of its own"
            )
        yield


def is_occupied(folder: DataFolder) -> bool | None:
    """Tell whether a gateway runs on this data folder; None: we may not find out."""
    try:
        stream = (folder.run / "lock").open("r", encoding="ascii")
    except FileNotFoundError:
        return False
    except OSError:
        return None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _is_locked(stream: IO[str], attempt: int) -> bool:
    """Try to get the lock; wait a moment before every try but the first."""
    if attempt:
        time.sleep(_PAUSE_SECONDS)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
