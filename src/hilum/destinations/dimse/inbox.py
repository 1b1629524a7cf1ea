"""What a peer has said and nobody has taken yet: commands, and pieces of data sets, in their order.

Bounded by whoever reads the connection: it stops while the inbox is full.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from hilum.dimse.message import CommandReceived, DataReceived

# A block of what is read, so that most images come without a stop: to stop reading and go on costs
# more than to take what came. What is read in one go is kept even when it goes beyond.
_FULL_BYTES: Final = 1 << 20
# A shorter piece is copied: it would keep a whole block in memory for as long as it is kept.
_COPIED_BYTES_MAX: Final = 16 * 1024
# What a command costs in memory, about.
_COMMAND_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the data set that the last command announced."""

    data: bytes | memoryview
    is_last: bool


Heard = CommandReceived | Piece


class Inbox:
    """First in, first out."""

    def __init__(self) -> None:
        self._heard: deque[Heard] = deque()
        self._bytes = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to take."""
        return not self._heard

    @property
    def is_full(self) -> bool:
        """Tell whether reading should stop."""
        return self._bytes >= _FULL_BYTES

    @property
    def has_room(self) -> bool:
        """Tell whether reading may go on."""
        return self._bytes < _FULL_BYTES // 2

    def put(self, received: CommandReceived | DataReceived) -> None:
        """Keep what was received; the bytes of a data set must stay as they lie."""
        heard: Heard
        if isinstance(received, DataReceived):
            data = received.data
            is_short = len(data) <= _COPIED_BYTES_MAX
            heard = Piece(bytes(data) if is_short else data, received.is_last)
        else:
            heard = received
        self._heard.append(heard)
        self._bytes += _size_of(heard)

    def take(self) -> Heard:
        """Give the oldest; there must be one."""
        heard = self._heard.popleft()
        self._bytes -= _size_of(heard)
        return heard


def _size_of(heard: Heard) -> int:
    return len(heard.data) if isinstance(heard, Piece) else _COMMAND_BYTES
