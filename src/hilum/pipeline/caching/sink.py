"""Where the instances of one fetch land, and whoever waits for them takes them from."""

import asyncio
from collections import deque
from collections.abc import Callable

from hilum.kernel.errors import NotAllowed
from hilum.kernel.names import is_uid
from hilum.ledger.holdings import Holding
from hilum.pipeline.caching.landing import CacheLanding, Dock
from hilum.pipeline.caching.pins import Pins
from hilum.pipeline.landing import Incoming


class FetchSink:
    """One fetch (`pipeline.answerers.ports.CacheSink`). Lives on the event loop."""

    def __init__(
        self,
        dock: Dock,
        pins: Pins,
        answerer: str,
        *,
        landed: Callable[[str, Holding], None],
        unpin: Callable[[Holding], None],
    ) -> None:
        self._dock = dock
        self._pins = pins
        self._answerer = answerer
        self._told = landed
        self._unpin = unpin
        self._kept: deque[Holding] = deque()
        self._news = asyncio.Event()
        self._is_over = False

    async def land(self, incoming: Incoming) -> CacheLanding:
        """Begin with an instance."""
        if self._is_over:
            raise NotAllowed("nobody waits for it any more")
        if not is_uid(incoming.sop_instance_uid):
            raise NotAllowed("its SOP Instance UID is not a UID")
        return CacheLanding(self._dock, self._answerer, incoming, self._landed)

    def kept(self) -> "Kept":
        """Give each holding as soon as it is complete, pinned once, until `end`."""
        return Kept(self)

    async def next_kept(self) -> Holding | None:
        """Give the next one; None: nothing more comes."""
        while not self._kept:
            if self._is_over:
                return None
            self._news.clear()
            await self._news.wait()
        return self._kept.popleft()

    def close(self) -> None:
        """Nobody takes anything any more: what was not taken is let go of."""
        self.end()
        while self._kept:
            self._unpin(self._kept.popleft())

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._news.set()

    def _landed(self, holding: Holding) -> None:
        self._told(self._answerer, holding)
        self._pins.add(holding.path)
        if self._is_over:  # nobody is told of it
            self._unpin(holding)
            return
        self._kept.append(holding)
        self._news.set()


class Kept:
    """What was kept, to be iterated; closing it, begun or not, lets go of the rest."""

    def __init__(self, sink: FetchSink) -> None:
        self._sink = sink

    def __aiter__(self) -> "Kept":
        """Give itself."""
        return self

    async def __anext__(self) -> Holding:
        """Wait for the next one."""
        holding = await self._sink.next_kept()
        if holding is None:
            raise StopAsyncIteration
        return holding

    async def aclose(self) -> None:
        """Let go of what was not taken."""
        self._sink.close()
