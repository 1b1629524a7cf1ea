"""One gateway for one data folder: two would tear each other's vault and ledger apart."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from hilum.kernel.errors import Misconfigured
from hilum.service.opening import DataFolder


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
            f"gateway.data: {folder.root} cannot be used: {error.strerror}; give the user that "
            "runs Hilum the right to write there, or set another folder"
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                f"gateway.data: {folder.root} is in use by another Hilum; stop that one first, or "
                "give this one a folder of its own"
            ) from None
        yield
