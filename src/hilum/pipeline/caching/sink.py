"""Where the instances of one fetch land, and whoever waits for them takes them from."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from hilum.kernel.errors import CorruptPayload, NotAllowed
from hilum.kernel.names import is_uid
from hilum.ledger.holdings import Holding
from hilum.pipeline.caching.landing import CacheLanding, Dock
from hilum.pipeline.caching.pins import Pins
from hilum.pipeline.landing import Bytes, Incoming


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
        adopt: Callable[[str, str], Awaitable[Holding | None]],
    ) -> None:
        self._dock = dock
        self._pins = pins
        self._answerer = answerer
        self._told = landed
        self._unpin = unpin
        self._adopt = adopt
        self._kept: deque[Holding] = deque()
        self._news = asyncio.Event()
        self._is_over = False
        self.is_passing = False  # see the port

    async def land(self, incoming: Incoming) -> "CacheLanding | AdoptedLanding":
        """Begin with an instance."""
        if self._is_over:
            raise NotAllowed("nobody waits for it any more")
        if not is_uid(incoming.sop_instance_uid):
            raise NotAllowed("its SOP Instance UID is not a UID")
        if incoming.cached:
            return AdoptedLanding(self, incoming)
        return CacheLanding(
            self._dock,
            self._answerer,
            incoming,
            self._landed,
            is_short=True,
            is_passing=self.is_passing,
        )

    async def adopt(self, incoming: Incoming) -> None:
        """Keep what another process of ours put into the cache."""
        holding = await self._adopt(self._answerer, incoming.cached)
        if holding is None:
            raise CorruptPayload("it is not in the cache any more")
        if holding.sop_instance_uid != incoming.sop_instance_uid:
            raise NotAllowed("it is another instance than was announced")
        self._landed(holding)

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
        self._pins.add(holding.path)  # first: a thread may write its file at once
        self._told(self._answerer, holding)
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


class AdoptedLanding:
    """An instance that lies in the cache already; who wants to see its bytes has seen them."""

    def __init__(self, sink: FetchSink, incoming: Incoming) -> None:
        self._sink = sink
        self._incoming = incoming

    async def take(self, piece: Bytes) -> None:
        """Need no bytes."""

    async def keep(self) -> None:
        """Keep it, if it is there and whole."""
        await self._sink.adopt(self._incoming)

    async def drop(self) -> None:
        """It goes when its time comes."""


class HandoverSink:
    """Where instances land that another process of ours waits for; see `homecoming`."""

    def __init__(self, dock: Dock, answerer: str) -> None:
        self._dock = dock
        self._answerer = answerer
        self._paths: dict[str, str] = {}

    async def land(self, incoming: Incoming) -> CacheLanding:
        """Begin with an instance."""
        return CacheLanding(self._dock, self._answerer, incoming, self._landed)

    def path_of(self, sop_instance_uid: str) -> str:
        """Give where an instance lies that was kept; it is not pinned, but stays for a while."""
        return self._paths[sop_instance_uid]

    def _landed(self, holding: Holding) -> None:
        self._paths[holding.sop_instance_uid] = holding.path
