"""The folder in which each worker has a socket that only our own user can reach."""

import os
import socket
from pathlib import Path

# A question is a word and an id; an answer has at most 1,000 associations and 256 requests.
QUESTION_BYTES_MAX = 4 * 1024
ANSWER_BYTES_MAX = 4 * 1024 * 1024


class Meeting:
    """Where the sockets are. It stays open as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if there is none. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def address_of(self, worker: int) -> str:
        """Give the address of a worker's socket.

        By way of the descriptor, for an address has at most 108 bytes and paths of data folders are
        often longer (unix(7)).
        """
        return f"/proc/self/fd/{self._descriptor}/{worker}"

    def has_socket(self, worker: int) -> bool:
        """Tell whether there is something that a worker listens on, or did."""
        return os.path.exists(self.address_of(worker))  # noqa: PTH110 - no path of the data folder

    def listen(self, worker: int) -> socket.socket:
        """Take the place of `worker`; what an earlier life of it left goes. Raises OSError."""
        self.leave(worker)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            address = self.address_of(worker)
            listener.bind(address)
            os.chmod(address, 0o600)  # noqa: PTH101 - as above
        except OSError:
            listener.close()
            raise
        return listener

    def leave(self, worker: int) -> None:
        """Take the socket of `worker` away."""
        try:
            os.unlink(self.address_of(worker))  # noqa: PTH108 - as above
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._descriptor)
