"""What goes out on one connection: whole messages in their order, never more than can be sent.

Responses that become due in the middle of a message of ours wait for its end (PS3.8 §E.1).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Self

from hilum.dimse.upper.association import Association
from hilum.dimse.upper.state import State
from hilum.kernel.errors import Unreachable
from hilum.sources.dimse.channel import UNSENT_BYTES_MAX, Bytes, Channel

# Data may be sent after the peer asked for release, until we agree (PS3.8 §9.2, AR-7).
_CAN_SEND: Final = frozenset({State.ESTABLISHED, State.AWAITING_LOCAL_RELEASE})


class Outbox:
    """The sending half of a connection. Lives on the event loop.

    One task at a time may send messages with data sets and wait for room; single commands may be
    sent by anybody at any time.
    """

    def __init__(
        self,
        channel: Channel,
        engine: Association,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        lost: Callable[[OSError], None],
    ) -> None:
        """Take the transport; `lost` is told when it fails."""
        self.turns = 0  # how often the socket took something that had to wait
        self._channel = channel
        self._engine = engine
        self._loop = loop
        self._descriptor = descriptor
        self._lost = lost
        self._held = bytearray()
        self._is_in_message = False
        self._is_writing = False
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Tell whether a message stands still because the peer does not take it."""
        return self._waiter is not None

    @property
    def can_send(self) -> bool:
        """Tell whether commands and data may be sent."""
        return not self._is_closed and self._engine.state in _CAN_SEND

    def send(self, data: bytes) -> None:
        """Send bytes of the protocol."""
        if self._is_closed:
            return
        try:
            self._channel.send(data)
        except OSError as error:
            self._lost(error)
            return
        self._await_room()

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send a command set without a data set, in as many PDUs as the peer asks for."""
        if not self.can_send:
            return
        pdus = self._engine.command(context_id, command)
        if not self._is_in_message:
            self.send(pdus)
        elif len(self._held) + len(pdus) > UNSENT_BYTES_MAX:
            self._lost(ConnectionAbortedError("the peer does not read our answers"))
        else:
            self._held += pdus

    def message(self) -> Self:
        """Let nothing go between the parts of a message; afterwards, what waited for it."""
        return self

    def __enter__(self) -> None:
        """Begin a message."""
        self._is_in_message = True

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._is_in_message = False
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            self.send(held)

    async def send_parts(self, parts: Sequence[Bytes]) -> None:
        """Send parts of a message; when this returns their memory may be used again.

        Raises:
            Unreachable: the connection is over.
        """
        self._check()
        try:
            self._channel.send_parts(parts)
        except OSError as error:
            self._lost(error)
        self._await_room()
        while self._channel.has_unsent:
            self._check()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._check()

    def close(self) -> None:
        """Send nothing any more; whoever waits for room is told."""
        self._is_closed = True
        # It knows us: two that know each other wait for the garbage collector.
        self._lost = _nobody
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._descriptor)
        self._wake()

    def _check(self) -> None:
        if not self.can_send:
            raise Unreachable("the peer went away")

    def _await_room(self) -> None:
        if not self._is_closed and self._channel.has_unsent and not self._is_writing:
            self._is_writing = True
            self._loop.add_writer(self._descriptor, self._writable)

    def _writable(self) -> None:
        try:
            self._channel.flush()
        except OSError as error:
            self._lost(error)
            return
        self.turns += 1
        if not self._channel.has_unsent:
            self._is_writing = False
            self._loop.remove_writer(self._descriptor)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _nobody(error: OSError) -> None:
    """Hear of a failure after everything is over."""
