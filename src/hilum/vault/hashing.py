"""A thread that computes digests while the thread that asked writes the same bytes to disk.

Both leave the interpreter free for each other, so a large payload costs the slower of the two and
not their sum. Short runs are not worth the way to another thread and back.
"""

import threading
from _thread import LockType
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Final

from blake3 import blake3

from hilum.vault.disk import Bytes

# The way costs some 20 µs, as much as the digest of so many bytes.
_WORTH_BYTES: Final = 64 * 1024

_Job = tuple[blake3, Sequence[Bytes], LockType]


class Hashing:
    """One thread for all drafts of a process."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="hashing", daemon=True)
        self._thread.start()

    def begin(self, digest: blake3, pieces: Sequence[Bytes], size: int) -> LockType | None:
        """Begin to add `pieces` to `digest`; acquire what is given before using either again.

        None means that it is done already.
        """
        if size < _WORTH_BYTES:
            for piece in pieces:
                digest.update(piece)
            return None
        done = threading.Lock()
        done.acquire()
        self._queue.put((digest, pieces, done))
        return done

    def stop(self) -> None:
        """Finish what was begun, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            digest, pieces, done = job
            try:
                for piece in pieces:
                    digest.update(piece)
            finally:
                done.release()
